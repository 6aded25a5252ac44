import CompatKit
import Foundation
import KafkaSchema
import Testing

struct ConversationTests {
    private static let fixtures = Project.root + "compat/fixtures/"

    private struct IndexRow {
        var file: String
        var exchanges: Int
        var connections: Int
    }

    private static func index() throws -> [IndexRow] {
        let text = String(decoding: try GzipFile.read(fixtures + "index.tsv"), as: UTF8.self)
        return try text.split(separator: "\n").dropFirst().map { line in
            let cells = line.split(separator: "\t", omittingEmptySubsequences: false)
            return IndexRow(
                file: String(cells[0]), exchanges: try #require(Int(cells[6])), connections: try #require(Int(cells[5]))
            )
        }
    }

    @Test func `the index names every fixture, and each reads with as many exchanges as it says`() throws {
        let rows = try Self.index()
        #expect(rows.count == 607)
        var files: Set<String> = []
        for case let path as String in try #require(FileManager.default.enumerator(atPath: Self.fixtures)) {
            if path.hasSuffix(".jsonl.gz") { files.insert(path) }
        }
        #expect(files == Set(rows.map(\.file)))
        for row in rows {
            let conversation = try Conversation(reading: Self.fixtures + row.file)
            #expect(conversation.exchanges.count == row.exchanges, "\(row.file)")
            #expect(conversation.connections.count == row.connections, "\(row.file)")
        }
    }

    @Test func `a conversation that is written again says the same`() throws {
        for file in ["kafka-4.4.0/raw-1/sasl-v0-raw.jsonl.gz", "kafka-4.4.0/raw-1/unsupported.jsonl.gz"] {
            let bytes = try GzipFile.read(Self.fixtures + file)
            let conversation = try Conversation(parsing: bytes, file: file)
            let before = try bytes.split(separator: 0x0a).map { try JSONValue(parsing: Array($0)) }
            let after = try conversation.text.split(separator: 0x0a).map { try JSONValue(parsing: Array($0)) }
            #expect(before == after, "\(file)")
        }
    }

    @Test func `a bad file is an error with its line`() throws {
        let header =
            #"{"format":"kafka-conversation/1","broker":"b","client":"c","scenario":"s","listener":"PLAINTEXT","advertised":"h:1","connections":[]}"#
        func problem(_ text: String) -> String {
            do {
                _ = try Conversation(parsing: Array(text.utf8), file: "f")
                return "none"
            } catch { return "\(error)" }
        }
        #expect(problem(header + "\n") == "none")
        #expect(problem("{") == "f:1: no JSON: byte 1: '\"' expected")
        #expect(problem("{}") == "f:1: format missing where kafka-conversation/1 is expected")
        #expect(problem(header + "\n{}") == "f:2: conn and seq expected")
        #expect(
            problem(header + "\n" + #"{"conn":1,"seq":0,"request":"0g","t_ms":1}"#) == "f:2: request: not hexadecimal")
        #expect(
            problem(header + "\n" + #"{"conn":1,"seq":0,"request":"00","t_ms":1,"api_key":70000}"#)
                == "f:2: api_key: 70000 is no Int16")
    }

    @Test func `of a torn file the whole lines are read, and the tear is named`() throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "torn-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let file = Self.fixtures + "kafka-4.4.0/kcat-1.7.1/produce-consume.jsonl.gz"
        let packed = try #require(FileManager.default.contents(atPath: file))
        let torn = directory.appending(path: "torn.jsonl.gz").path
        try packed.prefix(packed.count * 2 / 3).write(to: URL(fileURLWithPath: torn))
        let (conversation, problem) = try Conversation.readable(torn)
        let whole = try Conversation(reading: file)
        #expect(conversation.exchanges.count > 1 && conversation.exchanges.count < whole.exchanges.count)
        #expect(problem?.description.contains("torn: ") == true)
        #expect(throws: ConversationError.self) { try Conversation(reading: torn) }
        // A line further down that is no JSON, and a file that is something else from its first byte on.
        let lines = whole.text.split(separator: 0x0a)
        try GzipFile.write(Array(lines[0]) + [0x0a] + Array(lines[1]) + Array("\nnonsense\n".utf8), to: torn)
        let broken = try Conversation.readable(torn)
        #expect(broken.conversation.exchanges.count == 1)
        #expect(broken.problem?.description.hasPrefix("\(torn):3: no JSON") == true)
        try GzipFile.write(Array("GET / HTTP/1.1\r\n".utf8), to: torn)
        #expect(throws: ConversationError.self) { try Conversation.readable(torn) }
    }

    @Test func `what cannot be read of an exchange is told, with API and version`() throws {
        let raw = try Conversation(reading: Self.fixtures + "kafka-4.4.0/raw-1/unsupported.jsonl.gz")
        let problems = raw.exchanges.flatMap { exchange in
            ConversationText().problems(exchange).map { exchange.place + ": " + $0 }
        }
        #expect(problems.contains { $0.contains("API 999") })
        #expect(problems.contains { $0.contains("Metadata v99: request: ") })
        let good = try Conversation(reading: Self.fixtures + "kafka-4.4.0/raw-1/sasl-v0-raw.jsonl.gz")
        #expect(good.exchanges.allSatisfy { ConversationText().problems($0).isEmpty })
    }

    @Test func `every answer in the fixtures is read by the schema to its last byte`() throws {
        var answers = 0
        for row in try Self.index() {
            for exchange in try Conversation(reading: Self.fixtures + row.file).exchanges {
                guard let response = exchange.response, let key = exchange.apiKey, let version = exchange.apiVersion
                else { continue }
                let packet = Packet(response: response, apiKey: key, version: version)
                #expect(packet.problem == nil, "\(row.file) \(exchange.place)")
                #expect(packet.leftOver == 0, "\(row.file) \(exchange.place)")
                #expect(try packet.encoded() == response, "\(row.file) \(exchange.place)")
                answers += 1
            }
        }
        #expect(answers > 19_000)
    }
}
