package import KafkaMessages
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
    private let leads: Atomic<Bool>
    private let state: Mutex<PartitionRules>

    package init(
        topic: String, topicId: Uuid, index: Int32, leadership: PartitionLeadership, rules: PartitionRules,
        log: PartitionLog
    ) {
        self.topic = topic
        self.topicId = topicId
        self.index = index
        self.log = log
        epoch = Atomic(leadership.epoch)
        leads = Atomic(leadership.isHere)
        state = Mutex(rules)
    }

    package var leaderEpoch: Int32 { epoch.load(ordering: .acquiring) }

    /// Whether this broker leads it. A copy that was not in sync when its leader went is not served.
    package var isLed: Bool { leads.load(ordering: .acquiring) }

    package func take(_ leadership: PartitionLeadership) {
        epoch.store(leadership.epoch, ordering: .releasing)
        leads.store(leadership.isHere, ordering: .releasing)
    }

    /// What the topic's configuration says of what may be appended, and of who may read it.
    package var rules: PartitionRules {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }

    /// The epoch that a client believes in, against this leader's: the error that says who is behind, if they differ.
    /// -1 means that the client does not say.
    package func check(currentLeaderEpoch claimed: Int32) -> LeaderEpochVerdict {
        let own = leaderEpoch
        if claimed >= 0, claimed != own { return claimed < own ? .fenced : .unknown }
        return isLed ? .same : .notLed
    }
}

/// Who leads a partition, as the cluster's metadata say.
package struct PartitionLeadership: Sendable {
    /// -1: nobody.
    package let leader: Int32
    package let epoch: Int32
    /// This broker leads it.
    package let isHere: Bool
    /// This broker has a replica of it.
    let hasReplicaHere: Bool
}

package enum LeaderEpochVerdict: Sendable, Equatable {
    case same
    /// The client has an older epoch: FENCED_LEADER_EPOCH.
    case fenced
    /// The client has a newer one: UNKNOWN_LEADER_EPOCH.
    case unknown
    /// The epochs agree, but this broker is not the leader.
    case notLed

    package var error: ErrorCode {
        switch self {
        case .same: .none
        case .fenced: .fencedLeaderEpoch
        case .unknown: .unknownLeaderEpoch
        case .notLed: .notLeaderOrFollower
        }
    }
}
