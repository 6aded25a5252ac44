package import EventLoop
internal import KafkaMessages
package import KafkaWire
internal import KafkaRecords
package import Telemetry

/// Groups and their offsets, as the broker's APIs ask for them. Every call is one event of one group; what has to wait is
/// answered through the closure that came with it, on whatever thread ends the wait and with no lock held.
///
/// A group lives in the partition of `__consumer_offsets` that its id hashes to. A partition serves between `load` and
/// `unload`; before, its groups hear COORDINATOR_LOAD_IN_PROGRESS or NOT_COORDINATOR.
///
/// Locks: a partition's (look-ups only), a group's (its event, with the append to the log inside), then the timers'. A
/// partition's and a group's are never held together.
package final class GroupCoordinator: Sendable {
    let configuration: GroupConfiguration
    let clock: Clock
    let log: any GroupLog
    let logger: Logger
    /// What members bring about: a client that joins and leaves again and again must not fill the log.
    let provoked: ProvokedLines
    let partitions: [GroupPartition]
    let timers: DeadlineQueue
    /// 36 characters that no other call gives: a random UUID.
    let makeUniqueName: @Sendable () -> String

    /// `announce` is told when `runTimers` is to be called next; it only posts.
    package init(
        configuration: GroupConfiguration, partitionCount: Int32, log: any GroupLog, clock: Clock, logger: Logger,
        makeUniqueName: @escaping @Sendable () -> String, announce: @escaping @Sendable (MonotonicTime) -> Void
    ) {
        self.configuration = configuration
        self.clock = clock
        self.log = log
        self.logger = logger
        provoked = ProvokedLines(logger, burst: GroupLimits.linesPerMinute, clock: clock)
        self.makeUniqueName = makeUniqueName
        partitions = (0..<partitionCount).map { GroupPartition(index: $0) }
        timers = DeadlineQueue(announce: announce)
    }

    /// The partition of `__consumer_offsets` that stores this group.
    package func partition(of group: WireBytes) -> Int32 { Self.partition(of: group, count: Int32(partitions.count)) }

    package static func partition(of group: WireBytes, count: Int32) -> Int32 {
        partition(ofHash: ByteString.javaHash(group.buffer), count: count)
    }

    static func partition(ofHash hash: Int32, count: Int32) -> Int32 {
        // Kafka's Utils.abs: the sign goes, and the smallest number has none to lose.
        (hash == .min ? 0 : abs(hash)) % count
    }

    func home(ofHash hash: Int32) -> GroupPartition {
        partitions[Int(Self.partition(ofHash: hash, count: Int32(partitions.count)))]
    }

    // MARK: Events

    /// What is to be done once the group's lock is released.
    struct Aftermath {
        var joins: [(answer: @Sendable (JoinAnswer) -> Void, JoinAnswer)] = []
        var syncs: [(answer: @Sendable (SyncAnswer) -> Void, SyncAnswer)] = []
        var uncommitted: [(purpose: StorePurpose, lastOffset: Int64)] = []
    }

    /// One event of a group, with what time has brought before it. Nil where the group was removed meanwhile.
    func event<Result>(
        of group: Group, _ body: (inout Group.State, Moment) -> (Result, GroupEffects)
    ) -> Result? {
        var aftermath = Aftermath()
        let result: Result? = group.withState { state in
            guard !state.isRemoved else { return nil }
            let moment = Moment(now: clock.now(), wallMs: clock.wallMs())
            if state.machine.nextDeadline <= moment.now {
                perform(state.machine.tick(at: moment), of: group, &state, moment, &aftermath)
            }
            let (result, effects) = body(&state, moment)
            perform(effects, of: group, &state, moment, &aftermath)
            // A rebalance without delay is due the moment it begins.
            if state.machine.nextDeadline <= moment.now {
                perform(state.machine.tick(at: moment), of: group, &state, moment, &aftermath)
            }
            arm(group, &state)
            return result
        }
        finish(aftermath, of: group)
        return result
    }

    func perform(
        _ effects: GroupEffects, of group: Group, _ state: inout Group.State, _ moment: Moment,
        _ aftermath: inout Aftermath
    ) {
        for note in effects.notes { provoked.say(.info, of: "group \(group.id)", "note", "group \(group.id): \(note)") }
        for (ticket, answer) in effects.joins {
            if let waiter = state.joins.removeValue(forKey: ticket) { aftermath.joins.append((waiter, answer)) }
        }
        for (ticket, answer) in effects.syncs {
            if let waiter = state.syncs.removeValue(forKey: ticket) { aftermath.syncs.append((waiter, answer)) }
        }
        // An emptied dictionary would keep its room, in every idle group.
        if state.joins.isEmpty { state.joins = [:] }
        if state.syncs.isEmpty { state.syncs = [:] }
        for store in effects.stores {
            do throws(GroupLogError) {
                let appended = try append(to: group.partition, at: moment) { batch throws(EncodeError) in
                    try group.id.withWire { id throws(EncodeError) in try batch.group(id, store.group) }
                }
                if appended.isCommitted {
                    let next = state.machine.stored(store.purpose, error: .none, at: moment)
                    perform(next, of: group, &state, moment, &aftermath)
                } else {
                    aftermath.uncommitted.append((store.purpose, appended.lastOffset))
                }
            } catch {
                provoked.say(of: "group \(group.id)", "storing", "group \(group.id): could not be stored: \(error.message)")
                let next = state.machine.stored(store.purpose, error: error.forClients, at: moment)
                perform(next, of: group, &state, moment, &aftermath)
            }
        }
    }

    func finish(_ aftermath: Aftermath, of group: Group) {
        for (answer, value) in aftermath.joins { answer(value) }
        for (answer, value) in aftermath.syncs { answer(value) }
        for (purpose, lastOffset) in aftermath.uncommitted {
            log.whenCommitted(group.partition, lastOffset: lastOffset, timeoutMs: configuration.commitTimeoutMs) {
                [self] error in
                _ = event(of: group) { state, moment in
                    ((), state.machine.stored(purpose, error: error.asCoordinatorError, at: moment))
                }
            }
        }
    }

    /// Puts a group among the timers where its next deadline has come closer.
    func arm(_ group: Group, _ state: inout Group.State) {
        let next = state.machine.nextDeadline
        guard next < state.armed else { return }
        state.armed = next
        timers.add(group, at: next)
    }

    // MARK: Timers

    /// When `runTimers` has something to do.
    package var nextDeadline: MonotonicTime { timers.next }

    /// Gives every group its time that is due.
    package func runTimers() {
        for (group, deadline) in timers.takeDue(clock.now()) {
            _ = event(of: group) { state, _ in
                // An older entry of a group that stands in the queue for an earlier time as well.
                if state.armed == deadline { state.armed = .never }
                return ((), GroupEffects())
            }
        }
    }

    // MARK: The log

    /// Appends the records that `fill` puts into a batch; the group's lock is held.
    func append(
        to partition: Int32, at moment: Moment, _ fill: (inout GroupBatch) throws(EncodeError) -> Void
    ) throws(GroupLogError) -> GroupLogAppend {
        guard let leaderEpoch = partitions[Int(partition)].leaderEpoch else {
            throw GroupLogError(code: .notCoordinator, message: "partition \(partition) is not led here any more")
        }
        var batch = GroupBatch(timestampMs: moment.wallMs, compression: configuration.compression)
        do {
            try fill(&batch)
        } catch {
            // Only what is too long for a string of the wire.
            throw GroupLogError(code: .unknownServerError, message: "record cannot be encoded: \(error)")
        }
        var bytes: [UInt8]
        do throws(RecordError) {
            bytes = try batch.build()
        } catch {
            throw GroupLogError(code: .messageTooLarge, message: error.message)
        }
        let outcome = bytes.withUnsafeMutableBytes { raw in
            Result { () throws(GroupLogError) in try log.append(raw, to: partition, leaderEpoch: leaderEpoch) }
        }
        return try outcome.get()
    }
}

/// A random UUID (version 4) in its usual form.
package func randomUniqueName() -> String {
    var generator = SystemRandomNumberGenerator()
    let high = generator.next() & ~0xF000 | 0x4000
    let low = generator.next() & ~(3 << 62) | 2 << 62
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for position in 0..<32 {
        if position == 8 || position == 12 || position == 16 || position == 20 { text.append(UInt8(ascii: "-")) }
        let word = position < 16 ? high : low
        text.append(digits[Int(word >> UInt64(60 - position % 16 * 4) & 15)])
    }
    return String(decoding: text, as: UTF8.self)
}
