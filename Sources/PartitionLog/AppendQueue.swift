internal import Files
internal import KafkaRecords
internal import Synchronization

/// Batches on their way to a disk that is slow: checked, with their offsets in them, in memory of their own.
final class QueuedBatches: @unchecked Sendable {  // nobody writes the bytes after init
    let bytes: UnsafeRawBufferPointer
    let first: BatchPlace
    let lastOffset: Int64
    let maxTimestamp: Int64

    init(copying bytes: UnsafeRawBufferPointer, first: BatchPlace, lastOffset: Int64, maxTimestamp: Int64) {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 16)
        copy.copyMemory(from: bytes)
        self.bytes = UnsafeRawBufferPointer(copy)
        self.first = first
        self.lastOffset = lastOffset
        self.maxTimestamp = maxTimestamp
    }

    deinit { bytes.deallocate() }
}

/// What waits to be written of one log, and the log as it will be then. Part of the core: the append lock guards it.
struct AppendQueue: Sendable {
    /// The log's end and its producers once all that waits is written.
    struct Ahead: Sendable {
        var endOffset: Int64
        var producers: ProducerStateTable
    }

    var batches: [QueuedBatches] = []
    /// nil where nothing waits.
    var ahead: Ahead?
    /// A worker holds `PartitionLog.writing`: it alone changes the active segment, and appends wait for it here.
    var isHeld = false
    /// Who wants to know when the log is written up to an offset.
    var waiters: [(offset: Int64, notify: @Sendable (LogError?) -> Void)] = []
}

/// How a log directory's writes go, and the appends that wait for it. Appends are written by whoever brings them while that is fast;
/// after one slow write a worker writes for all logs of the directory, until it has been fast for a while: a short one at first, since
/// one slow write may be an accident and a worker costs more, then a longer one each time that the disk was still slow. So a loop
/// waits for a disk now and then, not with every request.
final class DirectoryPace: Sendable {
    private struct Drain {
        var logs: [PartitionLog] = []
        var isRunning = false
    }

    /// Until when (monotonic) a worker writes; 0: everybody does.
    private let slowUntilNs = Atomic<UInt64>(0)
    private let lastSlowNs = Atomic<UInt64>(0)
    private let calmNs = Atomic<UInt64>(LogLimits.calmNs)
    private let queued = Atomic<Int>(0)
    private let drain = Mutex(Drain())

    var queuedBytes: Int { queued.load(ordering: .relaxed) }
    func queuedBytesChanged(by bytes: Int) { queued.wrappingAdd(bytes, ordering: .relaxed) }

    @inline(__always)
    func isSlow(_ nowNs: @autoclosure () -> UInt64) -> Bool {
        let until = slowUntilNs.load(ordering: .relaxed)
        if until == 0 { return false }
        if nowNs() < until { return true }
        slowUntilNs.store(0, ordering: .relaxed)
        return false
    }

    /// A write of so many bytes has taken so long. Whether that was slow where it had been fast.
    @inline(__always)
    func wrote(_ bytes: Int, fromNs: UInt64, toNs: UInt64) -> Bool {
        let took = toNs &- fromNs
        if took < LogLimits.slowWriteNs { return false }
        // A large write takes its time on the fastest disk.
        if took < LogLimits.slowWriteNs + UInt64(bytes) * 1_000_000_000 / UInt64(LogLimits.slowBytesPerSecond) { return false }
        return wasSlow(toNs)
    }

    private func wasSlow(_ nowNs: UInt64) -> Bool {
        var calm = calmNs.load(ordering: .relaxed)
        let isNew = slowUntilNs.load(ordering: .relaxed) == 0
        if isNew {
            // Two threads that come here at once make it longer twice, which does no harm.
            let isAgain = nowNs &- lastSlowNs.load(ordering: .relaxed) < 10 * calm
            calm = isAgain ? min(2 * calm, LogLimits.longestCalmNs) : LogLimits.calmNs
            calmNs.store(calm, ordering: .relaxed)
        }
        lastSlowNs.store(nowNs, ordering: .relaxed)
        slowUntilNs.store(nowNs + calm, ordering: .relaxed)
        return isNew
    }

    /// A worker writes what waits in `log`. One worker at a time for a directory: a disk that stands must not take them all.
    func drain(_ log: PartitionLog, submit: (@escaping @Sendable () -> Void) -> Void) {
        let mustStart = drain.withLock { drain in
            drain.logs.append(log)
            defer { drain.isRunning = true }
            return !drain.isRunning
        }
        if mustStart { submit { [self] in run() } }
    }

    private func run() {
        while let log = drain.withLock({ drain -> PartitionLog? in
            if drain.logs.isEmpty {
                drain.isRunning = false
                return nil
            }
            return drain.logs.removeFirst()
        }) {
            log.writeQueued()
        }
    }
}
