import Foundation
import Inspection
import KafkaSchema
import Testing

/// Every file of Kafka's directory, held against what Kafka's own dump-log says of it.
struct DumpLogTests {
    private let golden: GoldenDirectory

    init() throws { golden = try GoldenDirectory() }

    /// `baseOffset: 0 lastOffset: 59 ...` as pairs.
    private func pairs(_ line: String) -> [String: String] {
        let words = line.split(separator: " ").map(String.init)
        var pairs: [String: String] = [:]
        for (word, next) in zip(words, words.dropFirst()) where word.hasSuffix(":") {
            pairs[String(word.dropLast())] = next
        }
        return pairs
    }

    private func sections(_ suffixes: String...) -> [(file: String, lines: [String])] {
        GoldenDirectory.dump.filter { section in suffixes.contains { section.file.hasSuffix($0) } }
    }

    @Test func `batches are what dump-log says`() throws {
        let names = [
            "baseOffset", "lastOffset", "count", "baseSequence", "lastSequence", "producerId", "producerEpoch",
            "partitionLeaderEpoch", "isTransactional", "isControl", "position", "size", "magic", "crc",
        ]
        var batches = 0
        var options = InspectionOptions()
        options.showsRecords = false
        for section in sections(".log", ".checkpoint") {
            let told = try Told.file(golden.path + "/" + section.file, options)
            let wanted = section.lines.filter { $0.hasPrefix("baseOffset") }.map(pairs)
            let got = told.facts("batch")
            #expect(got.count == wanted.count, "\(section.file)")
            for (wanted, got) in zip(wanted, got) {
                for name in names { #expect(got[name]?.text == wanted[name], "\(section.file) \(name)") }
                #expect(got["compression"]?.string == wanted["compresscodec"])
                #expect(got["isValid"]?.text == wanted["isvalid"])
                #expect(got["maxTimestamp"]?.text == wanted["CreateTime"] ?? wanted["LogAppendTime"])
                batches += 1
            }
            #expect(told.verdict == .fine, "\(section.file): \(told.problems)")
        }
        #expect(batches > 200)
    }

    @Test func `records are what dump-log says`() throws {
        var plain = 0, decoded = 0
        for section in sections(".log", ".checkpoint") {
            let got = try Told.file(golden.path + "/" + section.file).facts("record")
            let wanted = section.lines.filter { $0.hasPrefix("| offset") }
            #expect(got.count == wanted.count, "\(section.file)")
            for (line, got) in zip(wanted, got) {
                let wanted = pairs(String(line.dropFirst(2)))
                #expect(got["offset"]?.text == wanted["offset"])
                #expect(got["timestamp"]?.text == wanted["CreateTime"] ?? wanted["LogAppendTime"])
                if let size = got["valueSize"] {
                    #expect(size.text == wanted["valueSize"])
                    #expect(got["keySize"]?.text == wanted["keySize"])
                    plain += 1
                } else if let payload = line.range(of: "payload: {") {
                    try compare(line, payload, got, section.file)
                    decoded += 1
                } else if wanted["endTxnMarker"] != nil {
                    #expect(got["type"]?.string == wanted["endTxnMarker"])
                }
            }
        }
        #expect(plain > 800)
        #expect(decoded > 150)
    }

    /// Kafka's JSON leaves out what a version does not have; each field that it shows has to be the same here.
    private func compare(_ line: String, _ payload: Range<String.Index>, _ got: JSONValue, _ file: String) throws {
        let value = try JSONValue(parsing: String(line[line.index(before: payload.upperBound)...]))
        if let key = line.range(of: "key: {"), key.lowerBound < payload.lowerBound {
            let end = line.index(payload.lowerBound, offsetBy: -1)
            let wanted = try JSONValue(parsing: String(line[line.index(before: key.upperBound)..<end]))
            try contains(#require(wanted["data"]), #require(got["key"]), "\(file) \(line)")
            try contains(#require(value["data"]), #require(got["value"]), "\(file) \(line)")
            #expect(value["version"]?.string == got["version"]?.text)
        } else {
            #expect(value["type"]?.string == got["type"]?.string)
            #expect(value["version"]?.text == got["version"]?.text)
            try contains(#require(value["data"]), #require(got["data"]), "\(file) \(line)")
        }
    }

    private func contains(_ wanted: JSONValue, _ got: JSONValue, _ place: String) {
        if let members = wanted.members {
            for (name, value) in members {
                guard let other = got[name] else {
                    Issue.record("no \(name) in \(got.text): \(place)")
                    continue
                }
                // Secrets are not shown.
                if other.string == "hidden" { continue }
                contains(value, other, place + " " + name)
            }
        } else if let elements = wanted.elements {
            #expect(got.elements?.count == elements.count, "\(place)")
            for (wanted, got) in zip(elements, got.elements ?? []) { contains(wanted, got, place) }
        } else if let number = wanted.double {
            #expect(got.double == number, "\(place)")
        } else {
            #expect(wanted.text == got.text, "\(place)")
        }
    }

    @Test func `index entries are what dump-log says`() throws {
        var entries = 0
        for section in sections(".index", ".timeindex", ".txnindex") {
            let told = try Told.file(golden.path + "/" + section.file)
            #expect(told.verdict == .fine, "\(section.file): \(told.problems)")
            let wanted = section.lines.filter {
                $0.hasPrefix("offset:") || $0.hasPrefix("timestamp:") || $0.hasPrefix("version:")
            }
            let got = told.facts("entry") + told.facts("abortedTransaction")
            #expect(got.count == wanted.count, "\(section.file)")
            for (wanted, got) in zip(wanted.map(pairs), got) {
                for (name, value) in wanted where name != "version" {
                    #expect(got[name]?.text == value, "\(section.file) \(name)")
                }
                entries += 1
            }
        }
        #expect(entries > 200)
    }

    @Test func `producer snapshots are what dump-log says`() throws {
        var producers = 0
        for section in sections(".snapshot") {
            let told = try Told.file(golden.path + "/" + section.file)
            #expect(told.verdict == .fine, "\(section.file): \(told.problems)")
            let wanted = section.lines.filter { $0.hasPrefix("producerId") }.map(pairs).sorted {
                $0["producerId"]! < $1["producerId"]!
            }
            let got = told.facts("producer").sorted { $0["producerId"]!.text < $1["producerId"]!.text }
            #expect(got.count == wanted.count, "\(section.file)")
            for (wanted, got) in zip(wanted, got) {
                #expect(got["producerId"]?.text == wanted["producerId"])
                #expect(got["epoch"]?.text == wanted["producerEpoch"])
                #expect(got["coordinatorEpoch"]?.text == wanted["coordinatorEpoch"])
                #expect(got["timestamp"]?.text == wanted["lastTimestamp"])
                producers += 1
            }
        }
        #expect(producers > 10)
    }

    @Test func `text says the same for people`() throws {
        let section = try #require(sections(".log").first)
        let told = try Told.file(golden.path + "/" + section.file, form: .text)
        #expect(told.text.hasPrefix("batch baseOffset=0 lastOffset="))
        #expect(told.text.contains("\n  record offset=0 timestamp="))
        #expect(told.text.split(separator: "\n").last?.hasPrefix("summary file=") == true)
        var options = InspectionOptions()
        options.showsRecords = false
        #expect(!(try Told.file(golden.path + "/" + section.file, options, form: .text)).text.contains("record offset"))
    }
}
