import CompatKit
import Foundation
import KafkaSchema
import Testing

/// Every message that Kafka's own classes wrote, with Kafka's JSON of it.
struct SchemaVectorTests {
    private static let vectors = Project.root + "compat/vectors"

    private static func rows(_ path: String) throws -> [JSONValue] {
        try GzipFile.read(path).split(separator: 0x0a).map { try JSONValue(parsing: Array($0)) }
    }

    private static func files(in folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "\(vectors)/\(folder)").sorted().map {
            "\(vectors)/\(folder)/\($0)"
        }
    }

    private func check(_ row: JSONValue, _ schema: MessageSchema) throws {
        let bytes = try #require(Hex.decode(row["hex"]?.string ?? "?"))
        let version = Int16(try #require(row["version"]?.integer))
        let place = "\(schema.displayName) v\(version) \(row["variant"]?.string ?? "")"
        let decoded = SchemaDecoder.decode(bytes, schema: schema, version: version)
        #expect(decoded.problem == nil, "\(place)")
        #expect(decoded.end == bytes.count, "\(place)")
        #expect(decoded.tree.json == row["json"], "\(place)")
        #expect(try SchemaEncoder.encode(decoded.tree, schema: schema, version: version) == bytes, "\(place)")
    }

    @Test func `requests and responses read as Kafka's JSON and encode to the same bytes`() throws {
        var count = 0
        for file in try Self.files(in: "messages") {
            for row in try Self.rows(file) {
                let key = Int16(try #require(row["api_key"]?.integer))
                let isRequest = row["name"]?.string?.hasSuffix("Request") == true
                try check(row, try #require(isRequest ? Schema.shared.requests[key] : Schema.shared.responses[key]))
                count += 1
            }
        }
        #expect(count >= 3000)
    }

    @Test func `stored records read as Kafka's JSON and encode to the same bytes`() throws {
        var count = 0
        for file in try Self.files(in: "records") {
            for row in try Self.rows(file) {
                try check(row, try #require(Schema.shared.records[row["name"]?.string ?? ""]))
                count += 1
            }
        }
        #expect(count >= 490)
    }

    @Test func `headers read as Kafka's JSON and have the versions that Kafka gives them`() throws {
        for row in try Self.rows("\(Self.vectors)/headers.jsonl.gz") {
            let isRequest = row["name"]?.string == "RequestHeader"
            try check(row, isRequest ? Schema.shared.requestHeader : Schema.shared.responseHeader)
        }
        let lines = String(decoding: try GzipFile.read("\(Self.vectors)/headers.tsv"), as: UTF8.self).split(
            separator: "\n")
        let names = lines[0].split(separator: "\t")
        let column = { (name: String) in try #require(names.firstIndex { $0 == name }) }
        let (key, version) = (try column("api_key"), try column("version"))
        let (request, response) = (try column("request_header_version"), try column("response_header_version"))
        for line in lines.dropFirst() {
            let cells = line.split(separator: "\t")
            let number = { (index: Int) in try #require(Int16(cells[index])) }
            let (key, version) = (try number(key), try number(version))
            #expect(Schema.shared.requestHeaderVersion(apiKey: key, version: version) == (try number(request)))
            #expect(Schema.shared.responseHeaderVersion(apiKey: key, version: version) == (try number(response)))
        }
        #expect(lines.count > 300)
    }

    @Test func `a message that is cut anywhere still shows what could be read`() throws {
        let row = try #require(try Self.rows("\(Self.vectors)/messages/01-Fetch-request.jsonl.gz").last)
        let bytes = try #require(Hex.decode(row["hex"]?.string ?? "?"))
        let schema = try #require(Schema.shared.requests[1])
        let version = Int16(try #require(row["version"]?.integer))
        let whole = SchemaDecoder.decode(bytes, schema: schema, version: version).tree
        for length in 0..<bytes.count {
            let cut = SchemaDecoder.decode(Array(bytes[0..<length]), schema: schema, version: version)
            #expect(cut.problem != nil, "\(length) of \(bytes.count) bytes")
            #expect(cut.tree.members.count <= whole.members.count)
            if length > 4 { #expect(!cut.tree.members.isEmpty) }
        }
    }

    @Test func `a count that the frame cannot hold is refused before memory is taken`() throws {
        let schema = try #require(Schema.shared.requests[3])
        let decoded = SchemaDecoder.decode([0x7f, 0xff, 0xff, 0xff], schema: schema, version: 1)
        #expect(decoded.problem?.reason.contains("elements") == true)
        #expect(decoded.problem?.path == "topics")
    }
}
