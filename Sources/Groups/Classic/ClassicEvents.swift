package import KafkaMessages
package import EventLoop

/// When something happens: the monotonic clock for deadlines, the wall clock for what is stored.
package struct Moment: Sendable {
    package var now: MonotonicTime
    package var wallMs: Int64

    package init(now: MonotonicTime, wallMs: Int64) {
        self.now = now
        self.wallMs = wallMs
    }
}

/// What a JoinGroup says, copied out of its request.
package struct JoinRequest: Sendable {
    package var memberId: ByteString
    package var instanceId: ByteString?
    package var clientId: ByteString
    package var clientHost: ByteString
    package var sessionTimeoutMs: Int32
    package var rebalanceTimeoutMs: Int32
    package var protocolType: ByteString
    package var protocols: [MemberProtocol]
    package var reason: ByteString?
    /// From version 4 on a new member is told its id first and joins with it (KIP-394).
    package var requiresKnownMemberId: Bool
    /// From version 9 on a static leader that comes back can be told to keep the assignment.
    package var supportsSkippingAssignment: Bool

    package init(
        memberId: ByteString, instanceId: ByteString? = nil, clientId: ByteString, clientHost: ByteString,
        sessionTimeoutMs: Int32, rebalanceTimeoutMs: Int32, protocolType: ByteString, protocols: [MemberProtocol],
        reason: ByteString? = nil, requiresKnownMemberId: Bool, supportsSkippingAssignment: Bool
    ) {
        self.memberId = memberId
        self.instanceId = instanceId
        self.clientId = clientId
        self.clientHost = clientHost
        self.sessionTimeoutMs = sessionTimeoutMs
        self.rebalanceTimeoutMs = rebalanceTimeoutMs
        self.protocolType = protocolType
        self.protocols = protocols
        self.reason = reason
        self.requiresKnownMemberId = requiresKnownMemberId
        self.supportsSkippingAssignment = supportsSkippingAssignment
    }
}

/// The answer to a JoinGroup. `members` is filled for the leader alone.
package struct JoinAnswer: Sendable, Equatable {
    package struct Member: Sendable, Equatable {
        package var id: ByteString
        package var instanceId: ByteString?
        package var metadata: ByteString
    }
    package var error: ErrorCode
    package var generation: Int32 = -1
    package var protocolType: ByteString?
    package var protocolName: ByteString?
    package var leader: ByteString = .empty
    package var skipAssignment = false
    package var memberId: ByteString
    package var members: [Member] = []

    package init(error: ErrorCode, memberId: ByteString) {
        self.error = error
        self.memberId = memberId
    }
}

package struct SyncRequest: Sendable {
    package var memberId: ByteString
    package var instanceId: ByteString?
    package var generation: Int32
    package var protocolType: ByteString?
    package var protocolName: ByteString?
    package var assignments: [(member: ByteString, assignment: ByteString)]

    package init(
        memberId: ByteString, instanceId: ByteString? = nil, generation: Int32, protocolType: ByteString? = nil,
        protocolName: ByteString? = nil, assignments: [(member: ByteString, assignment: ByteString)]
    ) {
        self.memberId = memberId
        self.instanceId = instanceId
        self.generation = generation
        self.protocolType = protocolType
        self.protocolName = protocolName
        self.assignments = assignments
    }
}

package struct SyncAnswer: Sendable, Equatable {
    package var error: ErrorCode
    package var protocolType: ByteString?
    package var protocolName: ByteString?
    package var assignment: ByteString = .empty

    package init(error: ErrorCode) { self.error = error }
}

/// One member that a LeaveGroup names: by its id, by its instance id, or both.
package struct LeavingMember: Sendable {
    package var memberId: ByteString
    package var instanceId: ByteString?
    package var reason: ByteString?

    package init(memberId: ByteString, instanceId: ByteString? = nil, reason: ByteString? = nil) {
        self.memberId = memberId
        self.instanceId = instanceId
        self.reason = reason
    }
}

/// What a machine wants done after an event, all of it: answers to requests that waited, a group to store, lines to log.
package struct GroupEffects: Sendable {
    package var joins: [(ticket: Ticket, answer: JoinAnswer)] = []
    package var syncs: [(ticket: Ticket, answer: SyncAnswer)] = []
    package var stores: [GroupStore] = []
    package var notes: [String] = []

    package init() {}
}

/// A group to append to the log. Once it is committed, or cannot be, `purpose` goes back into the machine.
package struct GroupStore: Sendable {
    package var group: StoredGroup
    package var purpose: StorePurpose
}

package enum StorePurpose: Sendable {
    /// A group without members; nobody waits for it.
    case emptyGroup
    /// The leader's assignment for this generation; the members' SyncGroups wait for it.
    case assignment(generation: Int32, leader: ByteString, assignments: [ByteString: ByteString])
    /// A static member came back under a new id; its JoinGroup waits for it. The rest undoes that.
    case staticMember(StaticReplacement)
}

package struct StaticReplacement: Sendable {
    var instanceId: ByteString
    var oldMemberId: ByteString
    var newMemberId: ByteString
    var oldProtocols: [MemberProtocol]
    var oldRebalanceTimeoutMs: Int32
    var oldSessionTimeoutMs: Int32
    var formerLeader: ByteString?
    var supportsSkippingAssignment: Bool
}

/// What is stored of a classic group (GroupMetadataValue).
package struct StoredGroup: Sendable, Equatable {
    package struct Member: Sendable, Equatable {
        package var id: ByteString
        package var instanceId: ByteString?
        package var clientId: ByteString
        package var clientHost: ByteString
        package var rebalanceTimeoutMs: Int32
        package var sessionTimeoutMs: Int32
        package var subscription: ByteString
        package var assignment: ByteString
    }
    package var protocolType: ByteString
    package var generation: Int32
    package var protocolName: ByteString?
    package var leader: ByteString?
    /// Milliseconds since 1970; -1 where an old record does not say.
    package var stateTimestampMs: Int64
    package var members: [Member]
}
