import Broker
@testable import Cluster
import EventLoop
import Exchange
import Groups
import KafkaMessages
import KafkaRecords
import KafkaWire
import Server
import Synchronization
import Telemetry
import TestKit
import Testing

/// `__consumer_offsets` in memory, for tests of what stands in front of it.
private final class QuietLog: GroupLog {
    private let ends = Mutex<[Int32: Int64]>([:])

    func append(
        _ batch: UnsafeMutableRawBufferPointer, to partition: Int32, leaderEpoch: Int32
    ) throws(GroupLogError) -> GroupLogAppend {
        let count = Int64(RecordBatchHeader(UnsafeRawBufferPointer(batch))!.recordCount)
        let base = ends.withLock { ends in
            let base = ends[partition] ?? 0
            ends[partition] = base + count
            return base
        }
        return GroupLogAppend(baseOffset: base, lastOffset: base + count - 1, isCommitted: true)
    }

    func whenCommitted(
        _ partition: Int32, lastOffset: Int64, timeoutMs: Int32, _ body: @escaping @Sendable (ErrorCode) -> Void
    ) { body(.none) }

    func read(
        _ partition: Int32, from offset: Int64, maxBytes: Int, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> Bool { false }

    func logStartOffset(_ partition: Int32) -> Int64 { 0 }
}

/// Topics that are there and stay.
private final class FixedMetadata: MetadataStore {
    let image: ClusterImage
    let generation: UInt64 = 1

    init(_ topics: [(name: String, id: Uuid)]) throws {
        var delta = ClusterDelta(.empty)
        for (name, id) in topics {
            let arena = Arena()
            var topic = TopicRecord()
            topic.name = WireBytes(copying: name, in: arena)
            topic.topicId = id
            try delta.apply(try topic.framed(version: 0))
            var partition = PartitionRecord()
            partition.topicId = id
            partition.partitionId = 0
            partition.replicas = WireIntegers(copying: [1], in: arena)
            partition.isr = WireIntegers(copying: [1], in: arena)
            partition.leader = 1
            try delta.apply(try partition.framed(version: 0))
        }
        image = try delta.image(offset: 1, epoch: 1)
    }

    func change<Outcome: Sendable>(
        _ decide: @escaping @Sendable (ClusterImage) -> (records: [[UInt8]], outcome: Outcome),
        completion: @escaping @Sendable (Result<Outcome, MetadataError>) -> Void
    ) { Issue.record("nothing changes here") }

    func observe(_ observer: @escaping @Sendable (ClusterChange) -> Void) {}
}

/// A server on loopback with the group APIs.
private final class GroupServer: @unchecked Sendable {
    let loop = EventLoop()!
    let server: Server
    let port: UInt16
    let groups: GroupCoordinator
    private var thread: WorkerThread?

    init(emulating release: String? = nil, topics: [(String, Uuid)], names: [String] = []) throws {
        var configuration = GroupConfiguration()
        configuration.initialRebalanceDelayMs = 0
        let given = Names(names)
        groups = GroupCoordinator(
            configuration: configuration, partitionCount: 1, log: QuietLog(), clock: Clock(),
            logger: Logger("groups", log: Log { _, _ in }), makeUniqueName: { given.next() }, announce: { _ in })
        groups.willLoad(0, leaderEpoch: 0)
        groups.load(0, leaderEpoch: 0)
        let box = MadeTopics()
        made = box
        var registry = APIRegistry(emulating: release.map { EmulatedRelease($0)! })
        registry.registerGroupAPIs(
            groups, nodeId: 1, metadata: try FixedMetadata(topics), makeOffsetsTopic: { box.count.withLock { $0 += 1 } })
        let broker = Broker(
            registry: registry, identity: BrokerIdentity(clusterId: "cluster", nodeId: 1),
            features: { BrokerFeatures(supported: [], finalized: [], epoch: 0) })
        server = Server(
            broker: broker, loops: [loop], limits: ServerLimits(), queuedMaxRequestBytes: nil, workers: WorkerPool(threads: 1),
            log: Logger("server", log: Log { _, _ in }))
        let descriptor = try Socket.listen(on: SocketAddress.resolve(host: "127.0.0.1", port: 0)[0])
        let identity = ListenerIdentity(
            name: "PLAINTEXT", securityProtocol: "PLAINTEXT", advertisedHost: "127.0.0.1", advertisedPort: 21092)
        port = server.listen(on: descriptor, as: identity).address.port
        let loop = loop
        thread = WorkerThread("loop") { loop.run() }
    }

    final class MadeTopics: Sendable { let count = Mutex(0) }
    let made: MadeTopics

