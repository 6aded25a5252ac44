@testable import CompatKit
import Foundation
import KafkaSchema
import Testing

struct ImportTests {
    private static let captures = Project.root + "compat/fixtures/pcap/"
    private static var hasTshark: Bool {
        (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
            .contains { FileManager.default.isExecutableFile(atPath: "\($0)/tshark") }
    }

    @Test(
        .enabled(if: hasTshark, "tshark is not installed"),
        arguments: ["aiokafka-plaintext", "aiokafka-tls12", "aiokafka-tls13-mutual", "kafkajs-sasl-ssl-plain"])
    func `a capture becomes a conversation in which every frame is read`(name: String) throws {
        var options = CaptureImport.Options()
        let keyLog = "\(Self.captures)\(name).keylog"
        options.keyLog = FileManager.default.fileExists(atPath: keyLog) ? keyLog : nil
        let result = try CaptureImport.read(
            "\(Self.captures)\(name).pcapng", into: Conversation(), options: options)
        let conversation = result.conversation
        #expect(result.notes.isEmpty, "\(result.notes)")
        #expect(result.tear == nil)
        #expect(conversation.connections.count >= 4)
        #expect(conversation.connections.allSatisfy { $0.closedBy != nil })
        var unanswered = 0
        for exchange in conversation.exchanges {
            #expect(Packet(request: exchange.request)?.problem == nil, "\(exchange.place)")
            guard let response = exchange.response, let key = exchange.apiKey, let version = exchange.apiVersion else {
                unanswered += 1
                continue
            }
            #expect(Packet(response: response, apiKey: key, version: version).problem == nil, "\(exchange.place)")
        }
        #expect(conversation.exchanges.count > 20)
        #expect(unanswered <= 2)
    }

    @Test(.enabled(if: hasTshark, "tshark is not installed"))
    func `of a capture that is cut the beginning is taken, and a foreign file is an error`() throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "capture-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let bytes = try GzipFile.read("\(Self.captures)aiokafka-plaintext.pcapng")
        let torn = directory.appending(path: "torn.pcapng").path
        try GzipFile.write(Array(bytes[..<(bytes.count / 2 + 3)]), to: torn)
        let result = try CaptureImport.read(torn, into: Conversation(), options: .init())
        #expect(result.tear?.description.hasPrefix("\(torn): torn after ") == true)
        #expect(!result.conversation.exchanges.isEmpty)
        let foreign = directory.appending(path: "foreign.pcap").path
        try GzipFile.write(Array("GET / HTTP/1.1".utf8), to: foreign)
        #expect { try CaptureImport.read(foreign, into: Conversation(), options: .init()) } throws: { error in
            "\(error)".hasPrefix("\(foreign): tshark: ")
        }
    }

    @Test(.enabled(if: hasTshark, "tshark is not installed"))
    func `TLS without its keys is an error that says so`() {
        #expect {
            try CaptureImport.read("\(Self.captures)aiokafka-tls13.pcapng", into: Conversation(), options: .init())
        } throws: { error in
            "\(error)".contains("no Kafka request") && "\(error)".contains("--keylog")
        }
    }
}

struct AuditTests {
    private func audit(_ name: String) throws -> Audit {
        var audit = Audit()
        audit.add(try Conversation(reading: "\(Project.root)compat/fixtures/\(name).jsonl.gz"))
        return audit
    }

    @Test func `Kafka 4 would refuse a Java client of 0.10, and the audit says why`() throws {
        let audit = try audit("kafka-3.9.1/kafka-java-0.10.2.2/produce-consume")
        let target = try #require(KafkaReleases.versions(of: "4.4"))
        let breaks = audit.findings(against: target, called: "Kafka 4.4").filter { $0.gravity == .breaks }.map(\.text)
        #expect(breaks.contains { $0.hasPrefix("Produce v2: Kafka 4.4 serves 3 to 13") && $0.contains("KIP-896") })
        #expect(audit.topics == ["codecs"])
        #expect(audit.features.contains("message format v1"))
        let older = try #require(KafkaReleases.versions(of: "3.9.1"))
        #expect(audit.findings(against: older, called: "Kafka 3.9").isEmpty)
    }

    @Test func `a client of today has nothing to fear, and is known by name`() throws {
        let audit = try audit("kafka-4.4.0/kafka-java-4.4.0/group-single")
        #expect(audit.findings(against: try #require(KafkaReleases.versions(of: "4.4")), called: "Kafka 4.4").isEmpty)
        #expect(audit.libraries == ["apache-kafka-java 4.4.0"])
        #expect(audit.groups == ["group-single"])
        #expect(audit.topics.contains("grp"))
        #expect(audit.features.contains("classic consumer group"))
    }
}

struct ExpectationTests {
    private static let file = """
        # comment
        to-come transactions FindCoordinator,InitProducerId */*/transactions -- no coordinator yet
        deviates */raw-1/data-errors 1/3 Produce responses* -- null records are answered
        """

    private func report(_ fixture: String, _ places: [(String, String)]) -> ReplayReport {
        var report = ReplayReport(fixture: fixture)
        report.outcome = places.isEmpty ? .same : .differs
        report.differences = places.map { .init(exchange: 0, place: $0.0, path: $0.1, expected: "1", got: "2") }
        return report
    }

    @Test func `only what is known may fail, for the known reason, and it must`() throws {
        let expectations = try Expectations(parsing: Self.file, file: "e")
        func kind(_ report: ReplayReport) -> Expectations.Verdict.Kind { expectations.judge(report).kind }
        #expect(kind(report("k/c/transactions", [("2/1 FindCoordinator v6", "errorCode")])) == .expected)
        #expect(kind(report("k/c/transactions", [("2/1 Produce v6", "errorCode")])) == .surprise)
        #expect(kind(report("k/c/transactions", [])) == .surprise)
        #expect(kind(report("k/c/acks-0", [("2/1 FindCoordinator v6", "errorCode")])) == .surprise)
        #expect(kind(report("k/c/acks-0", [])) == .same)
        #expect(kind(.cannot("k/c/acks-0", "no broker")) == .surprise)
        #expect(kind(report("k/raw-1/data-errors", [("1/3 Produce v8", "responses[0].x")])) == .same)
        #expect(
            kind(report("k/raw-1/data-errors", [("1/3 Produce v8", "responses[0].x"), ("1/4 Produce v8", "y")]))
                == .surprise)
    }

    @Test func `a line that nothing needs is named`() throws {
        let expectations = try Expectations(parsing: Self.file, file: "e")
        let needed = [
            report("k/c/transactions", [("2/1 FindCoordinator v6", "errorCode")]),
            report("k/raw-1/data-errors", [("1/3 Produce v8", "responses[0].x")]),
        ]
        #expect(expectations.unused(needed.map { expectations.judge($0) }).isEmpty)
        #expect(
            expectations.unused([expectations.judge(needed[0])]) == [
                "line 3: deviates */raw-1/data-errors is needed no more"
            ])
    }
}
