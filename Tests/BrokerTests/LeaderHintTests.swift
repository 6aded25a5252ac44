import Broker
import BrokerKit
import Cluster
import Glibc
import KafkaMessages
import KafkaRecords
import KafkaWire
import Replication
import TestKit
import Testing

/// One record in a batch, with its bytes in `arena`.
private func batch(in arena: Arena) throws -> WireRecords {
    var builder = RecordBatchBuilder()
    builder.append(timestamp: 1_700_000_000_000, key: nil, value: Array("value".utf8))
    return .bytes(WireBytes(copying: try builder.build(), in: arena))
}

extension Peer {
    fileprivate func produce(
        _ topic: String, version: Int16, _ arena: Arena
    ) throws -> (error: Int16, leader: Int32, epoch: Int32, nodes: [String]) {
        var request = ProduceRequest()
        request.acks = -1
        request.timeoutMs = 1000
        let records = try batch(in: arena)
        request.topicData = WireArray(count: 1, in: arena) { _, data in
            data.name = WireBytes(copying: topic, in: arena)
            data.partitionData = WireArray(count: 1, in: arena) { _, partition in partition.records = records }
        }
        return try ask(request, version: version) { response in
            let partition = response.responses[0].partitionResponses[0]
            return (
                partition.errorCode, partition.currentLeader.leaderId, partition.currentLeader.leaderEpoch,
                response.nodeEndpoints.map { "\($0.nodeId) \($0.host.string):\($0.port)" }
            )
        }
    }

    fileprivate struct Fetched: Equatable {
        var error: Int16
        var highWatermark: Int64 = -1
        var recordBytes = 0
        var leader: Int32 = -1
        var epoch: Int32 = -1
        var nodes: [String] = []
    }

    fileprivate func fetch(
        _ topic: String, id: Uuid = .zero, from offset: Int64 = 0, epoch: Int32 = -1, version: Int16, _ arena: Arena
    ) throws -> Fetched {
        var request = FetchRequest()
        request.maxBytes = version >= 3 ? 1 << 20 : Int32.max
        request.sessionEpoch = -1
        request.topics = WireArray(count: 1, in: arena) { _, wanted in
            if version >= 13 { wanted.topicId = id } else { wanted.topic = WireBytes(copying: topic, in: arena) }
            wanted.partitions = WireArray(count: 1, in: arena) { _, partition in
                partition.fetchOffset = offset
                partition.partitionMaxBytes = 1 << 20
                partition.currentLeaderEpoch = epoch
            }
        }
        return try ask(request, version: version) { response in
            let partition = response.responses[0].partitions[0]
            var size = 0
            if case .bytes(let bytes) = partition.records { size = bytes.count }
            return Fetched(
                error: partition.errorCode, highWatermark: partition.highWatermark, recordBytes: size,
                leader: partition.currentLeader.leaderId, epoch: partition.currentLeader.leaderEpoch,
                nodes: response.nodeEndpoints.map { "\($0.nodeId) \($0.host.string):\($0.port)" })
        }
    }

    fileprivate func create(_ topic: String, _ arena: Arena, _ settings: KeyValuePairs<String, String> = [:]) throws {
        var request = CreateTopicsRequest()
        request.timeoutMs = 10_000
        request.topics = WireArray(count: 1, in: arena) { _, wanted in
            wanted.name = WireBytes(copying: topic, in: arena)
            wanted.numPartitions = 1
            wanted.replicationFactor = 1
            wanted.configs = WireArray(count: settings.count, in: arena) { index, config in
                config.name = WireBytes(copying: settings[index].key, in: arena)
                config.value = WireBytes(copying: settings[index].value, in: arena)
            }
        }
        try ask(request, version: 5) { #expect($0.topics[0].errorCode == 0) }
    }
}

extension WholeBroker {
    /// Partition 0 of the topic gets another leader, and with it the next epoch.
    fileprivate func elect(_ leader: Int32, for topic: String) async throws {
        let id = try #require(store.image.topic(topic)?.id)
        try await commit { list in
            var record = PartitionChangeRecord()
            record.partitionId = 0
            record.topicId = id
            record.leader = leader
            list.append(record)
        }
    }

