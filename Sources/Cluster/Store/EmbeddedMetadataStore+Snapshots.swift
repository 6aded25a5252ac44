internal import EventLoop
internal import Synchronization
internal import Telemetry

extension EmbeddedMetadataStore {
    /// How often snapshots are held against the bounds on what is kept, as Kafka does.
    private static let cleaningIntervalMs: Int64 = 60_000

    /// What has to be done from time to time: for a worker, about once a second. A snapshot after
    /// `metadata.log.max.snapshot.interval.ms`, where something was appended since the last; and what is old goes.
    package func maintain() {
        let nowMs = options.clock.wallMs()
        let isCleaningDue = state.withLock { state in
            // A clock that was set back must not stop it.
            guard nowMs - state.lastCleaningMs >= Self.cleaningIntervalMs || nowMs < state.lastCleaningMs else {
                return false
            }
            state.lastCleaningMs = nowMs
            return true
        }
        snapshotIfDue()
        if isCleaningDue { removeOldSnapshots() }
    }

    /// Writes a snapshot once enough has been appended since the last, or enough time has passed since then. On a worker.
    func snapshotIfDue() {
        let nowMs = options.clock.wallMs()
        // Whoever writes now looks afterwards.
        guard let bytes = log.withLockIfAvailable({ $0.bytesSinceSnapshot }), bytes > 0 else { return }
        let due = state.withLock { state in
            guard !state.isSnapshotting, state.failure == nil else { return false }
            let isOld = options.snapshotIntervalMs > 0 && nowMs - state.lastSnapshotMs >= options.snapshotIntervalMs
            guard isOld || bytes >= options.bytesBetweenSnapshots else { return false }
            state.isSnapshotting = true
            return true
        }
        guard due else { return }
        options.submit { [self] in
            do throws(MetadataError) {
                try writeSnapshot()
            } catch {
                // The log has everything: the next change tries again.
                Self.logger.error("could not write a metadata snapshot", ["error": error])
            }
            state.withLock { $0.isSnapshotting = false }
            removeOldSnapshots()
        }
    }

    /// Writes a snapshot of what is committed.
    package func writeSnapshot() throws(MetadataError) {
        let image = publisher.image
        let (control, timestamp) = state.withLock {
            ([$0.kraftVersion, $0.voters].compactMap(\.self), $0.lastTimestamp)
        }
        let name = SnapshotName(endOffset: image.offset + 1, epoch: image.epoch)
        let writer = SnapshotWriter(directory: directory.path, fileSystem: options.fileSystem, timestamp: timestamp)
        let records = image.records()
        try writer.write(records, as: name, control: control)
        try log.withLock { log throws(MetadataError) in
            state.withLock { state in
                state.snapshots.removeAll { $0 == name }
                state.snapshots.append(name)
                state.lastSnapshotMs = options.clock.wallMs()
            }
            log.bytesSinceSnapshot = 0
            // Once this snapshot is the oldest, all before it can go, if the segment ends here.
            try log.roll()
        }
        Self.logger.info(
            "wrote a metadata snapshot", ["endOffset": name.endOffset, "records": records.count])
    }

    /// Kafka's rule (KafkaMetadataLog.maybeClean): while log and snapshots together exceed metadata.max.retention.bytes, or the
    /// oldest snapshot is older than metadata.max.retention.ms, the oldest goes, and the log with it up to the next. The
    /// latest snapshot always stays.
    func removeOldSnapshots() {
        // One at a time: who comes while another is at it has nothing to add.
        _ = cleaning.withLockIfAvailable { _ in removeOld() }
    }

    private func removeOld() {
        do throws(MetadataError) {
            while let old = try oldSnapshot() {
                try log.withLock { log throws(MetadataError) in
                    let oldest = state.withLock { state in
                        state.snapshots.removeFirst()
                        return state.snapshots[0].endOffset
                    }
                    try log.removeSegments(before: oldest)
                }
                try directory.remove(old)
                Self.logger.info(
                    "removed a metadata snapshot and the log before the next", ["endOffset": old.endOffset])
            }
        } catch {
            Self.logger.error("could not remove old metadata snapshots", ["error": error])
        }
    }

    private func oldSnapshot() throws(MetadataError) -> SnapshotName? {
        let snapshots = state.withLock { $0.snapshots }, logBytes = log.withLock { $0.sizeInBytes }
        guard snapshots.count > 1, let oldest = snapshots.first else { return nil }
        var total = logBytes
        var oldestTimestamp: Int64 = -1
        for snapshot in snapshots {
            let facts = try directory.facts(of: snapshot)
            total += facts.bytes
            if snapshot == oldest { oldestTimestamp = facts.lastTimestamp }
        }
        if options.retentionBytes >= 0, total > options.retentionBytes { return oldest }
        let age = options.clock.wallMs() - oldestTimestamp
        return options.retentionMs >= 0 && oldestTimestamp >= 0 && age > options.retentionMs ? oldest : nil
    }
}
