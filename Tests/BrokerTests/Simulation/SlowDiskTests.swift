import Files
import KafkaMessages
import KafkaRecords
import KafkaWire
import PartitionLog
import Synchronization
import Telemetry
import TestKit
import Testing

/// A broker on one loop with two log directories, of which one is slow: the first slow write is waited for, no other.
@Suite struct SlowDiskTests {
    private let disk = SimulatedDisk(seed: 7)
    private let clock = ManualClock()

    init() { Log.shared.level = .error }

    private func start() throws -> SimulatedBroker {
        let broker = try SimulatedBroker(
            directories: ["/a", "/b"], disk: disk, clock: clock, queuedBytesLimit: 64_000, ["offsets.topic.num.partitions": "1"])
        broker.settle()
        return broker
    }

    /// A topic with a partition in each directory, by directory.
    private func places(_ topic: String, _ broker: SimulatedBroker) throws -> (slow: Int32, fast: Int32) {
        func place(_ path: String) throws -> Int32 {
            try #require((0..<2).first { broker.logs.log(TopicPartition(topic, $0))?.directory.path == path })
        }
        return (try place("/a"), try place("/b"))
    }

    private func batch(_ value: String, _ change: (inout RecordBatchBuilder) -> Void = { _ in }) throws -> [UInt8] {
        try simulatedBatch([value], timestamp: clock.wallMs(), change)
    }

    private func slowDown() { disk.faults.slowWrites = ("/a", clock, 300) }

    private func values(_ broker: SimulatedBroker, _ topic: String, _ partition: Int32) throws -> [String] {
        let log = try #require(broker.logs.log(TopicPartition(topic, partition)))
        var values: [String] = [], next: Int64 = 0
        while let region = try log.read(from: next, maxBytes: 1 << 20, isolation: .highWatermark, atLeastOneBatch: true).region {
            let bytes = try region.file.bytes(at: region.offset, count: region.count)
            try bytes.withUnsafeBytes { buffer in
                var batches = RecordBatches(buffer)
                while let batch = try batches.next() {
                    next = try batch.validHeader().nextOffset
                    var records = try batch.records(scratch: RecordScratch())
                    while let record = try records.next() {
                        values.append(String(decoding: record.value ?? .init(start: nil, count: 0), as: UTF8.self))
                    }
                }
            }
        }
        return values
    }

    @Test func `while one directory's writes stand, requests for the other are answered at once, and its own in order later`() throws {
        let broker = try start(), client = broker.connect(), other = broker.connect(), third = broker.connect()
        #expect(try client.createTopic("t", partitions: 2) == 0)
        broker.settle()
        let (slow, fast) = try places("t", broker)
        slowDown()
        // The first slow write is made on the loop, and noticed.
        try client.sendProduce("t", slow, try batch("0"))
        #expect(try client.takeProduced()?.offset == 0)
        // From now on a worker writes; no worker has come to it yet.
        try client.sendProduce("t", slow, try batch("1"))
        try third.sendProduce("t", slow, try batch("2"))
        #expect(try client.takeProduced() == nil)
        #expect(try third.takeProduced() == nil)
        try other.sendProduce("t", fast, try batch("x"))
        #expect(try other.takeProduced()?.offset == 0)
        #expect(try other.ask(MetadataRequest(), version: 9) { $0.topics.count } != nil)
        // What is not written nobody sees.
        #expect(try values(broker, "t", slow) == ["0"])
        #expect(try values(broker, "t", fast) == ["x"])
        broker.settle()
        #expect(try client.takeProduced()?.offset == 1)
        #expect(try third.takeProduced()?.offset == 2)
        #expect(try values(broker, "t", slow) == ["0", "1", "2"])
        // The disk is fast again: after a while the loop writes itself.
        disk.faults.slowWrites = nil
        try client.sendProduce("t", slow, try batch("3"))
        #expect(try client.takeProduced() == nil)
        broker.settle()
        #expect(try client.takeProduced()?.offset == 3)
        clock.advance(ms: 60)
        try client.sendProduce("t", slow, try batch("4"))
        #expect(try client.takeProduced()?.offset == 4)
        // The longer it is slow now and then, the longer a worker goes on.
        disk.faults.slowWrites = ("/a", clock, 300)
        try client.sendProduce("t", slow, try batch("5"))
        #expect(try client.takeProduced()?.offset == 5)
        disk.faults.slowWrites = nil
        clock.advance(ms: 60)
        try client.sendProduce("t", slow, try batch("6"))
        #expect(try client.takeProduced() == nil)
        broker.settle()
        #expect(try client.takeProduced()?.offset == 6)
        clock.advance(ms: 60)
        try client.sendProduce("t", slow, try batch("7"))
        #expect(try client.takeProduced()?.offset == 7)
    }

    @Test func `an idempotent producer's batches are checked against those that wait, and come in once`() throws {
        let broker = try start(), client = broker.connect(), other = broker.connect(), third = broker.connect()
        #expect(try client.createTopic("t", partitions: 2) == 0)
        broker.settle()
        let slow = try places("t", broker).slow
        slowDown()
        func batch(_ sequence: Int32) throws -> [UInt8] {
            try self.batch("\(sequence)") { $0.producerId = 9; $0.producerEpoch = 0; $0.baseSequence = sequence }
        }
        try client.sendProduce("t", slow, try batch(0))
        #expect(try client.takeProduced()?.error == 0)
        try client.sendProduce("t", slow, try batch(1))
        // The same again by another connection waits with it; one with a gap is refused at once.
        try other.sendProduce("t", slow, try batch(1))
        try third.sendProduce("t", slow, try batch(3))
        #expect(try third.takeProduced()?.error == 45)
        #expect(try other.takeProduced() == nil)
        broker.settle()
        #expect(try client.takeProduced()?.offset == 1)
        #expect(try other.takeProduced()?.offset == 1)
        #expect(try values(broker, "t", slow) == ["0", "1"])
    }