    private final class Names: Sendable {
        private let left: Mutex<[String]>
        init(_ names: [String]) { left = Mutex(names) }
        func next() -> String { left.withLock { $0.isEmpty ? randomUniqueName() : $0.removeFirst() } }
    }

    func stop() {
        loop.post { [self] in server.stop { [self] in loop.stop() } }
        thread?.join()
    }
}

@Suite struct GroupAPITests {
    private struct Exchanged {
        var api: ApiKey
        var version: Int16
        var request: [UInt8]
        var response: [UInt8]
    }

    private func exchanges(_ text: String) -> [Exchanged] {
        text.split(separator: "\n").map { line in
            let parts = line.split(separator: " ")
            return Exchanged(
                api: ApiKey(rawValue: Int16(parts[0])!)!, version: Int16(parts[1])!, request: bytes(parts[2]),
                response: bytes(parts[3]))
        }
    }

    private func bytes(_ hex: Substring) -> [UInt8] {
        let digits = Array(hex.utf8).map { $0 < 58 ? $0 - 48 : $0 - 87 }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    /// The parts of member ids that Kafka drew, in order: where ours are the same, so are the answers.
    private func drawnNames(_ exchanges: [Exchanged]) -> [String] {
        var names: [String] = []
        for exchange in exchanges where exchange.api == .joinGroup {
            let text = exchange.response.map { $0 >= 32 && $0 < 127 ? Character(UnicodeScalar($0)) : " " }
            let drawn = String(text).matches(of: #/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/#)
            for match in drawn where !names.contains(String(match.output)) { names.append(String(match.output)) }
        }
        return names
    }

    /// What ListGroups lists is in no order.
    private func listedGroups(_ frame: [UInt8], _ version: Int16) throws -> Set<String> {
        try frame.withUnsafeBytes { bytes in
            var reader = WireReader(bytes, arena: Arena())
            var header = ResponseHeader()
            try header.decode(from: &reader, version: ApiKey.listGroups.responseHeaderVersion(for: version))
            var response = ListGroupsResponse()
            try response.decode(from: &reader, version: version)
            return Set(response.groups.map { "\($0.groupId) \($0.protocolType) \($0.groupState) \($0.groupType)" })
        }
    }

    private func replay(
        _ text: String, emulating release: String?, topics: [(String, Uuid)], names before: [String] = [],
        skipping isSkipped: (ApiKey, Int16, Int) -> Bool
    ) throws {
        let all = exchanges(text)
        let server = try GroupServer(
            emulating: release, topics: topics + [("__consumer_offsets", Uuid(9, 9))], names: before + drawnNames(all))
        defer { server.stop() }
        let peer = try Peer(port: server.port)
        for (number, exchange) in all.enumerated() {
            let length = UInt32(exchange.request.count)
            peer.send(withUnsafeBytes(of: length.bigEndian) { Array($0) } + exchange.request)
            let answer = try #require(try peer.frame(), "\(exchange.api) v\(exchange.version), exchange \(number)")
            if isSkipped(exchange.api, exchange.version, number) { continue }
            if exchange.api == .listGroups {
                #expect(
                    try listedGroups(answer, exchange.version) == listedGroups(exchange.response, exchange.version),
                    "exchange \(number)")
            } else {
                #expect(answer == exchange.response, "\(exchange.api) v\(exchange.version), exchange \(number)")
            }
        }
    }

    @Test func `what Kafka 4-4 refuses is refused with the same bytes`() throws {
        // The two joins without a protocol draw a name as well, which nobody sees. Transactions are not served yet.
        try replay(
            GroupConversations.errors44, emulating: nil, topics: [("err", Uuid(1, 1))], names: ["unseen", "unseen"],
            skipping: { _, _, number in number == 34 })
    }

    @Test func `every version of every group API is answered with Kafka 4-4's bytes`() throws {
        try replay(
            GroupConversations.sweep44, emulating: nil,
            topics: [("sweep", Uuid(0xd210_e0eb_6168_4a06, 0xbf19_4980_355b_f352))], skipping: { _, _, _ in false })
    }

    @Test func `under emulation every version is answered with Kafka 3-9's bytes`() throws {
        // Version 0 of OffsetFetch comes in the order of a hash map there. And that release's coordinator forgets a group
        // with its last offset.
        try replay(
            GroupConversations.sweep39, emulating: "3.9", topics: [("sweep", Uuid(1, 1))],
            skipping: { api, version, _ in version == 0 && (api == .offsetFetch || api == .deleteGroups) })
    }

    // MARK: What no recording shows

    @Test func `a rebalance of two clients over their connections`() throws {
        let server = try GroupServer(topics: [("t", Uuid(1, 1))])
        defer { server.stop() }
        let first = try Peer(port: server.port)
        let second = try Peer(port: server.port)
        func join(_ member: WireBytes) -> JoinGroupRequest {
            var request = JoinGroupRequest()
            request.groupId = "g"
            request.sessionTimeoutMs = 10_000
            request.rebalanceTimeoutMs = 10_000
            request.memberId = member
            request.protocolType = "consumer"
            let arena = Arena()
            request.protocols = WireArray(count: 1, in: arena) { _, offered in
                offered.name = "range"
                offered.metadata = "m"
            }
            withExtendedLifetime(arena) {}
            arenas.append(arena)
            return request
        }
        var arenas: [Arena] = []
        let one = try first.ask(join(""), version: 3) { $0.memberId.string }
        try second.send(join(""), version: 3)
        // The second waits until the first has joined again.
        var heartbeat = HeartbeatRequest()
        heartbeat.groupId = "g"
        heartbeat.generationId = 1
        let arena = Arena()
        heartbeat.memberId = WireBytes(copying: one, in: arena)
        var error: Int16 = 0
        while error == 0 { error = try first.ask(heartbeat, version: 3) { $0.errorCode } }
        #expect(error == ErrorCode.rebalanceInProgress.rawValue)
        let members = try first.ask(join(heartbeat.memberId), version: 3) { $0.members.count }
        #expect(members == 2)
        let generation = try second.answer(to: JoinGroupRequest.self, version: 3) { $0.generationId }
        #expect(generation == 2)
    }

    @Test func `the first question for a coordinator makes the topic and asks for patience`() throws {
        let server = try GroupServer(topics: [])
        defer { server.stop() }
        let peer = try Peer(port: server.port)
        var request = FindCoordinatorRequest()
        request.key = "g"
        let error = try peer.ask(request, version: 2) { $0.errorCode }
        #expect(error == ErrorCode.coordinatorNotAvailable.rawValue)
        #expect(server.made.count.withLock { $0 } == 1)
    }

    @Test func `a coordinator that is not there is refused in words that a client shows`() throws {
        let server = try GroupServer(topics: [("__consumer_offsets", Uuid(9, 9))])
        defer { server.stop() }
        let peer = try Peer(port: server.port)
        let arena = Arena()
        var request = FindCoordinatorRequest()
        for (type, what) in [(Int8(1), "Transactions"), (2, "Share groups")] {
            request.keyType = type
            request.coordinatorKeys = WireArray(copying: ["k"], in: arena)
            try peer.ask(request, version: 6) { response in
                #expect(response.coordinators[0].errorCode == ErrorCode.invalidRequest.rawValue)
                #expect(response.coordinators[0].errorMessage?.string == "\(what) are not served by this broker yet.")
            }
        }
        var older = FindCoordinatorRequest()
        older.key = "k"
        older.keyType = 1
        let message = try peer.ask(older, version: 1) { $0.errorMessage?.string }
        #expect(message == "Transactions are not served by this broker yet.")
    }

    @Test func `topics by an id that nobody has are told so, one by one`() throws {
        let id = Uuid(1, 1)
        let server = try GroupServer(topics: [("t", id)])
        defer { server.stop() }
        let peer = try Peer(port: server.port)
        let arena = Arena()
        var commit = OffsetCommitRequest()
        commit.groupId = "g"
        commit.topics = WireArray(count: 2, in: arena) { index, topic in
            topic.topicId = index == 0 ? id : Uuid(7, 7)
            topic.partitions = WireArray(count: 1, in: arena) { _, partition in partition.committedOffset = 5 }
        }
        let errors = try peer.ask(commit, version: 10) { $0.topics.map { $0.partitions[0].errorCode } }
        #expect(errors == [0, ErrorCode.unknownTopicId.rawValue])
        var fetch = OffsetFetchRequest()
        fetch.groups = WireArray(count: 1, in: arena) { _, group in
            group.groupId = "g"
            group.topics = WireArray(count: 2, in: arena) { index, topic in
                topic.topicId = index == 0 ? id : Uuid(7, 7)
                topic.partitionIndexes = WireIntegers(copying: [0], in: arena)
            }
        }
        try peer.ask(fetch, version: 10) { response in
            let topics = response.groups[0].topics
            #expect(topics[0].partitions[0].committedOffset == 5)
            #expect(topics[1].partitions[0].errorCode == ErrorCode.unknownTopicId.rawValue)
        }
    }
}
