package import KafkaRecords
package import KafkaWire
package import PartitionLog
internal import Synchronization

/// A partition as this broker serves it: its log, its leader epoch, and who waits for it.
package final class Partition: Sendable {
    package let topic: String
    package let topicId: Uuid
    package let index: Int32
    package let log: PartitionLog
    /// Fetches that wait for records; woken when the high watermark or the log start offset has moved.
    package let waiting = WaitingRoom()
    private let epoch: Atomic<Int32>
    private let rules: Mutex<AppendRules>

    package init(topic: String, topicId: Uuid, index: Int32, leaderEpoch: Int32, rules: AppendRules, log: PartitionLog) {
        self.topic = topic
        self.topicId = topicId
        self.index = index
        self.log = log
        epoch = Atomic(leaderEpoch)
        self.rules = Mutex(rules)
    }

    package var leaderEpoch: Int32 { epoch.load(ordering: .acquiring) }

    package func lead(inEpoch leaderEpoch: Int32) { epoch.store(leaderEpoch, ordering: .releasing) }

    /// What the topic's configuration says of what may be appended.
    package var appendRules: AppendRules {
        get { rules.withLock { $0 } }
        set { rules.withLock { $0 = newValue } }
    }

    /// The epoch that a client believes in, against this leader's: the error that says who is behind, if they differ.
    /// -1 means that the client does not say.
    package func check(currentLeaderEpoch claimed: Int32) -> LeaderEpochVerdict {
        let own = leaderEpoch
        if claimed < 0 || claimed == own { return .same }
        return claimed < own ? .fenced : .unknown
    }
}

package enum LeaderEpochVerdict: Sendable, Equatable {
    case same
    /// The client has an older epoch: FENCED_LEADER_EPOCH.
    case fenced
    /// The client has a newer one: UNKNOWN_LEADER_EPOCH.
    case unknown
}
