import EventLoop
import Files
import KafkaRecords
import TestKit
import Testing

@testable import PartitionLog

@Suite struct RecoveryTests {
    private func filled(_ count: Int, _ change: (inout LogConfiguration) -> Void = { _ in }) throws -> Bench {
        let bench = try Bench { configuration in
            configuration.segmentBytes = 3000
            configuration.indexIntervalBytes = 200
            change(&configuration)
        }
        for number in 0..<count { try bench.log().append(try batch(["value \(number)"]), leaderEpoch: Int32(number / 30)) }
        return bench
    }

    private func path(_ bench: Bench, _ segment: Int64, _ suffix: String) -> String {
        bench.data + "/t-0/" + SegmentName.digits(segment) + suffix
    }

    @Test func `after a kill everything that was appended is there`() throws {
        let bench = try filled(100)
        bench.jobs.run()
        try bench.kill()
        let log = try bench.log()
        #expect(try log.values().map(\.value) == (0..<100).map { "value \($0)" })
        #expect(log.endOffset(forLeaderEpoch: 1)?.endOffset == 60)
        #expect(log.endOffset(forLeaderEpoch: 3)?.endOffset == 100)
        #expect(log.endOffset(forLeaderEpoch: 9) == nil)
    }

    @Test func `a torn tail is cut at the first batch that is not whole`() throws {
        // Every length to which the last batch can be torn.
        let whole = Int64(try batch(["value 9"]).count)
        for torn in stride(from: Int64(1), to: whole, by: 7) {
            let bench = try filled(10)
            let file = try PosixFileSystem().open(path(bench, 0, ".log"), .readWrite)
            try file.truncate(to: try file.size() - torn)
            try bench.kill()
            #expect(try bench.log().logEndOffset == 9)
            #expect(try file.size() == 9 * whole)
            try bench.log().append(try batch(["again"]))
            #expect(try bench.log().values().last?.value == "again")
            #expect(try bench.log().values().last?.offset == 9)
        }
    }

    @Test func `a flipped byte ends the log before its batch, and later segments go`() throws {
        let bench = try filled(100)
        let log = try bench.log()
        let second = log.view.segments[1].baseOffset, third = log.view.segments[2].baseOffset
        let file = try PosixFileSystem().open(path(bench, second, ".log"), .readWrite)
        var byte = try file.bytes(at: 400, count: 1)
        byte[0] ^= 1
        try file.write(byte, at: 400)
        // Nothing was flushed: no job has run.
        try bench.kill()
        let end = try bench.log().logEndOffset
        #expect(end > second && end < third)
        #expect(try bench.log().values().map(\.value) == (0..<end).map { "value \($0)" })
        #expect(try bench.log().view.segments.count == 2)
        try bench.log().append(try batch(["more"]))
        try bench.restart()
        #expect(try bench.log().values().last?.value == "more")
    }

    @Test func `what lies before the recovery point is not looked at`() throws {
        let bench = try filled(100)
        bench.jobs.run()
        bench.clock.advance(ms: 120_000)
        bench.manager.maintain()
        #expect(try bench.log().recoveryPoint > 0)
        let file = try PosixFileSystem().open(path(bench, 0, ".log"), .readWrite)
        var byte = try file.bytes(at: 400, count: 1)
        byte[0] ^= 1
        try file.write(byte, at: 400)
        try bench.kill()
        #expect(try bench.log().logEndOffset == 100)
    }

    @Test func `after a kill what lies before the mark is not read, after a power loss it is`() throws {
        for losesPower in [false, true] {
            let disk = SimulatedDisk(seed: 1)
            let bench = try Bench({ $0.segmentBytes = 3000 }, fileSystem: disk)
            let log = try bench.log()
            for number in 0..<100 { try log.append(try batch(["value \(number)"]) { $0.producerId = 7; $0.producerEpoch = 0; $0.baseSequence = Int32(number) }, leaderEpoch: Int32(number / 30)) }
            bench.jobs.drop()
            log.writeMark()
            #expect(log.recoveryPoint == 0)
            // Everything reaches the disk, but for one byte.
            for (name, _) in disk.look(into: bench.data + "/t-0") { try disk.open(bench.data + "/t-0/" + name, .readWrite).sync() }
            for path in [bench.data + "/t-0", bench.data] { try disk.syncDirectory(path) }
            let file = try disk.open(path(bench, 0, ".log"), .readWrite)
            var byte = try file.bytes(at: 400, count: 1)
            byte[0] ^= 1
            try file.write(byte, at: 400)
            try file.sync()
            if losesPower { disk.crash() } else { disk.killProcess() }
            try bench.kill()
            let again = try bench.log()
            #expect(again.recoveryPoint == 0)
            #expect((again.logEndOffset == 100) != losesPower)
            guard !losesPower else { continue }
            #expect(again.producers.first { $0.id == 7 }?.entry.lastSequence == 99)
            #expect(again.endOffset(forLeaderEpoch: 1)?.endOffset == 60)
            // The indexes and epochs that the mark vouched for reach the disk before the recovery point says so.
            try again.checkpointRecoveryPoint()
            try bench.manager.writeCheckpoints(of: again.directory, [.recoveryPoint])
            disk.crash()
            try bench.kill()
            #expect(try bench.log().logEndOffset == 100)
            #expect(try bench.log().endOffset(forLeaderEpoch: 1)?.endOffset == 60)
        }
    }