    fileprivate func commit(_ fill: @escaping @Sendable (inout RecordList) -> Void) async throws {
        try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
            store.change { _ in
                var list = RecordList()
                fill(&list)
                return (list.records, ())
            } completion: { done.resume(with: $0) }
        }
    }
}

/// KIP-951, and the leadership that it tells of.
@Suite struct LeaderHintTests {
    @Test func `who fetches with an old epoch hears who leads in which epoch, and where that is`() async throws {
        let broker = try WholeBroker()
        defer { broker.stop() }
        let arena = Arena()
        defer { arena.staysUntilHere() }
        let peer = try Peer(port: broker.port)
        try peer.create("led", arena)
        _ = try peer.produce("led", version: 9, arena)
        try await broker.elect(1, for: "led")
        let id = try #require(broker.store.image.topic("led")?.id)

        let fenced = try peer.fetch("led", id: id, epoch: 0, version: 16, arena)
        #expect(fenced == .init(error: 74, leader: 1, epoch: 1, nodes: ["1 127.0.0.1:9"]))
        // Before version 16 only the error is told, and a newer epoch than the leader's is the client's own affair.
        #expect(try peer.fetch("led", id: id, epoch: 0, version: 15, arena) == .init(error: 74))
        #expect(try peer.fetch("led", id: id, epoch: 2, version: 16, arena) == .init(error: 75))
        let good = try peer.fetch("led", id: id, epoch: 1, version: 16, arena)
        #expect(good.error == 0 && good.recordBytes > 0 && good.nodes.isEmpty && good.leader == -1)
    }

    @Test func `a partition that another broker leads is neither written nor read here`() async throws {
        let broker = try WholeBroker()
        defer { broker.stop() }
        let arena = Arena()
        defer { arena.staysUntilHere() }
        let peer = try Peer(port: broker.port)
        try peer.create("away", arena)
        #expect(try peer.produce("away", version: 9, arena).error == 0)
        let id = try #require(broker.store.image.topic("away")?.id)
        for (leader, epoch) in [(Int32(7), Int32(1)), (-1, 2)] {
            try await broker.elect(leader, for: "away")
            // The other broker is not registered, so that nobody knows its address.
            #expect(try peer.produce("away", version: 10, arena) == (6, leader, epoch, []))
            #expect(try peer.produce("away", version: 9, arena) == (6, -1, -1, []))
            #expect(try peer.fetch("away", id: id, version: 16, arena) == .init(error: 6, leader: leader, epoch: epoch))
            #expect(try peer.fetch("away", version: 12, arena) == .init(error: 6))
        }
        try await broker.elect(1, for: "away")
        #expect(try peer.produce("away", version: 10, arena) == (0, -1, -1, []))
        #expect(try peer.fetch("away", id: id, version: 16, arena).highWatermark == 2)
    }

