import EventLoop
import Files
import KafkaRecords
import KafkaWire
import TestKit
import Testing

@testable import PartitionLog

@Suite struct FailingDiskTests {
    private let clock = ManualClock()
    private let jobs = Jobs()

    /// Two log directories, each with a disk's worth of room of its own; they share the simulated disk's faults.
    private func start(_ disk: SimulatedDisk, _ paths: [String] = ["/a", "/b"]) throws -> LogManager {
        let jobs = jobs
        let environment = LogEnvironment(fileSystem: disk, clock: clock, submit: { jobs.submit($0) })
        let (directories, _) = try LogDirectory.open(paths, nodeId: 1, clusterId: "c", fileSystem: disk)
        let manager = LogManager(directories: directories, environment: environment)
        try manager.load { _ in LogConfiguration() }
        return manager
    }

    private func kind(_ body: () throws -> Void) -> LogError.Kind? {
        do {
            try body()
            return nil
        } catch {
            return (error as? LogError)?.kind
        }
    }

    @Test func `a full disk takes its directory offline; what is there is read, and nothing is lost once there is room`() throws {
        let disk = SimulatedDisk(seed: 1)
        var manager = try start(disk)
        let first = try manager.create(TopicPartition("t", 0), topicId: Uuid(1, 2), configuration: LogConfiguration())
        let second = try manager.create(TopicPartition("t", 1), topicId: Uuid(1, 2), configuration: LogConfiguration())
        #expect(first.directory !== second.directory)
        var appended = 0
        for number in 0..<10 {
            try first.append(try batch(["value \(number)"]))
            try second.append(try batch(["value \(number)"]))
            appended += 1
        }
        let used = disk.look(into: "/a").reduce(0) { $0 + $1.bytes.count }
        #expect(used > 0)
        disk.faults.capacity = 1
        #expect(kind { try first.append(try batch(["too much"])) } == .storage)
        #expect(!first.directory.isOnline)
        #expect(second.directory.isOnline)
        #expect(kind { try first.append(try batch(["again"])) } == .storage)
        #expect(try first.values().count == appended)

        disk.faults.capacity = .max
        // Offline until the next start, as in Kafka.
        #expect(kind { try first.append(try batch(["again"])) } == .storage)
        try second.append(try batch(["goes on"]))
        manager.shutdown()
        // The directory that failed has no mark of a clean stop; the other has.
        #expect(!disk.look(into: first.directory.path).contains { $0.name == ".kafka_cleanshutdown" })
        #expect(disk.look(into: second.directory.path).contains { $0.name == ".kafka_cleanshutdown" })
        manager = try start(disk)
        let again = try #require(manager.log(TopicPartition("t", 0)))
        #expect(try again.values().map(\.value) == (0..<10).map { "value \($0)" })
        #expect(try again.append(try batch(["room"])).firstOffset == 10)
        #expect(try manager.log(TopicPartition("t", 1))?.values().count == 11)
    }

    @Test func `whoever waits for a flush hears that the disk failed`() throws {
        let disk = SimulatedDisk(seed: 2)
        let manager = try start(disk, ["/a"])
        let log = try manager.create(TopicPartition("t", 0), topicId: Uuid(1, 2), configuration: LogConfiguration())
        try log.append(try batch(["a"]))
        let heard = Heard()
        log.flushed(upTo: 1) { heard.kinds.append($0?.kind) }
        disk.faults.writeError = 1
        jobs.run()
        #expect(heard.kinds == [.storage])
        #expect(log.flushedOffset == 0)
        #expect(!log.directory.isOnline)
        #expect(try log.values().map(\.value) == ["a"])
    }

    @Test func `a read that would wait for the disk says so and changes nothing`() throws {
        let disk = SimulatedDisk(seed: 3)
        let manager = try start(disk, ["/a"])
        let log = try manager.create(TopicPartition("t", 0), topicId: Uuid(1, 2), configuration: LogConfiguration())
        try log.append(try batch(["a"]))
        // What was appended last is known to lie in memory; what came before it is not.
        try log.append(try batch(["b"]))
        disk.faults.coldRead = 1
        func read(mayWait: Bool) throws -> LogRead {
            try log.read(from: 0, maxBytes: 100, isolation: .logEnd, atLeastOneBatch: true, mayWait: mayWait)
        }
        #expect(kind { _ = try read(mayWait: false) } == .notResident)
        #expect(try read(mayWait: true).region?.isResident == false)
        disk.faults.coldRead = 0
        #expect(try read(mayWait: false).region?.isResident == true)
        // The last one is taken to be there without a look, as long as it is recent.
        disk.faults.coldRead = 1
        func last() throws -> FileRegion? {
            try log.read(from: 1, maxBytes: 100, isolation: .logEnd, atLeastOneBatch: true, mayWait: false).region
        }
        #expect(try last()?.isResident == true)
        clock.advance(ms: 10_000)
        #expect(try last()?.isResident == false)
    }

    @Test func `a failing read is the one request's trouble`() throws {
        let disk = SimulatedDisk(seed: 4)
        let manager = try start(disk, ["/a"])
        let log = try manager.create(TopicPartition("t", 0), topicId: Uuid(1, 2), configuration: LogConfiguration())
        try log.append(try batch(["a"]))
        try log.append(try batch(["b"]))
        disk.faults.readError = 1
        #expect(kind { _ = try log.read(from: 0, maxBytes: 100, isolation: .logEnd, atLeastOneBatch: true) } == .storage)
        disk.faults.readError = 0
        #expect(try log.append(try batch(["c"])).firstOffset == 2)
    }
}

private final class Heard: @unchecked Sendable {  // one thread
    var kinds: [LogError.Kind?] = []
}
