import Synchronization
import Groups
import KafkaMessages
import KafkaWire

// Requests as an API handler passes them on.

extension Scene {
    func join(
        _ group: String, _ member: ByteString? = nil, instance: ByteString? = nil, version: Int16 = 3,
        client: ByteString = "client", protocols: [MemberProtocol] = [MemberProtocol(name: "range", metadata: "m")],
        sessionMs: Int32 = 10_000, rebalanceMs: Int32 = 60_000
    ) -> Pending<JoinAnswer> {
        let pending = Pending<JoinAnswer>()
        let request = JoinRequest(
            memberId: member ?? .empty, instanceId: instance, clientId: client, clientHost: "/127.0.0.1",
            sessionTimeoutMs: sessionMs, rebalanceTimeoutMs: rebalanceMs, protocolType: "consumer", protocols: protocols,
            requiresKnownMemberId: version >= 4, supportsSkippingAssignment: version >= 9)
        groups.join(group.wire, request) { pending.set($0) }
        return pending
    }

    func sync(
        _ group: String, _ member: ByteString, generation: Int32,
        assignments: [(member: ByteString, assignment: ByteString)] = []
    ) -> Pending<SyncAnswer> {
        let pending = Pending<SyncAnswer>()
        let request = SyncRequest(memberId: member, generation: generation, assignments: assignments)
        groups.sync(group.wire, request) { pending.set($0) }
        return pending
    }

    func heartbeat(_ group: String, _ member: ByteString, generation: Int32) -> ErrorCode {
        member.withWire { groups.heartbeat(group: group.wire, member: $0, instance: nil, generation: generation) }
    }

    /// A member that joined and synced; its generation is 1.
    func onlyMember(of group: String, subscription topics: [String] = ["t"]) -> ByteString {
        let metadata = subscription(topics)
        let joined = join(group, protocols: [MemberProtocol(name: "range", metadata: metadata)]).value!
        _ = sync(group, joined.memberId, generation: joined.generation, assignments: [(joined.memberId, "all")])
        return joined.memberId
    }

    struct Commit {
        var topic = "t"
        var topicId = Uuid.zero
        var partition: Int32 = 0
        var offset: Int64
        var leaderEpoch: Int32 = -1
        var metadata: String?
        var timestampMs: Int64 = -1
    }

    /// The errors, and whether there is something to wait for.
    func commit(
        _ group: String, _ commits: [Commit], member: ByteString = .empty, generation: Int32 = -1,
        retentionMs: Int64 = -1, unknownGroup: ErrorCode = .illegalGeneration
    ) -> (errors: [ErrorCode], stored: Stored) {
        var entries = commits.map {
            PartitionCommit(
                topic: $0.topic.wire, topicId: $0.topicId, partition: $0.partition, offset: $0.offset,
                leaderEpoch: $0.leaderEpoch, metadata: $0.metadata?.wire, commitTimestampMs: $0.timestampMs)
        }
        let stored = member.withWire { member in
            groups.commit(
                CommitRequest(
                    group: group.wire, member: member, instance: nil, generation: generation, retentionMs: retentionMs,
                    unknownGroup: unknownGroup), &entries)
        }
        return (entries.map(\.error), stored)
    }

    func committed(_ group: String, _ topic: String = "t", _ partition: Int32 = 0, id: Uuid = .zero) -> CommittedOffset? {
        var found: CommittedOffset?
        _ = groups.readOffsets(of: group.wire) { found = $0.offset(topic.wire, id: id, partition) }
        return found
    }

    func deleteOffsets(_ group: String, _ topic: String, _ partitions: [Int32]) -> (ErrorCode, [ErrorCode]) {
        var deletions = partitions.map { OffsetDeletion(topic: topic.wire, partition: $0) }
        let (error, _) = groups.deleteOffsets(of: group.wire, &deletions)
        return (error, deletions.map(\.error))
    }

    func state(of group: String) -> ClassicGroup.State { groups.describe(group.wire).state }
    func partition(of group: String) -> Int32 { groups.partition(of: group.wire) }
}

/// What a consumer sends with its JoinGroup: version 0, topics, no user data.
func subscription(_ topics: [String]) -> ByteString {
    var bytes: [UInt8] = [0, 0, 0, 0, 0, UInt8(topics.count)]
    for topic in topics { bytes += [0, UInt8(topic.utf8.count)] + Array(topic.utf8) }
    return ByteString(bytes + [0xFF, 0xFF, 0xFF, 0xFF])
}

extension String {
    /// A view that stays for the length of the tests: each text is kept once.
    var wire: WireBytes {
        keptTexts.withLock { kept in
            if let bytes = kept[self] { return WireBytes(bytes.value) }
            let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(utf8.count, 1), alignment: 1)
            copy.copyBytes(from: utf8)
            let bytes = KeptText(value: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(copy)[..<utf8.count]))
            kept[self] = bytes
            return WireBytes(bytes.value)
        }
    }
}

private struct KeptText: @unchecked Sendable {  // nobody writes it, and it is never freed
    let value: UnsafeRawBufferPointer
}

private let keptTexts = Mutex<[String: KeptText]>([:])
