import Files
import Glibc
import KafkaRecords
import Testing

@testable import PartitionLog

/// Apache Kafka's own reader over what was written here. It comes from the folder that KAFKA_KIT names.
private let kit = getenv("KAFKA_KIT").map { String(cString: $0) }

@Suite(.enabled(if: kit != nil, "KAFKA_KIT does not name a folder with Apache Kafka"))
struct DumpLogTests {
    /// What the tool says about files.
    static func dump(_ files: [String], _ options: String) throws -> String {
        let command = "'\(kit ?? "")/kafka-tool' dump-log \(options) --files '\(files.joined(separator: ","))' 2>&1"
        let pipe = try #require(popen(command, "r"))
        var output: [UInt8] = [], piece = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let got = fread(&piece, 1, piece.count, pipe)
            if got == 0 { break }
            output += piece[..<got]
        }
        #expect(pclose(pipe) == 0)
        return String(decoding: output, as: UTF8.self)
    }

    /// All files of a partition through Kafka's checks: every record, every index entry.
    static func check(_ directory: String, records: Int? = nil, hasGaps: Bool = false) throws {
        let names = try PosixFileSystem().list(directory)
        func paths(_ suffix: String) -> [String] {
            names.filter { $0.hasSuffix(suffix) }.map { directory + "/" + $0 }
        }
        let complaints = ["Mismatch", "mismatch", "orrupt", "xception", "not valid", "out of order", "Found "]
        let all = paths(".log") + paths(".index") + paths(".timeindex") + paths(".txnindex") + paths(".snapshot")
        let text = try dump(all, "--deep-iteration --print-data-log")
        for line in text.split(separator: "\n") where complaints.contains(where: { line.contains($0) }) {
            Issue.record("\(line)")
        }
        // The tool expects every file to begin with offset 0.
        for line in text.split(separator: "\n") where line.contains("is followed by") && !line.hasPrefix("  -1 is") && !hasGaps {
            Issue.record("\(line)")
        }
        if let records {
            let found = text.split(separator: "\n").count { $0.hasPrefix("| offset:") && !$0.contains("endTxnMarker") }
            #expect(found == records)
        }
        let sane = try dump(paths(".index") + paths(".timeindex"), "--index-sanity-check")
        for line in sane.split(separator: "\n") where complaints.contains(where: { line.contains($0) }) {
            Issue.record("\(line)")
        }
        #expect(sane.contains("passed sanity check"))
    }

    @Test func `Kafka reads every file after appends, rolls, a kill, a truncation and a clean stop`() throws {
        let bench = try Bench { configuration in
            configuration.segmentBytes = 8000
            configuration.indexIntervalBytes = 300
        }
        var sequence: Int32 = 0
        func append(_ count: Int, epoch: Int32) throws {
            for number in 0..<count {
                try bench.log().append(
                    try batch(["value \(number)", "and more"], timestamp: 1_700_000_000_000 + Int64(number)) { builder in
                        builder.producerId = 9
                        builder.producerEpoch = 1
                        builder.baseSequence = sequence
                    }, leaderEpoch: epoch)
                sequence += 2
            }
        }
        try append(200, epoch: 0)
        bench.jobs.run()
        try bench.kill()
        try append(100, epoch: 1)
        try bench.restart()
        try bench.log().truncate(to: 500)
        sequence = 500
        try append(100, epoch: 2)
        try bench.log().append(try batch(["in a transaction"]) { builder in
            builder.producerId = 10
            builder.producerEpoch = 0
            builder.baseSequence = 0
            builder.isTransactional = true
        }, leaderEpoch: 2)
        var marker = RecordBatchBuilder()
        marker.producerId = 10
        marker.producerEpoch = 0
        marker.isTransactional = true
        marker.isControl = true
        marker.append(timestamp: 1_700_000_000_000, key: [0, 0, 0, 0], value: [0, 0, 0, 0, 0, 0])
        try bench.log().append(try marker.build(), origin: .coordinator, leaderEpoch: 2)
        try bench.restart()
        try Self.check(bench.data + "/t-0", records: 701)
    }

    @Test func `Kafka reads every file after compaction`() throws {
        let bench = try Bench { configuration in
            configuration.segmentBytes = 4000
            configuration.indexIntervalBytes = 300
            configuration.compacts = true
            configuration.fileDeleteDelayMs = 0
        }
        for number in 0..<300 {
            try bench.log().append(try batch(["value \(number)", "more"], key: "k\(number % 9)") { builder in
                builder.producerId = Int64(number % 4)
                builder.producerEpoch = 0
                builder.baseSequence = Int32(number / 4 * 2)
                builder.compression = Compression(CompressionType.allCases[number % 5])
            })
        }
        _ = try bench.log().clean(memoryBytes: 1 << 20)
        try bench.restart()
        try Self.check(bench.data + "/t-0", hasGaps: true)
    }
}
