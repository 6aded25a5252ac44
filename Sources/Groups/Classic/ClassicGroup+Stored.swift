package import EventLoop

// The group as its record has it, in both directions, and what the record's subscriptions say.

extension ClassicGroup {
    /// The group as it is to be stored, with the assignments of the members or those given here.
    func stored(assignments: [ByteString: ByteString]? = nil) -> StoredGroup {
        StoredGroup(
            protocolType: protocolType ?? .empty, generation: generation, protocolName: protocolName, leader: leader,
            stateTimestampMs: stateTimestampMs ?? -1,
            members: members.all.map { member in
                .init(
                    id: member.id, instanceId: member.instanceId, clientId: member.clientId, clientHost: member.clientHost,
                    rebalanceTimeoutMs: member.rebalanceTimeoutMs, sessionTimeoutMs: member.sessionTimeoutMs,
                    subscription: member.metadata(for: protocolName) ?? .empty,
                    assignment: assignments.map { $0[member.id] ?? .empty } ?? member.assignment)
            })
    }

    /// The record that a group gets the moment it is made: nothing is known of it yet.
    package var storedAtCreation: StoredGroup {
        StoredGroup(
            protocolType: .empty, generation: 0, protocolName: nil, leader: nil, stateTimestampMs: stateTimestampMs ?? -1,
            members: [])
    }

    /// A group as it is found in the log. Its members' sessions begin when `startSessions` is called.
    package init(_ id: ByteString, replaying stored: StoredGroup) {
        self.id = id
        stateTimestampMs = stored.stateTimestampMs < 0 ? nil : stored.stateTimestampMs
        state = stored.members.isEmpty ? .empty : .stable
        generation = stored.generation
        protocolType = stored.protocolType.isEmpty ? nil : stored.protocolType
        protocolName = stored.protocolName
        leader = stored.leader
        for member in stored.members {
            // A record that names a member or an instance twice is broken; the first one stands.
            guard members.index(of: member.id) == nil,
                member.instanceId.flatMap({ members.member(ofInstance: $0) }) == nil
            else { continue }
            let offered = MemberProtocol(name: stored.protocolName ?? .empty, metadata: member.subscription)
            members.append(
                ClassicMember(
                    id: member.id, instanceId: member.instanceId, clientId: member.clientId, clientHost: member.clientHost,
                    rebalanceTimeoutMs: member.rebalanceTimeoutMs == -1 ? member.sessionTimeoutMs : member.rebalanceTimeoutMs,
                    sessionTimeoutMs: member.sessionTimeoutMs, protocols: [offered], assignment: member.assignment))
        }
        if leader == nil, let first = members.all.first { leader = first.id }
    }

    /// After a load: each member has one session's time to show itself.
    package mutating func startSessions(_ now: MonotonicTime) {
        for index in members.all.indices {
            members[index].extendSession(now)
            mayEnd(at: members[index].sessionEnds)
        }
    }

    // MARK: Subscriptions

    /// Whether a member consumes this topic, as far as the group's metadata tells. Metadata that is not understood counts
    /// as a subscription to everything: nothing is deleted that someone may need.
    package func isSubscribed(to topic: ByteString) -> Bool {
        guard usesConsumerProtocol else { return false }
        guard !members.isEmpty else { return false }
        guard protocolName != nil else { return true }
        for member in members.all {
            guard let metadata = member.metadata(for: protocolName) else { return true }
            switch metadata.subscription(contains: topic) {
            case .some(true), .none: return true
            case .some(false): continue
            }
        }
        return false
    }

    /// Whether the topics that the members consume are known: the condition for expiring offsets beside them.
    var knowsSubscriptions: Bool {
        usesConsumerProtocol && protocolName != nil
            && members.all.allSatisfy { $0.metadata(for: protocolName)?.subscription(contains: .empty) != nil }
    }
}

extension ByteString {
    /// Reads the beginning that all versions of ConsumerProtocolSubscription share: int16 version, then the topics' names.
    /// Nil where it does not read so.
    func subscription(contains topic: ByteString) -> Bool? {
        var place = 2
        func integer(_ width: Int) -> Int? {
            guard place + width <= bytes.count else { return nil }
            defer { place += width }
            return bytes[place..<place + width].reduce(0) { $0 << 8 | Int($1) }
        }
        guard let topics = integer(4), topics <= GroupLimits.maxTopicsInSubscription, bytes.count >= 2,
            bytes[0] & 0x80 == 0
        else { return nil }
        var isContained = false
        for _ in 0..<topics {
            guard let length = integer(2), length < 0x8000, place + length <= bytes.count else { return nil }
            isContained = isContained || bytes[place..<place + length].elementsEqual(topic.bytes)
            place += length
        }
        return isContained
    }
}
