import EventLoop
import Files
import KafkaWire
import TestKit
import Testing

@testable import PartitionLog

@Suite struct CheckpointTests {
    @Test func `two threads that write the checkpoints do not take each other's file away`() throws {
        let bench = try Bench()
        let manager = bench.manager, directory = manager.directories[0]
        let logs = try (0..<2).map { try bench.log("t", Int32($0)) }
        let threads = try logs.map { log in
            try #require(WorkerThread("writer") {
                for number in 0..<100 where directory.isOnline {
                    do {
                        try log.append(try batch(["value \(number)"]))
                        try manager.writeCheckpoints(of: directory, [.highWatermark])
                    } catch {
                        Issue.record("\(error)")
                        return
                    }
                }
            })
        }
        for thread in threads { thread.join() }
        #expect(directory.isOnline)
        let written = try #require(try OffsetCheckpoint.read(.highWatermark, in: directory.path, of: bench.environment.fileSystem))
        #expect(written.offsets == [TopicPartition("t", 0): 100, TopicPartition("t", 1): 100])
    }

    @Test func `a topic that is made anew after a kill does not begin where its namesake's records were deleted`() throws {
        let bench = try Bench()
        let log = try bench.log()
        for number in 0..<10 { try log.append(try batch(["old \(number)"])) }
        try log.deleteRecords(before: 10)
        let directory = bench.manager.directories[0]
        try bench.manager.writeCheckpoints(of: directory, OffsetCheckpoint.Kind.allCases)
        try bench.manager.delete(TopicPartition("t", 0))
        // The files speak of the topic that is gone, the next process does not know it.
        try bench.kill()
        try bench.log().append(try batch(["new"]))
        try bench.kill()
        let again = try bench.log()
        #expect(again.view.logStartOffset == 0)
        #expect(try again.values().map(\.value) == ["new"])
    }

    @Test func `an unchanged checkpoint is not written again, and one that another writer changed is`() throws {
        let disk = SimulatedDisk(seed: 1)
        let bench = try Bench(fileSystem: disk)
        let log = try bench.log(), directory = bench.manager.directories[0]
        func writes() throws -> Int {
            let before = disk.calls
            try bench.manager.writeCheckpoints(of: directory, [.highWatermark])
            return disk.calls - before
        }
        try log.append(try batch(["a"]))
        #expect(try writes() > 0)
        #expect(try writes() == 0)
        try log.append(try batch(["b"]))
        #expect(try writes() > 0)
    }
}
