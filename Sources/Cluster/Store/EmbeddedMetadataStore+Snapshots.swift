internal import EventLoop
internal import Synchronization
internal import Telemetry

extension EmbeddedMetadataStore {
    /// How many snapshots stay: the last, and one before it in case that is found damaged.
    static let snapshotsKept = 2

    /// Writes a snapshot once enough has been appended since the last, and drops the log that it covers. On a worker.
    func snapshotIfDue() {
        let due = state.withLock { state in
            guard !state.isSnapshotting, state.failure == nil else { return false }
            guard state.log.bytesSinceSnapshot >= options.bytesBetweenSnapshots else { return false }
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
        }
    }

    /// Writes a snapshot of what is committed.
    package func writeSnapshot() throws(MetadataError) {
        let image = publisher.image
        let control = state.withLock { [$0.kraftVersion, $0.voters].compactMap(\.self) }
        let name = SnapshotName(endOffset: image.offset + 1, epoch: image.epoch)
        let writer = SnapshotWriter(
            directory: directory.path, fileSystem: options.fileSystem, timestamp: options.clock.wallMs())
        let records = image.records()
        try writer.write(records, as: name, control: control)
        let dropped = try state.withLock { state throws(MetadataError) in
            state.snapshots.removeAll { $0 == name }
            state.snapshots.append(name)
            let dropped = Array(state.snapshots.dropLast(Self.snapshotsKept))
            state.snapshots.removeFirst(dropped.count)
            state.log.bytesSinceSnapshot = 0
            // The next snapshot can drop what is behind this one, if the segment ends here.
            try state.log.roll()
            try state.log.removeSegments(before: state.snapshots[0].endOffset)
            return dropped
        }
        for snapshot in dropped { try directory.remove(snapshot) }
        Self.logger.info(
            "wrote a metadata snapshot", ["endOffset": name.endOffset, "records": records.count])
    }
}
