import CompatKit
import KafkaSchema
import Testing

struct RulesTests {
    private func compare(_ rules: String, _ recorded: String, _ live: String, api: Int16 = 15, version: Int16 = 0)
        throws -> Comparer
    {
        let schema = try #require(Schema.shared.responses[api])
        func packet(_ json: String) throws -> Packet {
            let tree = try FieldTree(json: JSONValue(parsing: json), schema: schema, version: version)
            // A correlation id, and in flexible versions no tags.
            let isFlexible = Schema.shared.responseHeaderVersion(apiKey: api, version: version) > 0
            let header = [UInt8](repeating: 0, count: isFlexible ? 5 : 4)
            return Packet(
                response: header + (try SchemaEncoder.encode(tree, schema: schema, version: version)), apiKey: api,
                version: version)
        }
        var comparer = Comparer(rules: try Rules(parsing: rules, file: "rules"), fixture: "kafka/client/scenario")
        _ = comparer.compare(recorded: try packet(recorded), live: try packet(live), request: nil, sasl: nil)
        return comparer
    }

    private static let one = #"{"groups":[{"groupId":"g","members":[{"memberId":"a"},{"memberId":"b"}]}]}"#
    private static let other = #"{"groups":[{"groupId":"g","members":[{"memberId":"y"},{"memberId":"x"}]}]}"#
    private static let twice = #"{"groups":[{"groupId":"g","members":[{"memberId":"x"},{"memberId":"x"}]}]}"#

    @Test func `what no rule excuses differs`() throws {
        let result = try compare("", Self.one, Self.other).result
        #expect(result.differences.map(\.path) == ["groups[0].members[0].memberId", "groups[0].members[1].memberId"])
        #expect(result.neededRules.isEmpty)
    }

    @Test func `a renaming must be one to one`() throws {
        let rules = "field * *.memberId mapped member-id -- random"
        #expect(try compare(rules, Self.one, Self.other).result.differences.isEmpty)
        #expect(try compare(rules, Self.one, Self.other).result.neededRules == [1])
        #expect(try compare(rules, Self.one, Self.twice).result.differences.count == 1)
        #expect(try compare(rules, Self.twice, Self.one).result.differences.count == 1)
    }

    @Test func `order counts unless a rule says otherwise`() throws {
        let swapped = #"{"groups":[{"groupId":"g","members":[{"memberId":"b"},{"memberId":"a"}]}]}"#
        #expect(try compare("", Self.one, swapped).result.differences.count == 2)
        let byKey = "field DescribeGroups groups[].members unordered memberId -- a hash map"
        #expect(try compare(byKey, Self.one, swapped).result.differences.isEmpty)
        let whole = "field DescribeGroups groups[].members unordered -- a hash map"
        #expect(try compare(whole, Self.one, swapped).result.differences.isEmpty)
        #expect(try compare(whole, Self.one, Self.twice).result.differences.count == 4)
    }

    @Test func `elements meet by name where an id is new, also where one of them is missing`() throws {
        func topics(_ names: [(String, String)]) -> String {
            let list = names.map {
                #"{"errorCode":0,"name":"\#($0)","topicId":"\#($1)","isInternal":false,"partitions":[],"topicAuthorizedOperations":0}"#
            }
            return
                #"{"throttleTimeMs":0,"brokers":[],"clusterId":null,"controllerId":1,"topics":[\#(list.joined(separator: ","))]}"#
        }
        let rules =
            "field * *.topicId mapped topic-id -- random\nfield Metadata topics unordered name,topicId -- a hash map"
        let (a, b, c, d) = (
            "AAAAAAAAAAAAAAAAAAAAAQ", "AAAAAAAAAAAAAAAAAAAAAg", "AAAAAAAAAAAAAAAAAAAAAw", "AAAAAAAAAAAAAAAAAAAABA"
        )
        let recorded = topics([("x", a), ("y", b), ("z", c)])
        func differences(_ live: String) throws -> [String] {
            try compare(rules, recorded, live, api: 3, version: 12).result.differences.map(\.path)
        }
        #expect(try differences(topics([("z", d), ("x", b), ("y", c)])).isEmpty)
        let fewer = try differences(topics([("z", d), ("x", b)]))
        #expect(fewer == ["topics[1]"])
        let other = try differences(topics([("z", d), ("x", b), ("w", c)]))
        #expect(other == ["topics[1].name"])
    }

