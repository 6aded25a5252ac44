import Cluster
import Files
import Glibc
import KafkaMessages
import KafkaWire
import PartitionLog
import Synchronization
import Telemetry
import TestKit
import Testing

/// A broker with two log directories, of which one breaks: the other serves on, and what the broken one has comes back with it.
@Suite struct BrokenDirectoryTests {
    private let disk = SimulatedDisk(seed: 11)
    private let clock = ManualClock()

    init() { Log.shared.level = .error }

    private func start(breaking path: String? = nil, code: Int32 = EIO) throws -> SimulatedBroker {
        disk.faults.trouble = path.map { .init(path: $0, code: code, probability: 1, alsoReads: true) }
        let broker = try SimulatedBroker(
            directories: ["/a", "/b"], disk: disk, clock: clock, ["offsets.topic.num.partitions": "1"])
        broker.settle()
        disk.faults.trouble = nil
        return broker
    }

    private func end(_ broker: SimulatedBroker) {
        broker.die()
        disk.killProcess()
    }

    private func place(_ path: String, of topic: String, _ broker: SimulatedBroker) throws -> Int32 {
        try #require((0..<2).first { broker.logs.log(TopicPartition(topic, $0))?.directory.path == path })
    }

    private func produce(_ topic: String, _ partition: Int32, _ broker: SimulatedBroker) throws -> (error: Int16, offset: Int64)? {
        let client = broker.connect()
        try client.sendProduce(topic, partition, try simulatedBatch(["x"], timestamp: clock.wallMs()))
        broker.settle()
        return try client.takeProduced()
    }

    @Test(arguments: [EIO, ENOSPC]) func `a start with one broken directory serves the others and makes nothing anew`(code: Int32) throws {
        var broker = try start()
        #expect(try broker.connect().createTopic("t", partitions: 2) == 0)
        broker.settle()
        let (inA, inB) = (try place("/a", of: "t", broker), try place("/b", of: "t", broker))
        #expect(try produce("t", inB, broker)?.offset == 0)
        #expect(try produce("t", inA, broker)?.offset == 0)
        end(broker)

        broker = try start(breaking: "/b", code: code)
        #expect(try produce("t", inB, broker)?.error == ErrorCode.kafkaStorageError.rawValue)
        #expect(try produce("t", inA, broker)?.offset == 1)
        // A change of the topic's is no reason to look for another place.
        #expect(try broker.connect().setConfig("t", "retention.ms", "1000000") == 0)
        #expect(try produce("t", inB, broker)?.error == ErrorCode.kafkaStorageError.rawValue)
        // What is new goes to where there is a place.
        #expect(try broker.connect().createTopic("new", partitions: 2) == 0)
        broker.settle()
        for partition in 0..<2 { #expect(try produce("new", Int32(partition), broker)?.offset == 0) }
        end(broker)

        broker = try start()
        #expect(try produce("t", inB, broker)?.offset == 1)
        #expect(try produce("t", inA, broker)?.offset == 2)
        #expect(try produce("new", 0, broker)?.offset == 1)
    }

    @Test func `a start without any directory that works says so`() throws {
        end(try start())
        disk.faults.trouble = .init(path: "", code: EIO, probability: 1)
        #expect(throws: LogError.self) {
            _ = try SimulatedBroker(directories: ["/a", "/b"], disk: disk, clock: clock, [:])
        }
    }

    @Test func `a topic that is deleted and made again while its directory is broken is the new one afterwards`() throws {
        var broker = try start()
        #expect(try broker.connect().createTopic("t", partitions: 2) == 0)
        broker.settle()
        let inB = try place("/b", of: "t", broker)
        for _ in 0..<3 { #expect(try produce("t", inB, broker)?.error == 0) }
        disk.faults.trouble = .init(path: "/b", code: EIO, probability: 1)
        #expect(try produce("t", inB, broker)?.error == ErrorCode.kafkaStorageError.rawValue)
        #expect(try broker.connect().deleteTopic("t") == 0)
        #expect(try broker.connect().createTopic("t", partitions: 2) == 0)
        broker.settle()
        for partition in 0..<2 { #expect(try produce("t", Int32(partition), broker)?.offset == 0) }
        end(broker)

        broker = try start()
        for partition in 0..<2 { #expect(try produce("t", Int32(partition), broker)?.offset == 1) }
        #expect(try disk.list("/b").contains { $0.hasSuffix("-stray") })
    }

    /// Linux gives up what an `fsync` could not write: the next one says that all is well.
    @Test func `nothing is acknowledged as flushed after a flush has failed`() throws {
        let broker = try start()
        #expect(try broker.connect().createTopic("t", partitions: 1) == 0)
        broker.settle()
        #expect(try produce("t", 0, broker)?.offset == 0)
        let log = try #require(broker.logs.log(TopicPartition("t", 0)))
        let heard = Mutex<[LogError.Kind?]>([])
        for isBroken in [true, false] {
            disk.faults.trouble = isBroken ? .init(path: "/", code: EIO, probability: 1) : nil
            if isBroken { disk.faults.trouble?.path = log.directory.path }
            log.flushed(upTo: 1) { failure in heard.withLock { $0.append(failure?.kind) } }
            broker.settle()
        }
        #expect(heard.withLock { $0 } == [.storage, .storage])
    }

    @Test func `a change that was read but never committed is committed before anybody sees it`() throws {
        var broker = try start()
        disk.faults.trouble = .init(path: "/a/__cluster_metadata-0", code: EIO, probability: 1)
        // The records are written, the flush fails.
        disk.faults.trouble?.spares = [.write]
        #expect(try broker.connect().createTopic("t", partitions: 1) == ErrorCode.kafkaStorageError.rawValue)
        broker.settle()
        disk.faults.trouble = nil
        #expect(!broker.store.close())
        broker.logs.shutdown(isComplete: false)
        end(broker)

        broker = try start()
        let isSeen = broker.store.image.topic("t") != nil
        broker.die()
        disk.crash()
        broker = try start()
        #expect(isSeen)
        #expect(broker.store.image.topic("t") != nil)
    }
}