    @Test func `a change of the metadata waits for a slow disk on a worker, not on the loop`() throws {
        let broker = try start(), client = broker.connect(), arena = Arena()
        defer { arena.staysUntilHere() }
        disk.faults.slowWrites = ("/a/__cluster_metadata-0", clock, 300)
        let begun = clock.wallMs()
        var request = CreateTopicsRequest()
        request.timeoutMs = 10_000
        request.topics = WireArray(count: 1, in: arena) { _, topic in
            topic.name = WireBytes(copying: "t", in: arena)
            topic.numPartitions = 1
            topic.replicationFactor = 1
        }
        try client.send(request, version: 7)
        #expect(clock.wallMs() == begun)
        #expect(try broker.connect().ask(MetadataRequest(), version: 9) { $0.topics.count } != nil)
        broker.settle()
        #expect(clock.wallMs() >= begun + 300)
        #expect(try client.take(CreateTopicsRequest.self, version: 7) { $0.topics[0].errorCode } == 0)
    }

    @Test func `a commit on a slow disk counts when it is written`() throws {
        let broker = try start(), client = broker.connect(), other = broker.connect(), third = broker.connect()
        _ = try client.findCoordinator(of: "g")
        broker.settle()
        #expect(try client.createTopic("t", partitions: 1) == 0)
        broker.settle()
        let place = try #require(broker.logs.log(TopicPartition("__consumer_offsets", 0))?.directory.path)
        disk.faults.slowWrites = (place, clock, 300)
        for offset in [5, 6] {
            try client.sendCommit("g", "t", 0, Int64(offset))
            if offset == 6 { #expect(try client.takeCommitted() == nil) }
            if offset == 5 { #expect(try client.takeCommitted() == 0) }
        }
        try other.sendCommit("g", "t", 0, 7)
        #expect(try third.committed("g", "t", 0)?.offset == 5)
        broker.settle()
        #expect(try client.takeCommitted() == 0)
        #expect(try other.takeCommitted() == 0)
        #expect(try client.committed("g", "t", 0)?.offset == 7)
    }

    @Test(arguments: [false, true]) func `a crash while writes wait loses nothing that was answered`(losesPower: Bool) throws {
        let broker = try start(), client = broker.connect(), other = broker.connect()
        #expect(try client.createTopic("t", partitions: 2, [("flush.messages", "1")]) == 0)
        broker.settle()
        let slow = try places("t", broker).slow
        slowDown()
        for value in ["0", "1"] {
            try client.sendProduce("t", slow, try batch(value))
            #expect(try client.takeProduced() == nil)
            broker.settle()
            #expect(try client.takeProduced()?.error == 0)
        }
        try client.sendProduce("t", slow, try batch("2"))
        try other.sendProduce("t", slow, try batch("3"))
        // No worker comes to them any more.
        broker.jobs.drop()
        disk.faults.slowWrites = nil
        if losesPower { disk.crash() } else { disk.killProcess() }
        let again = try start()
        let found = try values(again, "t", slow)
        #expect(found.starts(with: ["0", "1"]))
        #expect(found.count <= 4)
        #expect(try client.takeProduced() == nil)
    }

    @Test func `a disk that fails while writes wait refuses them all`() throws {
        let broker = try start(), client = broker.connect(), other = broker.connect()
        #expect(try client.createTopic("t", partitions: 2) == 0)
        broker.settle()
        let (slow, fast) = try places("t", broker)
        slowDown()
        for value in ["0", "1"] { try client.sendProduce("t", slow, try batch(value)) }
        try other.sendProduce("t", slow, try batch("2"))
        #expect(try client.takeProduced()?.error == 0)
        disk.faults.writeError = 1
        broker.settle()
        #expect(try client.takeProduced()?.error == 56)
        #expect(try other.takeProduced()?.error == 56)
        disk.faults.writeError = 0
        try client.sendProduce("t", slow, try batch("3"))
        #expect(try client.takeProduced()?.error == 56)
        try client.sendProduce("t", fast, try batch("x"))
        #expect(try client.takeProduced()?.error == 0)
        #expect(try values(broker, "t", slow) == ["0"])
    }

    @Test func `where too much waits a request is kept by its connection, one for the other directory is not`() throws {
        let broker = try start(), clients = (0..<80).map { _ in broker.connect() }
        #expect(try clients[0].createTopic("t", partitions: 2) == 0)
        broker.settle()
        let (slow, fast) = try places("t", broker)
        slowDown()
        try clients[0].sendProduce("t", slow, try batch("first"))
        let large = try batch(String(repeating: "x", count: 1000))
        var heldBack = 0
        for client in clients.dropFirst() {
            try client.sendProduce("t", slow, large)
            if client.wasHeldBack { heldBack += 1 }
        }
        #expect(heldBack > 0 && heldBack < 20)
        try clients[0].sendProduce("t", fast, try batch("x"))
        #expect(try clients[0].takeProduced()?.error == 0)
        broker.settle()
        try clients[79].sendProduce("t", slow, large)
        #expect(!clients[79].wasHeldBack)
    }
}
