import BrokerKit
import Glibc
import KafkaMessages
import KafkaRecords
import KafkaWire
import TestKit
import Testing

/// A client that shuts down its sending direction after its last request: it is owed the answers, as it is with Kafka.
@Suite struct HalfClosedTests {
    private let arena = Arena()

    private func create(_ peer: Peer) throws {
        var request = CreateTopicsRequest()
        request.timeoutMs = 10_000
        request.topics = WireArray(count: 1, in: arena) { _, topic in
            topic.name = "half"
            topic.numPartitions = 1
            topic.replicationFactor = 1
        }
        try peer.ask(request, version: 5) { #expect($0.topics[0].errorCode == 0) }
    }

    private func produce(_ peer: Peer, valueBytes: Int) throws {
        var builder = RecordBatchBuilder()
        builder.append(timestamp: 1_700_000_000_000, key: nil, value: Array(repeating: 7, count: valueBytes))
        let batch = try builder.build()
        var request = ProduceRequest()
        request.acks = -1
        request.timeoutMs = 1000
        request.topicData = WireArray(count: 1, in: arena) { _, topic in
            topic.name = "half"
            topic.partitionData = WireArray(count: 1, in: arena) { _, data in
                data.records = .bytes(WireBytes(copying: batch, in: arena))
            }
        }
        try peer.ask(request, version: 9) { #expect($0.responses[0].partitionResponses[0].errorCode == 0) }
    }

    private func fetch(waitingMs: Int32) -> FetchRequest {
        var request = FetchRequest()
        request.maxWaitMs = waitingMs
        request.minBytes = 1
        request.maxBytes = Int32.max
        request.sessionEpoch = -1
        request.topics = WireArray(count: 1, in: arena) { _, topic in
            topic.topic = "half"
            topic.partitions = WireArray(count: 1, in: arena) { _, partition in partition.partitionMaxBytes = Int32.max }
        }
        return request
    }

    @Test func `a fetch that waits is answered when records come`() throws {
        let broker = try WholeBroker()
        defer { broker.stop() }
        let other = try Peer(port: broker.port)
        try create(other)
        let peer = try Peer(port: broker.port)
        // The second request is worked on after the first one's wait, long after the end was said.
        peer.send(try peer.encode(fetch(waitingMs: 60_000), version: 12) + peer.encode(ApiVersionsRequest(), version: 0))
        shutdown(peer.descriptor, Int32(SHUT_WR))
        // The broker has seen all that came before: this goes through the same loop, twice.
        for _ in 0..<2 { try other.ask(ApiVersionsRequest(), version: 0) { _ in } }
        try produce(other, valueBytes: 100)
        let fetched = try #require(try peer.frame())
        #expect(fetched.count > 100)
        #expect(try peer.frame() != nil)
        #expect(try peer.frame() == nil)
    }

    @Test func `an answer that the socket does not take at once comes whole`() throws {
        let broker = try WholeBroker(["message.max.bytes": "20000000"])
        defer { broker.stop() }
        let other = try Peer(port: broker.port)
        try create(other)
        for _ in 0..<4 { try produce(other, valueBytes: 10_000_000) }
        let peer = try Peer(port: broker.port)
        try peer.send(fetch(waitingMs: 0), version: 12)
        shutdown(peer.descriptor, Int32(SHUT_WR))
        for _ in 0..<2 { try other.ask(ApiVersionsRequest(), version: 0) { _ in } }
        #expect(try #require(try peer.frame()).count > 40_000_000)
        #expect(try peer.frame() == nil)
    }

    @Test func `many requests and the end in one piece`() throws {
        let broker = try WholeBroker()
        defer { broker.stop() }
        let peer = try Peer(port: broker.port)
        var bytes: [UInt8] = []
        for _ in 0..<1000 { bytes += try peer.encode(ApiVersionsRequest(), version: 0) }
        peer.send(bytes + [0, 0])
        shutdown(peer.descriptor, Int32(SHUT_WR))
        for _ in 0..<1000 { #expect(try peer.frame() != nil) }
        #expect(try peer.frame() == nil)
    }
}
