import CompatKit
import Foundation
import KafkaSchema
import Synchronization
import Testing

/// The replayer against a broker that says what the recorded one said, and against one that does not.
struct ReplayTests {
    /// The project's rules, but nothing is skipped or asked again: the broker here has exactly the recorded answers.
    private static let rules = try! Rules(
        parsing: String(decoding: GzipFile.read(Project.root + "compat/rules.txt"), as: UTF8.self)
            .split(separator: "\n").filter { $0.hasPrefix("field") }.joined(separator: "\n"), file: "rules")

    private func replay(
        _ name: String, altering: (inout Conversation) -> Void = { _ in },
        change: @escaping RecordedBroker.Change = { frame, _ in frame }
    ) throws -> (ReplayReport, RecordedBroker) {
        let recorded = try Conversation(reading: "\(Project.root)compat/fixtures/\(name).jsonl.gz")
        let broker = try RecordedBroker(recorded, change: change)
        defer { broker.stop() }
        var conversation = recorded
        altering(&conversation)
        var options = ReplayOptions(rules: Self.rules, address: broker.address)
        options.preparesBroker = false
        options.settleBudgetMs = 0
        return (Replayer.replay(conversation, fixture: name, options: options), broker)
    }

    @Test(arguments: [
        "kafka-4.4.0/kafka-java-4.4.0/group-two-cooperative", "kafka-4.4.0/kafka-java-4.4.0/transactions",
        "kafka-4.4.0/raw-1/unsupported", "kafka-3.9.1/kafka-java-0.10.2.2/produce-consume",
        "kafka-4.4.0/librdkafka-2.16.1/acks-0",
    ])
    func `a broker that answers as recorded passes`(name: String) throws {
        let (report, _) = try replay(name)
        #expect(report.outcome == .same, "\(report.line)")
        #expect(report.exchanges > 0)
        #expect(report.comparedFields > 0)
    }

    @Test func `one altered field is a difference that names fixture, exchange, API, version and path`() throws {
        let name = "kafka-4.4.0/kafka-java-4.4.0/produce-consume"
        let (report, _) = try replay(
            name,
            altering: { conversation in
                let index = conversation.exchanges.firstIndex { $0.apiKey == 0 && $0.response != nil }!
                let exchange = conversation.exchanges[index]
                var packet = Packet(response: exchange.response!, apiKey: 0, version: exchange.apiVersion!)
                guard case .array(var topics) = packet.body["responses"]?.value,
                    case .array(var partitions) = topics[0]["partitionResponses"]?.value
                else { return }
                partitions[0]["errorCode"] = FieldTree(.int(6))
                topics[0]["partitionResponses"] = FieldTree(.array(partitions))
                packet.body["responses"] = FieldTree(.array(topics))
                conversation.exchanges[index].response = try? packet.encoded()
            })
        #expect(report.outcome == .differs)
        #expect(report.differences.count == 1)
        let difference = try #require(report.differences.first)
        #expect(difference.place.contains("Produce v"))
        #expect(difference.path == "responses[0].partitionResponses[0].errorCode")
        #expect(difference.expected == "6")
        #expect(difference.got == "0")
        #expect(report.line.hasPrefix("differs  \(name): "))
    }

    /// Exchanges every topic id for another in answers; `rename` twice is what it was.
    private static func rename(_ tree: FieldTree) -> FieldTree {
        switch tree.value {
        case .uuid(let id) where id.contains { $0 != 0 }: FieldTree(.uuid(id.map { $0 ^ 0x5a }))
        case .array(let elements): FieldTree(.array(elements.map(rename)))
        case .structure(let members):
            FieldTree(
                .structure(
                    members.map { member in
                        var member = member
                        member.tree = rename(member.tree)
                        return member
                    }))
        default: tree
        }
    }

    @Test func `topic ids of the live broker go into later requests`() throws {
        let (report, broker) = try replay(
            "kafka-4.4.0/kafka-java-4.4.0/produce-consume",
            change: { frame, exchange in
                guard let key = exchange.apiKey, let version = exchange.apiVersion else { return frame }
                var packet = Packet(response: frame, apiKey: key, version: version)
                packet.body = Self.rename(packet.body)
                return (try? packet.encoded()) ?? frame
            })
        #expect(report.outcome == .same, "\(report.line)")
        let recorded = try Conversation(
            reading: Project.root + "compat/fixtures/kafka-4.4.0/kafka-java-4.4.0/produce-consume.jsonl.gz")
        var renamed = 0
        for (index, request) in broker.requests.withLock({ $0 }) {
            let exchange = recorded.exchanges[index]
            guard let sent = Packet(request: request), let was = Packet(request: exchange.request) else { continue }
            #expect(Self.rename(sent.body).json == was.body.json, "\(exchange.place)")
            if request != exchange.request { renamed += 1 }
        }
        #expect(renamed > 3)
    }