    @Test func `elements may be missing only where a rule lets them`() throws {
        let fewer = #"{"groups":[{"groupId":"g","members":[{"memberId":"b"}]}]}"#
        let unordered = "field DescribeGroups groups[].members unordered memberId -- a hash map\n"
        #expect(try compare(unordered, Self.one, fewer).result.differences.map(\.got) == ["no such element"])
        #expect(
            try compare(unordered + "field DescribeGroups groups[].members may-lack -- r", Self.one, fewer).result
                .differences.isEmpty)
        #expect(
            try compare(unordered + "field DescribeGroups groups[].members may-lack -- r", fewer, Self.one).result
                .differences.count == 1)
        #expect(
            try compare(unordered + "field DescribeGroups groups[].members may-have-more -- r", fewer, Self.one).result
                .differences.isEmpty)
    }

    @Test func `a rule holds only for its fixtures and its condition`() throws {
        let elsewhere = "field DescribeGroups *.memberId masked in other/*/* -- r"
        #expect(try !compare(elsewhere, Self.one, Self.other).result.differences.isEmpty)
        let here = "field DescribeGroups *.memberId masked in kafka/*/scen* -- r"
        #expect(try compare(here, Self.one, Self.other).result.differences.isEmpty)
        let group = "field DescribeGroups *.memberId masked where groupId=g,h -- r"
        #expect(try compare(group, Self.one, Self.other).result.differences.isEmpty)
        let none = "field DescribeGroups *.memberId masked where groupId=h -- r"
        #expect(try !compare(none, Self.one, Self.other).result.differences.isEmpty)
    }

    @Test func `a rule without a reason or with a wrong word is refused with its line`() {
        func problem(_ text: String) -> String {
            do {
                _ = try Rules(parsing: text, file: "r")
                return "none"
            } catch { return "\(error)" }
        }
        #expect(problem("# c\nfield * *.host masked") == "r:2: a rule ends with ' -- ' and its reason")
        #expect(problem("field Nothing x masked -- r") == "r:1: no API is called Nothing")
        #expect(problem("field * x maskd -- r") == "r:1: no such rule: maskd ")
        #expect(problem("filed * x masked -- r") == "r:1: unknown: filed")
    }
}

struct BatchRewriterTests {
    @Test func `the table's CRC-32C is the one that the standard gives`() {
        #expect(CRC32C.of(Array("123456789".utf8)[...]) == 0xe306_9283)
    }

    @Test func `producer ids change with a right checksum, and a wrong one stays wrong`() throws {
        let recorded = try Conversation(
            reading: Project.root + "compat/fixtures/kafka-4.4.0/kafka-java-4.4.0/idempotent.jsonl.gz")
        let request = try #require(recorded.exchanges.first { $0.apiKey == 0 }?.request)
        let packet = try #require(Packet(request: request))
        let records = try #require(
            packet.body["topicData"]?.elements.first?["partitionData"]?.elements.first?["records"]?.content)
        let renamed = BatchRewriter.rewrite(records) { id, epoch in (id + 1000, epoch + 1) }
        let before = RecordsTree.read(records).elements[0]
        let after = RecordsTree.read(renamed).elements[0]
        #expect(after["producerId"]?.integer == before["producerId"]!.integer! + 1000)
        #expect(after["producerEpoch"]?.integer == before["producerEpoch"]!.integer! + 1)
        #expect(after["records"]?.json == before["records"]?.json)
        #expect(UInt32(after["crc"]!.integer!) == CRC32C.of(renamed[21...]))
        var broken = records
        broken[20] ^= 1
        let stillBroken = BatchRewriter.rewrite(broken) { id, epoch in (id + 1000, epoch) }
        #expect(RecordsTree.read(stillBroken).elements[0]["crc"]?.integer != Int64(CRC32C.of(stillBroken[21...])))
    }
}
