internal import EventLoop
internal import Synchronization

/// A group as the coordinator holds it: the machine, the offsets, and who waits.
package final class Group: Sendable {
    let id: ByteString
    let hash: Int32
    /// The partition of `__consumer_offsets` that stores it.
    let partition: Int32
    private let guarded: Mutex<State>

    struct State {
        var machine: ClassicGroup
        var offsets = GroupOffsets()
        /// Offsets of transactions that have not ended, by producer id.
        var pending: [Int64: GroupOffsets] = [:]
        /// What was appended and is not committed yet, in order: it changes the group once it is.
        private(set) var deferred: [(lastOffset: Int64, change: @Sendable (inout State) -> Void)] = []
        var joins: [Ticket: @Sendable (JoinAnswer) -> Void] = [:]
        var syncs: [Ticket: @Sendable (SyncAnswer) -> Void] = [:]
        var nextTicket: Ticket = 1
        /// For when the timers have this group; `never` where they do not.
        var armed: MonotonicTime = .never
        /// Deleted, or its partition lost: not in the table any more. Who finds it so looks again there.
        var isRemoved = false

        init(_ machine: ClassicGroup) { self.machine = machine }

        mutating func deferReplay(upTo lastOffset: Int64, _ change: @escaping @Sendable (inout State) -> Void) {
            deferred.append((lastOffset, change))
        }

        /// Everything up to this offset is committed.
        mutating func replayDeferred(upTo offset: Int64) {
            while let next = deferred.first, next.lastOffset <= offset {
                deferred.removeFirst()
                next.change(&self)
            }
        }

        /// It will never be committed.
        mutating func dropDeferred(_ lastOffset: Int64) { deferred.removeAll { $0.lastOffset == lastOffset } }

        func hasPending(_ topic: UnsafeRawBufferPointer, _ partition: Int32) -> Bool {
            pending.values.contains { $0.find(topic, partition) != nil }
        }
    }

    init(_ machine: ClassicGroup, hash: Int32, partition: Int32) {
        id = machine.id
        self.hash = hash
        self.partition = partition
        guarded = Mutex(State(machine))
    }

    func withState<Result>(_ body: (inout State) -> Result) -> Result { guarded.withLock { body(&$0) } }
}
