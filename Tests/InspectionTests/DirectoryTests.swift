import Cluster
import Configuration
import EventLoop
import Files
import Foundation
import Inspection
import KafkaSchema
import KafkaWire
import PartitionLog
import Testing

/// Directories as a whole, and what a start would do with them.
struct DirectoryTests {
    private let golden: GoldenDirectory

    init() throws { golden = try GoldenDirectory() }

    @Test func `a directory that Kafka stopped cleanly is fine, and nothing in it changes`() throws {
        let before = try golden.contents()
        let told = try Told.directories(golden.directories, verifies: true)
        #expect(told.verdict == .fine, "\(told.problems)")
        #expect(try golden.contents() == before)
        #expect(told.facts("directory").map { $0["state"]?.string } == Array(repeating: "stopped cleanly", count: 3))
        let topics = told.facts("topic").compactMap { $0["name"]?.string }
        #expect(
            topics == [
                "__consumer_offsets", "__transaction_state", "append-time", "codecs", "compacted",
                "name.with_all-of.them", "segments", "transactions",
            ])
        #expect(
            Int64(told.facts("partition").count)
                == told.facts("topic").compactMap { $0["partitions"]?.integer }.reduce(0, +))
        let kept = try #require(told.facts("metadata").first?["kept"])
        #expect(kept["accessControlEntryRecord"]?.integer == 7)
        #expect(kept["userScramCredentialRecord"]?.integer == 4)
        #expect(told.facts("start").last?["text"]?.string == "nothing is to be recovered")
    }

    @Test func `offsets are those of the logs`() throws {
        let told = try Told.directories(golden.directories)
        let (logs, _) = try started()
        for partition in told.facts("partition") {
            let name = try #require(partition["name"]?.string)
            let log = try #require(logs[name], "\(name)")
            #expect(partition["logEndOffset"]?.integer == log.end, "\(name)")
            #expect(partition["logStartOffset"]?.integer == log.start, "\(name)")
        }
        #expect(told.facts("partition").count == logs.count)
    }

    /// What a real start makes of the golden directory's copy: each log's offsets, and the files.
    private func started() throws -> (logs: [String: (start: Int64, end: Int64)], files: Set<String>) {
        let fileSystem = PosixFileSystem()
        let (directories, _) = try LogDirectory.open(
            golden.directories, nodeId: 1, clusterId: nil, fileSystem: fileSystem)
        let environment = LogEnvironment(fileSystem: fileSystem, clock: Clock()) { _ in }
        let manager = LogManager(directories: directories, environment: environment)
        try manager.load { _ in LogConfiguration() }
        var logs: [String: (start: Int64, end: Int64)] = [:]
        for log in manager.logs { logs["\(log.partition)"] = (log.logStartOffset, log.logEndOffset) }
        return (logs, Set(try golden.contents().keys))
    }

    private var marks: [String] { ["one", "two", "three"].map { $0 + "/.kafka_cleanshutdown" } }

    /// The folder of a partition, wherever it is.
    private func folder(_ partition: String) throws -> String {
        let found = ["one", "two", "three"].map { $0 + "/" + partition }
        return try #require(found.first { FileManager.default.fileExists(atPath: golden.path + "/" + $0) })
    }

    @Test func `after a kill it says what a start cuts off, and the start does just that`() throws {
        for mark in marks { try golden.remove(mark) }
        let segment = try folder("codecs-2") + "/00000000000000000000.log"
        let whole = try golden.bytes(segment)
        try golden.write(whole + whole.prefix(100), to: segment)
        for directory in ["one", "two", "three"] {
            let checkpoint = directory + "/recovery-point-offset-checkpoint"
            let lines = String(decoding: try golden.bytes(checkpoint), as: UTF8.self).split(separator: "\n")
            let kept = lines.dropFirst(2).filter { !$0.hasPrefix("codecs 2 ") }
            try golden.write(
                Array((["0", "\(kept.count)"] + kept.map(String.init)).joined(separator: "\n").utf8) + [10],
                to: checkpoint)
        }
        let before = try golden.contents()
        let told = try Told.directories(golden.directories)
        #expect(try golden.contents() == before)
        #expect(told.verdict == .damaged)
        let cut = try #require(
            told.facts("start").first {
                $0["text"]?.string == "cuts a file" && $0["file"]?.string?.hasSuffix(".log") == true
            })
        #expect(cut["file"]?.string == golden.path + "/" + segment)
        #expect(cut["from"]?.integer == Int64(whole.count + 100))
        #expect(cut["to"]?.integer == Int64(whole.count))
        let scan = try #require(
            told.facts("start").first {
                $0["partition"]?.string == "codecs-2" && $0["text"]?.string == "scans a partition"
            })
        #expect(scan["fromOffset"]?.integer == 0)
        let end = try #require(scan["toOffset"]?.integer)
        #expect(try started().logs["codecs-2"]?.end == end)
        #expect(try golden.bytes(segment) == whole)
    }

    @Test func `unfinished files are named with what a start makes of them`() throws {
        let folder = try folder("segments-0")
        let stem = folder + "/00000000000000000130"
        // A compaction that had put its result beside the old segment, and a deletion.
        for suffix in [".log", ".index", ".timeindex"] {
            try golden.write(try golden.bytes(stem + suffix), to: stem + suffix + ".swap")
        }
        try golden.write([1, 2, 3], to: folder + "/00000000000000000007.log.deleted")
        try golden.write([1], to: folder + "/00000000000000000140.log.cleaned")
        let told = try Told.directories(golden.directories)
        func isTold(_ text: String, _ name: String) -> Bool {
            told.facts("start").contains {
                $0["text"]?.string == text && $0["file"]?.string == golden.path + "/" + name
            }
        }
        #expect(isTold("removes a file", folder + "/00000000000000000007.log.deleted"))
        #expect(isTold("removes a file", folder + "/00000000000000000140.log.cleaned"))
        #expect(isTold("renames a file", stem + ".log.swap"))
        let (_, files) = try started()
        #expect(!files.contains { $0.hasSuffix(".swap") || $0.hasSuffix(".deleted") || $0.hasSuffix(".cleaned") })
    }

    @Test func `a foreign folder refuses the start, and is named`() throws {
        try FileManager.default.createDirectory(atPath: golden.path + "/one/photos", withIntermediateDirectories: false)
        let told = try Told.directories(golden.directories)
        #expect(told.verdict == .damaged)
        #expect(told.problems.contains { $0.hasPrefix("a start is refused: ") && $0.contains("photos") })
    }

    @Test func `one of several directories is looked at by itself, and the others are missed`() throws {
        let told = try Told.directories([golden.path + "/one"])
        #expect(told.facts("note").contains { $0["text"]?.string?.contains("name them all") == true })
    }

    @Test func `a partition's folder can be looked at`() throws {
        let told = try Told.directories([golden.path + "/" + folder("segments-1")], verifies: true)
        #expect(told.verdict == .fine, "\(told.problems)")
        #expect(told.facts("segment").count == 2)
        #expect(told.facts("verified").count == 2)
    }

    @Test func `a directory that a broker has open is read, and the broker named`() throws {
        let fileSystem = PosixFileSystem()
        let lock = try #require(try fileSystem.lock(golden.path + "/one/.lock"))
        let told = try Told.directories([golden.path + "/one"])
        #expect(told.facts("directory").first?["state"]?.string == "in use by a broker")
        #expect(told.facts("directory").first?["process"]?.integer == Int64(ProcessInfo.processInfo.processIdentifier))
        // It is still held: nobody else gets it.
        #expect(try fileSystem.lock(golden.path + "/one/.lock") == nil)
        withExtendedLifetime(lock) {}
    }

    @Test func `what is no data directory is not taken for one`() throws {
        try FileManager.default.createDirectory(atPath: golden.path + "/empty", withIntermediateDirectories: false)
        let told = try Told.directories([golden.path + "/empty"])
        #expect(told.verdict == .unreadable)
        #expect(
            told.problems.first?.hasSuffix(
                "not a data directory: it has no meta.properties, and no folder of a partition") == true)
        #expect(try Told.directories([golden.path + "/nowhere"]).verdict == .unreadable)
        try golden.write([1], to: "notes.txt")
        #expect(try Told.file(golden.path + "/notes.txt").verdict == .unreadable)
    }

    @Test func `damage is found where it is`() throws {
        let segment = try folder("codecs-1") + "/00000000000000000000.log"
        var bytes = try golden.bytes(segment)
        bytes[200] ^= 0xFF
        try golden.write(bytes, to: segment)
        let quick = try Told.directories(golden.directories)
        #expect(quick.verdict == .fine)
        let told = try Told.directories(golden.directories, verifies: true)
        #expect(told.verdict == .damaged)
        #expect(told.facts("problem").count == 1)
        #expect(told.facts("problem").first?["file"]?.string == golden.path + "/" + segment)
        #expect(told.facts("problem").first?["position"]?.integer == 0)
    }
}