    @Test func `a fetch that waits hears at once that the partition has another leader, or is gone`() async throws {
        let broker = try WholeBroker()
        defer { broker.stop() }
        let arena = Arena()
        defer { arena.staysUntilHere() }
        let peer = try Peer(port: broker.port), waiting = try Peer(port: broker.port)
        try peer.create("moves", arena)
        func wait() throws {
            var request = FetchRequest()
            request.maxWaitMs = 600_000
            request.minBytes = 1
            request.maxBytes = 1 << 20
            request.sessionEpoch = -1
            request.topics = WireArray(count: 1, in: arena) { _, wanted in
                wanted.topic = "moves"
                wanted.partitions = WireArray(count: 1, in: arena) { _, partition in partition.partitionMaxBytes = 1 << 20 }
            }
            try waiting.send(request, version: 12)
            // The broker has it once the waiting room is not empty.
            let room = try #require(broker.services.replicas.served.current.topic("moves")?.partition(0)?.waiting)
            while room.isEmpty { sched_yield() }
        }
        func heard() throws -> Int16 {
            try waiting.answer(to: FetchRequest.self, version: 12) { $0.responses[0].partitions[0].errorCode }
        }
        try wait()
        try await broker.elect(7, for: "moves")
        #expect(try heard() == 6)
        try await broker.elect(1, for: "moves")
        try wait()
        var deletion = DeleteTopicsRequest()
        deletion.timeoutMs = 10_000
        deletion.topicNames = WireArray(copying: ["moves"], in: arena)
        try peer.ask(deletion, version: 5) { #expect($0.responses[0].errorCode == 0) }
        #expect(try heard() == 3)
    }

    @Test func `a partition without a replica here has a leader elsewhere, and one that there is not has none`() async throws {
        let broker = try WholeBroker()
        defer { broker.stop() }
        let arena = Arena()
        defer { arena.staysUntilHere() }
        let peer = try Peer(port: broker.port)
        try peer.create("mixed", arena)
        let id = try #require(broker.store.image.topic("mixed")?.id)
        try await broker.commit { list in
            var record = PartitionRecord()
            record.partitionId = 1
            record.topicId = id
            record.replicas = WireIntegers(copying: [7], in: list.arena)
            record.isr = record.replicas
            record.leader = 7
            record.leaderEpoch = 4
            list.append(record)
        }
        var request = FetchRequest()
        request.maxBytes = 1 << 20
        request.sessionEpoch = -1
        request.topics = WireArray(count: 1, in: arena) { _, wanted in
            wanted.topicId = id
            wanted.partitions = WireArray(count: 3, in: arena) { index, partition in
                partition.partition = Int32(index)
                partition.partitionMaxBytes = 1 << 20
            }
        }
        try peer.ask(request, version: 16) { response in
            let partitions = response.responses[0].partitions
            #expect(partitions.map(\.errorCode) == [0, 6, 3])
            #expect(partitions.map(\.currentLeader.leaderId) == [-1, 7, -1])
            #expect(partitions.map(\.currentLeader.leaderEpoch) == [-1, 4, -1])
        }
    }
}

/// What readers that cannot read what is stored are told.
@Suite struct OldReaderTests {
    @Test(arguments: ["true", "false"])
    func `readers from before Kafka 0.11 get their format, unless message.downconversion.enable forbids it`(enable: String) throws {
        let broker = try WholeBroker()
        defer { broker.stop() }
        let arena = Arena()
        defer { arena.staysUntilHere() }
        let peer = try Peer(port: broker.port)
        try peer.create("old", arena, ["message.downconversion.enable": enable])
        // Where there is nothing to convert nobody minds.
        #expect(try peer.fetch("old", version: 2, arena) == .init(error: 0, highWatermark: 0))
        #expect(try peer.produce("old", version: 9, arena).error == 0)
        for version in Int16(0)...3 {
            let fetched = try peer.fetch("old", version: version, arena)
            if enable == "true" {
                #expect(fetched.error == 0 && fetched.highWatermark == 1 && fetched.recordBytes > 0)
            } else {
                #expect(fetched == .init(error: 35))
            }
        }
        let newer = try peer.fetch("old", version: 4, arena)
        #expect(newer.error == 0 && newer.recordBytes > 0)
    }

    @Test func `a topic of compression.type=zstd is closed to readers that cannot know zstd`() throws {
        let broker = try WholeBroker()
        defer { broker.stop() }
        let arena = Arena()
        defer { arena.staysUntilHere() }
        let peer = try Peer(port: broker.port)
        try peer.create("dense", arena, ["compression.type": "zstd"])
        #expect(try peer.produce("dense", version: 9, arena).error == 0)
        #expect(try peer.fetch("dense", version: 9, arena) == .init(error: 76))
        let newer = try peer.fetch("dense", version: 10, arena)
        #expect(newer.error == 0 && newer.recordBytes > 0)
    }
}
