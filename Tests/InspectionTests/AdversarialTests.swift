import Files
import Foundation
import Inspection
import KafkaSchema
import Testing

/// Files with flipped, missing and foolish bytes: a clear answer each time, and never the end of the process.
struct InspectionAdversarialTests {
    /// One file of each kind, none larger than some kilobytes.
    private static func samples(_ golden: GoldenDirectory) throws -> [String] {
        var byKind: [String: String] = [:]
        for (name, content) in try golden.contents().sorted(by: { $0.key < $1.key }) {
            let last = name.split(separator: "/").last.map(String.init) ?? ""
            let folder = name.split(separator: "/").dropFirst().first.map { $0.prefix { $0 != "-" } } ?? ""
            guard content.count > 30, content.count < 40_000 else { continue }
            let kind = last.first?.isNumber == true ? "\(folder)\(last.drop { $0 != "." })" : last
            if byKind[kind] == nil { byKind[kind] = name }
        }
        return byKind.values.sorted()
    }

    @Test func `flipped and missing bytes in every kind of file`() throws {
        let golden = try GoldenDirectory()
        let samples = try Self.samples(golden)
        #expect(samples.count >= 15)
        var damaged = 0
        for sample in samples {
            let bytes = try golden.bytes(sample)
            // Some places in each file: the heads always, the rest in steps.
            let places = bytes.indices.filter { $0 < 62 && $0 % 3 == 0 || $0 % max(1, bytes.count / 24) == 0 }
            for place in places {
                for flip in [UInt8(0x01), 0xFF] {
                    var changed = bytes
                    changed[place] ^= flip
                    try golden.write(changed, to: sample)
                    if try Told.file(golden.path + "/" + sample).verdict == .damaged { damaged += 1 }
                }
                try golden.write(Array(bytes[..<place]), to: sample)
                _ = try Told.file(golden.path + "/" + sample)
            }
            try golden.write(bytes, to: sample)
        }
        #expect(damaged > 500)
    }

    @Test func `directories with damaged files`() throws {
        let golden = try GoldenDirectory()
        var found = 0
        for (number, sample) in try Self.samples(golden).enumerated() {
            let bytes = try golden.bytes(sample)
            for step in 0..<2 {
                var changed = bytes
                for place in stride(from: (number + step * 7) % 40, to: changed.count, by: 41 + step) {
                    changed[place] ^= UInt8(1 << (place % 8))
                }
                try golden.write(changed, to: sample)
                if try Told.directories(golden.directories, verifies: true).verdict != .fine { found += 1 }
            }
            try golden.write(bytes, to: sample)
        }
        #expect(found > 15)
    }

    @Test func `files of one repeated byte, and names at the ends of the numbers`() throws {
        let golden = try GoldenDirectory()
        for name in ["00000000000000000000", "09223372036854775807", "99999999999999999999"] {
            for suffix in [".log", ".index", ".timeindex", ".txnindex", ".snapshot"] {
                for byte in [UInt8(0), 1, 0x7F, 0x80, 0xFF] {
                    try golden.write(Array(repeating: byte, count: 500), to: name + suffix)
                    _ = try Told.file(golden.path + "/" + name + suffix)
                }
            }
        }
    }

    @Test func `a mark of what was written is shown, and one that is torn is no mark`() throws {
        let golden = try GoldenDirectory()
        func number(_ value: Int64) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }
        var bytes = Array("JDMK".utf8) + [0, 0, 0, 0]
        for value in Int64(100)..<107 { bytes += number(value) }
        bytes += number(4) + Array("name".utf8) + number(0) + number(0)
        try golden.write(bytes, to: "written-mark")
        let told = try Told.file(golden.path + "/written-mark")
        #expect(told.facts("writtenMark").first?["endOffset"]?.integer == 100)
        #expect(told.facts("writtenMark").first?["uptime"]?.string == "name")
        // Its checksum is none.
        #expect(told.verdict == .damaged)
        for count in bytes.indices {
            try golden.write(Array(bytes[..<count]), to: "written-mark")
            #expect(try Told.file(golden.path + "/written-mark").verdict == .damaged)
        }
    }

    @Test func `a length that claims gigabytes takes no memory`() throws {
        let golden = try GoldenDirectory()
        var head = [UInt8](repeating: 0, count: 100)
        head.replaceSubrange(8..<12, with: [0x7F, 0xFF, 0xFF, 0xF0])
        head[16] = 2
        try golden.write(head, to: "00000000000000000000.log")
        let told = try Told.file(golden.path + "/00000000000000000000.log")
        #expect(told.problems == ["a batch of 2147483644 bytes is cut off: 100 are there"])
    }
}