    @Test(arguments: ["cut", "longer", "same end"])
    func `a mark does not count where another broker has written since`(change: String) throws {
        let bench = try filled(40) { $0.segmentBytes = 1 << 20 }
        try bench.log().writeMark()
        bench.jobs.drop()
        #expect(try bench.files().contains(WrittenMark.fileName))
        // What another broker might have left in the same uptime, and a flipped byte in it, which only a look at all of it finds.
        let other = try filled(change == "cut" ? 30 : 20) { $0.segmentBytes = 1 << 20 }
        for number in 0..<(change == "longer" ? 40 : change == "same end" ? 20 : 0) { try other.log().append(try batch(["other \(number)"])) }
        var bytes = try PosixFileSystem().open(path(other, 0, ".log"), .read).bytes(at: 0, count: 1 << 20)
        bytes[400] ^= 1
        try PosixFileSystem().open(path(bench, 0, ".log"), .replace).write(bytes, at: 0)
        try bench.kill()
        #expect(try bench.log().logEndOffset < 10)
        #expect(try bench.log().values().map(\.value) == (0..<bench.log().logEndOffset).map { "value \($0)" })
    }

    @Test(arguments: [".index", ".timeindex"])
    func `indexes that are missing or torn are made anew`(_ suffix: String) throws {
        for damage in 0..<3 {
            let bench = try filled(100)
            bench.jobs.run()
            try bench.restart()
            let base = try bench.log().view.segments.last!.baseOffset
            let index = path(bench, base, suffix)
            let before = try PosixFileSystem().contents(index, limit: 10_000)
            #expect(before?.isEmpty == false)
            switch damage {
            case 0: try PosixFileSystem().remove(index)
            case 1: try PosixFileSystem().open(index, .readWrite).truncate(to: 5)
            default: try PosixFileSystem().open(index, .readWrite).write([UInt8](repeating: 0, count: before!.count), at: 0)
            }
            try bench.kill()
            let log = try bench.log()
            #expect(log.logEndOffset == 100)
            for offset in Int64(0)..<100 { #expect(try log.values(from: offset, maxBytes: 1).first?.offset == offset) }
            try bench.restart()
            #expect(try PosixFileSystem().contents(index, limit: 10_000) == before)
        }
    }

    @Test func `files of unfinished compactions and deletions are resolved as Kafka does`() throws {
        let bench = try filled(100) { $0.segmentBytes = 1000 }
        bench.jobs.run()
        let log = try bench.log()
        let bases = log.view.segments.map(\.baseOffset)
        let posix = PosixFileSystem()
        bench.manager.shutdown()
        // A compaction that made one segment of the first two was finished up to the renames.
        var joined = try #require(try posix.contents(path(bench, bases[0], ".log"), limit: 1 << 20))
        joined += try #require(try posix.contents(path(bench, bases[1], ".log"), limit: 1 << 20))
        try posix.replace(path(bench, bases[0], ".log.swap"), with: joined, durably: false)
        // Another one was not, and a deletion neither.
        try posix.replace(path(bench, bases[3], ".log.cleaned"), with: [1, 2, 3], durably: false)
        try posix.replace(path(bench, bases[4], ".log.swap"), with: [1, 2, 3], durably: false)
        try posix.replace(path(bench, 5, ".log.deleted"), with: [1], durably: false)
        try posix.replace(path(bench, 5, ".index"), with: [1], durably: false)
        bench.manager = try Bench.start(bench.temporary.path, bench.environment, bench.configuration)
        let after = try bench.log()
        #expect(after.view.segments.map(\.baseOffset) == bases.filter { $0 != bases[1] })
        #expect(try after.values().map(\.value) == (0..<100).map { "value \($0)" })
        let left = try bench.files().filter { name in
            ["swap", "cleaned", "deleted"].contains { name.hasSuffix($0) } || name.hasPrefix("00000000000000000005.")
        }
        #expect(left == [])
    }

    @Test func `truncation cuts records, indexes, epochs and producers`() throws {
        let bench = try filled(100)
        let log = try bench.log()
        try log.truncate(to: 45)
        #expect(log.logEndOffset == 45)
        #expect(log.endOffset(forLeaderEpoch: 1)?.endOffset == 45)
        #expect(log.endOffset(forLeaderEpoch: 2) == nil)
        #expect(try log.values().map(\.value) == (0..<45).map { "value \($0)" })
        for number in 45..<120 { try log.append(try batch(["new \(number)"]), leaderEpoch: 5) }
        bench.jobs.run()
        try bench.restart()
        #expect(try bench.log().values().map(\.value) == (0..<45).map { "value \($0)" } + (45..<120).map { "new \($0)" })
        #expect(try bench.log().endOffset(forLeaderEpoch: 5)?.endOffset == 120)
    }

    @Test func `a directory is locked, has an owner, and refuses what is not its own`() throws {
        let bench = try Bench()
        let posix = PosixFileSystem()
        func open(nodeId: Int32 = 1, clusterId: String? = nil, _ path: String) throws {
            _ = try LogDirectory.open([path], nodeId: nodeId, clusterId: clusterId, fileSystem: posix)
        }
        #expect(throws: LogError.self) { try open(bench.data) }
        bench.manager.shutdown()
        try open(bench.data)
        #expect(throws: LogError.self) { try open(nodeId: 2, bench.data) }
        #expect(throws: LogError.self) { try open(clusterId: "another", bench.data) }
        let foreign = bench.temporary.path + "/foreign"
        try posix.makeDirectories(foreign + "/photos")
        #expect(throws: LogError.self) { try open(foreign) }
        let text = String(decoding: try #require(try posix.contents(bench.data + "/meta.properties", limit: 1000)), as: UTF8.self)
        #expect(text.contains("node.id=1\n"))
        #expect(text.contains("version=1\n"))
    }
}