    @Test func `an answer that is cut is shown as far as it could be read`() throws {
        let (report, _) = try replay(
            "kafka-4.4.0/kafka-java-4.4.0/produce-consume",
            change: { frame, exchange in
                exchange.apiKey == 3 ? Array(frame.dropLast(3)) : frame
            })
        #expect(report.outcome == .differs, "\(report.line)")
        let text = report.differences.map(\.text).joined(separator: "\n")
        #expect(text.contains("a readable answer"))
        #expect(text.contains("MetadataResponse v"))
    }

    @Test func `a broker that closes is told of, with the exchange`() throws {
        let recorded = try Conversation(
            reading: Project.root + "compat/fixtures/kafka-4.4.0/kafka-java-4.4.0/acks-0.jsonl.gz")
        var silent = recorded
        silent.connections = [ConnectionLife(number: 1, openedMs: 0, closedMs: 1, closedBy: .broker)]
        silent.exchanges = []
        let broker = try RecordedBroker(silent)
        defer { broker.stop() }
        var options = ReplayOptions(rules: Self.rules, address: broker.address)
        options.preparesBroker = false
        let report = Replayer.replay(recorded, fixture: "f", options: options)
        #expect(report.outcome == .differs)
        #expect(report.differences.first?.expected == "an answer")
        #expect(report.differences.first?.got == "the connection was closed")
    }

    @Test func `no broker at all is cannot, with why`() throws {
        let recorded = try Conversation(
            reading: Project.root + "compat/fixtures/kafka-4.4.0/kafka-java-4.4.0/acks-0.jsonl.gz")
        let options = ReplayOptions(rules: Self.rules, address: Address(host: "127.0.0.1", port: 1))
        let report = Replayer.replay(recorded, fixture: "f", options: options)
        #expect(report.outcome == .cannot)
        #expect(report.reason.contains("127.0.0.1:1"))
    }
}

struct SaslTranscriptTests {
    /// The tokens of a conversation's first authentication, and its users' passwords.
    private func tokens(_ name: String) throws -> (
        tokens: [(sent: [UInt8], answered: [UInt8])], passwords: [String: String]
    ) {
        let conversation = try Conversation(reading: "\(Project.root)compat/fixtures/\(name).jsonl.gz")
        var passwords: [String: String] = [:]
        for user in conversation.setup.flatMap({ $0["scram_users"]?.elements ?? [] }) {
            guard let name = user["user"]?.string, let mechanism = user["mechanism"]?.string else { continue }
            passwords[SaslTranscript.key(user: name, mechanism: mechanism)] = user["password"]?.string
        }
        let exchanges = conversation.exchanges.filter { $0.apiKey == 36 }
        return (
            try exchanges.map { exchange in
                let answer = Packet(response: exchange.response ?? [], apiKey: 36, version: exchange.apiVersion ?? 0)
                return (
                    try #require(Packet(request: exchange.request)?.body["authBytes"]?.content),
                    answer.body["authBytes"]?.content ?? []
                )
            }, passwords
        )
    }

    /// librdkafka 2.0.2 sends its own nonce twice, for which Kafka 4 refuses it: a replay that put that right would be let in.
    @Test(arguments: ["kafka-4.4.0/kcat-1.7.1/sasl-scram-256", "kafka-4.4.0/kafka-java-4.4.0/sasl-scram-256"])
    func `a client's own part of the nonce stays as it was, the broker's is renewed`(name: String) throws {
        let (tokens, passwords) = try tokens(name)
        var transcript = SaslTranscript(mechanism: "SCRAM-SHA-256", passwords: passwords)
        #expect(transcript.liveToken(for: tokens[0].sent) == tokens[0].sent)
        let recordedFirst = String(decoding: tokens[0].answered, as: UTF8.self)
        let nonce = try #require(recordedFirst.split(separator: ",").first?.dropFirst(2))
        let ownNonce = try #require(
            String(decoding: tokens[0].sent, as: UTF8.self).split(separator: ",").last?.dropFirst(2))
        #expect(nonce.hasPrefix(ownNonce))
        let liveNonce = "\(ownNonce)another"
        let liveFirst = recordedFirst.replacing(nonce, with: liveNonce)
        transcript.answered(recorded: tokens[0].answered, live: Array(liveFirst.utf8))
        let recordedFinal = String(decoding: tokens[1].sent, as: UTF8.self)
        let liveFinal = String(decoding: transcript.liveToken(for: tokens[1].sent), as: UTF8.self)
        let expected = recordedFinal.replacing(nonce, with: liveNonce)
        #expect(liveFinal.prefix { $0 != "p" } == expected.prefix { $0 != "p" })
        // The proof is another one: it is made of what is sent now.
        #expect(liveFinal != expected && liveFinal.contains(",p="))
    }
}
