import EventLoop
import Groups
import KafkaMessages
import KafkaRecords
import Synchronization
import Telemetry
import TestKit

/// The partitions of `__consumer_offsets` in memory: assigns offsets and leader epoch as a log does; commits, withholds or
/// refuses what the test says.
final class MemoryLog: GroupLog {
    struct State {
        var batches: [Int32: [[UInt8]]] = [:]
        var refusal: GroupLogError?
        /// While set, appends wait for `commitAll` or `failAll`.
        var withholds = false
        var waiting: [@Sendable (ErrorCode) -> Void] = []
        /// Runs in the middle of a read.
        var duringRead: (@Sendable () -> Void)?
    }
    let state = Mutex(State())

    func append(
        _ batch: UnsafeMutableRawBufferPointer, to partition: Int32, leaderEpoch: Int32
    ) throws(GroupLogError) -> GroupLogAppend {
        let (refusal, base, isCommitted): (GroupLogError?, Int64, Bool) = state.withLock { state in
            (state.refusal, Self.endOffset(state.batches[partition] ?? []), !state.withholds)
        }
        if let refusal { throw refusal }
        BatchEditor.setBaseOffset(base, of: batch.baseAddress!)
        BatchEditor.setPartitionLeaderEpoch(leaderEpoch, of: batch.baseAddress!)
        let bytes = Array(batch)
        state.withLock { $0.batches[partition, default: []].append(bytes) }
        let last = bytes.withUnsafeBytes { RecordBatchHeader($0)!.lastOffset }
        return GroupLogAppend(baseOffset: base, lastOffset: last, isCommitted: isCommitted)
    }

    private static func endOffset(_ batches: [[UInt8]]) -> Int64 {
        batches.last.map { $0.withUnsafeBytes { RecordBatchHeader($0)!.nextOffset } } ?? 0
    }

    func whenCommitted(
        _ partition: Int32, lastOffset: Int64, timeoutMs: Int32, _ body: @escaping @Sendable (ErrorCode) -> Void
    ) {
        let isCommitted = state.withLock { state in
            if state.withholds { state.waiting.append(body) }
            return !state.withholds
        }
        if isCommitted { body(.none) }
    }

    func settle(_ error: ErrorCode = .none) {
        let waiting = state.withLock { state in
            defer { state.waiting = [] }
            state.withholds = false
            return state.waiting
        }
        for body in waiting { body(error) }
    }

    func read(
        _ partition: Int32, from offset: Int64, maxBytes: Int, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> Bool {
        let (batches, during) = state.withLock { ($0.batches[partition] ?? [], $0.duringRead) }
        during?()
        var bytes: [UInt8] = []
        for batch in batches {
            let next = batch.withUnsafeBytes { RecordBatchHeader($0)!.nextOffset }
            if next <= offset { continue }
            if !bytes.isEmpty, bytes.count + batch.count > maxBytes { break }
            bytes += batch
        }
        if bytes.isEmpty { return false }
        try bytes.withUnsafeBytes(body)
        return true
    }

    func logStartOffset(_ partition: Int32) -> Int64 { 0 }

    func bytes(of partition: Int32) -> [UInt8] { state.withLock { ($0.batches[partition] ?? []).flatMap { $0 } } }
    func count(of partition: Int32) -> Int { state.withLock { $0.batches[partition]?.count ?? 0 } }

    /// The log as it is after a crash that left this many batches of one partition.
    func copy(keeping count: Int, of partition: Int32) -> MemoryLog {
        let copy = MemoryLog()
        let batches = state.withLock { $0.batches }
        copy.state.withLock { state in
            state.batches = batches
            state.batches[partition] = Array((batches[partition] ?? []).prefix(count))
        }
        return copy
    }
}

/// A coordinator of 50 partitions on a clock and a log of the test's.
final class Scene: @unchecked Sendable {  // a test is one thread
    let clock: ManualClock
    let log: MemoryLog
    let groups: GroupCoordinator

    init(
        _ configuration: GroupConfiguration = .quick, log: MemoryLog = MemoryLog(), wallMs: Int64 = 1_700_000_000_000,
        names: [String] = [], loads: Bool = true
    ) {
        clock = ManualClock(wallMs: wallMs)
        self.log = log
        let names = Names(names)
        groups = GroupCoordinator(
            configuration: configuration, partitionCount: 50, log: log, clock: clock,
            logger: Logger("groups", log: Log { _, _ in }),
            makeUniqueName: { names.next() }, announce: { _ in })
        if loads { loadAll() }
    }

    /// Those given first, then 1, 2, 3 and so on.
    private final class Names: Sendable {
        private let state: Mutex<(given: [String], count: Int)>
        init(_ given: [String]) { state = Mutex((given, 0)) }
        func next() -> String {
            state.withLock { state in
                if !state.given.isEmpty { return state.given.removeFirst() }
                state.count += 1
                return "\(state.count)"
            }
        }
    }

    func loadAll() {
        for partition in 0..<groups.partitionCount {
            groups.willLoad(partition, leaderEpoch: 0)
            groups.load(partition, leaderEpoch: 0)
        }
    }

    func pass(ms: Int64) {
        let end = clock.now().advanced(byMs: ms)
        while groups.nextDeadline <= end {
            clock.advance(ms: max(groups.nextDeadline.milliseconds(since: clock.now()), 0))
            groups.runTimers()
        }
        clock.advance(ms: end.milliseconds(since: clock.now()))
    }
}

extension GroupConfiguration {
    static var quick: GroupConfiguration {
        var configuration = GroupConfiguration()
        configuration.initialRebalanceDelayMs = 0
        return configuration
    }
}

/// Holds the answer to a request that may have to wait.
final class Pending<Answer: Sendable>: Sendable {
    private let answers = Mutex<[Answer]>([])
    var value: Answer? { answers.withLock { $0.first } }
    var count: Int { answers.withLock { $0.count } }
    func set(_ answer: Answer) { answers.withLock { $0.append(answer) } }
}
