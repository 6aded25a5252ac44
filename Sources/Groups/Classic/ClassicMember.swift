internal import EventLoop

/// One way of sharing partitions that a member offers, with what it tells the leader about itself.
package struct MemberProtocol: Hashable, Sendable {
    package var name: ByteString
    package var metadata: ByteString

    package init(name: ByteString, metadata: ByteString) {
        self.name = name
        self.metadata = metadata
    }
}

/// Names one waiting request; who holds the request chose the number.
package typealias Ticket = UInt64

/// A member of a classic group.
package struct ClassicMember: Sendable {
    package let id: ByteString
    package let instanceId: ByteString?
    package let clientId: ByteString
    package let clientHost: ByteString
    package internal(set) var rebalanceTimeoutMs: Int32
    package internal(set) var sessionTimeoutMs: Int32
    package internal(set) var protocols: [MemberProtocol]
    package internal(set) var assignment: ByteString

    /// The member is thrown out at this point unless something is heard of it.
    var sessionEnds: MonotonicTime = .never
    /// The JoinGroup that waits for the rebalance, the SyncGroup that waits for the leader.
    var awaitingJoin: Ticket?
    var awaitingSync: Ticket?
    /// Joined, but has not had an answer yet: it may not know its id, so it cannot send heartbeats.
    var isNew = false

    init(
        id: ByteString, instanceId: ByteString?, clientId: ByteString, clientHost: ByteString, rebalanceTimeoutMs: Int32,
        sessionTimeoutMs: Int32, protocols: [MemberProtocol], assignment: ByteString = .empty
    ) {
        self.id = id
        self.instanceId = instanceId
        self.clientId = clientId
        self.clientHost = clientHost
        self.rebalanceTimeoutMs = rebalanceTimeoutMs
        self.sessionTimeoutMs = sessionTimeoutMs
        self.protocols = protocols
        self.assignment = assignment
    }

    package var isStatic: Bool { instanceId != nil }

    package func metadata(for protocolName: ByteString?) -> ByteString? {
        protocols.first { $0.name == protocolName }?.metadata
    }

    /// Whether the silence of a member whose session ran out is excused: it waits for us. New members are never excused:
    /// clients that gave up on a long rebalance and joined anew would otherwise pile up.
    var hasSatisfiedHeartbeat: Bool { !isNew && (awaitingJoin != nil || awaitingSync != nil) }

    mutating func extendSession(_ now: MonotonicTime) { sessionEnds = now.advanced(byMs: sessionTimeoutMs) }
}

// Members of a group say much the same: what is equal is kept once. Ten thousand groups of three are a third smaller by it.

extension ClassicMember {
    /// The same member, with the bytes of another one where they are the same.
    func sharing(with other: ClassicMember?) -> ClassicMember {
        guard let other else { return self }
        var member = ClassicMember(
            id: id, instanceId: instanceId, clientId: clientId.sharing(with: other.clientId),
            clientHost: clientHost.sharing(with: other.clientHost), rebalanceTimeoutMs: rebalanceTimeoutMs,
            sessionTimeoutMs: sessionTimeoutMs, protocols: protocols.sharing(with: other.protocols),
            assignment: assignment)
        member.sessionEnds = sessionEnds
        member.awaitingJoin = awaitingJoin
        member.awaitingSync = awaitingSync
        member.isNew = isNew
        return member
    }
}

extension ByteString {
    func sharing(with other: ByteString) -> ByteString { self == other ? other : self }
}

extension [MemberProtocol] {
    func sharing(with other: [MemberProtocol]) -> [MemberProtocol] {
        if self == other { return other }
        return map { offered in
            guard let same = other.first(where: { $0.name == offered.name }) else { return offered }
            return MemberProtocol(name: same.name, metadata: offered.metadata.sharing(with: same.metadata))
        }
    }
}
