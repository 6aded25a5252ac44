internal import EventLoop
internal import Files
internal import Synchronization

/// Who waits for the disk. One flush at a time; those who come meanwhile share the next.
struct FlushQueue: Sendable {
    var waiters: [@Sendable (LogError?) -> Void] = []
    var isRunning = false
}

extension PartitionLog {
    /// Calls `notify` once everything below `offset` is on the disk: at once where it is already, else on a worker after an
    /// fsync that all who wait share; with an error where the disk failed.
    package func flushed(upTo offset: Int64, notify: @escaping @Sendable (LogError?) -> Void) {
        if flushedOffset >= offset { return notify(nil) }
        guard logEndOffset >= offset else {
            return written(upTo: offset) { [self] failure in
                if let failure { notify(failure) } else { flushed(upTo: offset, notify: notify) }
            }
        }
        let mustStart = flushes.withLock { queue in
            queue.waiters.append(notify)
            defer { queue.isRunning = true }
            return !queue.isRunning
        }
        if mustStart { environment.submit { self.serveFlushes() } }
    }

    private func serveFlushes() {
        while true {
            let waiters = flushes.withLock { queue in
                defer { queue.waiters = [] }
                if queue.waiters.isEmpty { queue.isRunning = false }
                return queue.waiters
            }
            if waiters.isEmpty { return }
            // What they wait for was appended before they came, so this flush has it.
            var failure: LogError?
            do throws(LogError) { try flush() } catch { failure = error }
            for notify in waiters { notify(failure) }
        }
    }

    /// Brings everything that was appended before the call to the disk. For workers.
    package func flush() throws(LogError) {
        writeQueued()
        try diskWork.withLock { _ throws(LogError) in try flushHoldingDisk() }
    }

    private func flushHoldingDisk() throws(LogError) {
        // Pages that an fsync could not write count as clean from then on: another one would say that all is well.
        guard directory.isOnline else { throw LogError(.storage, "\(directory.path) is offline") }
        let (end, segments, namesToo, path, bytes) = core.withLock { core in
            defer { core.needsDirectorySync = false }
            let first = core.segments.floorIndex(core.flushedOffset) ?? 0
            return (core.logEndOffset, Array(core.segments[first...]), core.needsDirectorySync, core.path, core.appendedBytes)
        }
        do throws(FileError) {
            for segment in segments {
                try segment.log.open().sync()
                // Unlike the other indexes it is not made anew by a look at the records alone.
                try segment.abortIndex.sync()
            }
            if namesToo { try syncNames(path) }
        } catch {
            core.withLock { $0.needsDirectorySync = $0.needsDirectorySync || namesToo }
            throw failed(error)
        }
        core.withLock { core in
            core.flushedOffset = max(core.flushedOffset, min(end, core.logEndOffset))
            core.flushedBytes = max(core.flushedBytes, bytes)
            core.lastFlushMs = environment.clock.wallMs()
            // Readers see what waited for this flush.
            publish(&core)
        }
    }

    private func syncNames(_ path: String) throws(FileError) {
        let metadata = path + "/" + PartitionMetadataFile.name
        if try environment.fileSystem.status(metadata) != nil {
            try environment.fileSystem.open(metadata, .readWrite).sync()
        }
        try environment.fileSystem.syncDirectory(path)
        try environment.fileSystem.syncDirectory(directory.path)
    }

    /// After a roll: what lies before the active segment goes to the disk with its indexes, and the recovery point behind it.
    func settleFinishedSegments() {
        diskWork.withLock { _ in
            let (base, bytes, path, isOpen) = core.withLock { core in
                (core.active.baseOffset, core.appendedBytes - core.active.size, core.path, core.condition == .open)
            }
            guard isOpen, directory.isOnline else { return }
            // A failure has taken the directory offline; whoever waits for the disk hears of it there.
            try? settle(upTo: base, bytes: bytes, path)
        }
    }

    /// Moves the recovery point to the log's end: flush, indexes, epochs, a producer snapshot. A start after a kill reads what
    /// comes after it.
    package func checkpointRecoveryPoint() throws(LogError) {
        try diskWork.withLock { _ throws(LogError) in
            let (offset, bytes, snapshot, path, isNew) = core.withLock { core in
                let isNew = core.recoveryPoint < core.logEndOffset
                let snapshot = isNew ? ProducerSnapshotFile.encode(core.producers) : []
                return (core.logEndOffset, core.appendedBytes, snapshot, core.path, isNew)
            }
            guard isNew else { return }
            do throws(FileError) {
                try environment.fileSystem.replace(ProducerSnapshots.path(path, offset), with: snapshot, durably: false)
            } catch {
                throw failed(error)
            }
            try settle(upTo: offset, bytes: bytes, path)
        }
    }

    /// The snapshot of `offset` stands in the directory; `bytes` had been appended there. The caller holds `diskWork`.
    private func settle(upTo offset: Int64, bytes: Int, _ path: String) throws(LogError) {
        try flushHoldingDisk()
        let (segments, recoveryPoint, epochs) = core.withLock { core in
            defer { core.epochs.wasWritten() }
            return (core.segments, core.recoveryPoint, core.epochs.needsWrite ? core.epochs.text : nil)
        }
        let fileSystem = environment.fileSystem
        do throws(FileError) {
            // The one that ends at the recovery point, too: its last entries came when it was closed.
            let first = segments.floorIndex(recoveryPoint - 1) ?? 0
            for segment in segments[first...] where segment.baseOffset < offset {
                try segment.offsetIndex.sync()
                try segment.timeIndex.sync()
            }
            if let epochs {
                try fileSystem.replace(path + "/" + LeaderEpochCache.fileName, with: epochs, durably: true)
            }
            // The snapshot that a roll wrote may be lost since (a power loss): then the recovery point waits for the next one.
            let snapshot = ProducerSnapshots.path(path, offset)
            guard offset > recoveryPoint, try fileSystem.status(snapshot) != nil else { return }
            try fileSystem.open(snapshot, .readWrite).sync()
            try fileSystem.syncDirectory(path)
            try ProducerSnapshots.removeOld(path, keeping: Set(segments.map(\.baseOffset)), latest: offset, of: fileSystem)
        } catch {
            throw failed(error)
        }
        core.withLock { core in
            core.recoveryPoint = max(core.recoveryPoint, min(offset, core.logEndOffset))
            core.settledBytes = max(core.settledBytes, bytes)
        }
        directory.recoveryPointsMoved.store(true, ordering: .releasing)
    }

    /// Everything on the disk, and no more appends: what is left needs no look at the next start.
    package func close() throws(LogError) {
        let wasOpen = core.withLock { core in
            defer { core.condition = .closed }
            return core.condition == .open
        }
        guard wasOpen, directory.isOnline else { return dropQueue(LogError(.closed, "\(partition) is closed")) }
        try exclusively { () throws(LogError) in try core.withLock { $0.active }.finish() }
        try checkpointRecoveryPoint()
        // Where nothing was appended since the last checkpoint, a changed epoch file or index may still wait.
        try diskWork.withLock { _ throws(LogError) in
            let (active, epochs, path) = core.withLock { core in
                defer { core.epochs.wasWritten() }
                return (core.active, core.epochs.needsWrite ? core.epochs.text : nil, core.path)
            }
            do throws(FileError) {
                try active.offsetIndex.sync()
                try active.timeIndex.sync()
                if let epochs {
                    try environment.fileSystem.replace(
                        path + "/" + LeaderEpochCache.fileName, with: epochs, durably: true)
                }
            } catch {
                throw failed(error)
            }
        }
    }
}
