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
        var joins: [Ticket: @Sendable (JoinAnswer) -> Void] = [:]
        var syncs: [Ticket: @Sendable (SyncAnswer) -> Void] = [:]
        var nextTicket: Ticket = 1
        /// For when the timers have this group; `never` where they do not.
        var armed: MonotonicTime = .never
        /// Deleted, or its partition lost: not in the table any more. Who finds it so looks again there.
        var isRemoved = false

        func hasPending(_ topic: UnsafeRawBufferPointer, _ partition: Int32) -> Bool {
            pending.values.contains { $0.find(topic, partition) != nil }
        }
    }

    init(_ machine: ClassicGroup, hash: Int32, partition: Int32) {
        id = machine.id
        self.hash = hash
        self.partition = partition
        guarded = Mutex(State(machine: machine))
    }

    func withState<Result>(_ body: (inout State) -> Result) -> Result { guarded.withLock { body(&$0) } }
}
