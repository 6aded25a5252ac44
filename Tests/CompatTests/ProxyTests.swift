@testable import CompatKit
import Foundation
import KafkaSchema
import Synchronization
import TLS
import Testing

struct FrameCutterTests {
    /// What goes on, and the frames, when the stream comes in pieces of that size.
    private func cut(_ stream: [UInt8], pieces: Int, holds: Bool) -> (passed: [UInt8], frames: [[UInt8]], notes: Int) {
        var cutter = FrameCutter()
        var passed: [UInt8] = []
        var frames: [[UInt8]] = []
        var notes = 0
        for start in stride(from: 0, to: stream.count, by: pieces) {
            let piece = Array(stream[start..<min(stream.count, start + pieces)])
            piece.withUnsafeBytes { bytes in
                cutter.feed(bytes, holds: { _, _ in holds }) { event in
                    switch event {
                    case .head(let head): passed += head
                    case .pass(let range): passed += bytes[range]
                    case .frame(let frame, let isHeld):
                        frames.append(frame)
                        if isHeld { passed += FrameCutter.lengthBytes(frame.count) + frame }
                    case .skipped, .notKafka: notes += 1
                    }
                }
            }
        }
        cutter.finish { if case .head(let head) = $0 { passed += head } }
        return (passed, frames, notes)
    }

    private static let frames: [[UInt8]] = [
        Array(1...40), [], [7], [1, 2, 3, 4], Array(repeating: 9, count: 1000), [5, 6, 7, 8, 9],
    ]
    private static var stream: [UInt8] { frames.flatMap { FrameCutter.lengthBytes($0.count) + $0 } }

    @Test(arguments: [1, 2, 3, 5, 8, 64, 5000], [true, false])
    func `frames come whole however the stream is cut, and every byte goes on`(pieces: Int, holds: Bool) {
        let result = cut(Self.stream, pieces: pieces, holds: holds)
        #expect(result.frames == Self.frames)
        #expect(result.passed == Self.stream)
        #expect(result.notes == 0)
    }

    @Test(arguments: [1, 3, 64])
    func `a stream that ends anywhere, or is no Kafka, goes on to its last byte`(pieces: Int) {
        for end in 0..<Self.stream.count {
            #expect(cut(Array(Self.stream[..<end]), pieces: pieces, holds: true).passed == Array(Self.stream[..<end]))
        }
        let foreign = Array("GET / HTTP/1.1\r\n\r\n".utf8)
        let result = cut(foreign, pieces: pieces, holds: true)
        #expect(result.passed == foreign)
        #expect(result.frames.isEmpty)
        #expect(result.notes == 1)
    }
}

struct ProxyTests {
    static let name = "kafka-4.4.0/kafka-java-4.4.0/produce-consume"
    static let anyPort = Address(host: "127.0.0.1", port: 0)

    static func fixture() throws -> Conversation {
        try Conversation(reading: "\(Project.root)compat/fixtures/\(name).jsonl.gz")
    }

    /// Rules without skipping or asking again: the broker here has exactly the recorded answers.
    static let rules = try! Rules(
        parsing: String(decoding: GzipFile.read(Project.root + "compat/rules.txt"), as: UTF8.self)
            .split(separator: "\n").filter { $0.hasPrefix("field") }.joined(separator: "\n"), file: "rules")

    private func record(
        _ dialer: Dialer = .plain, _ adjust: (inout RecordingProxy.Options) -> Void = { _ in }
    ) throws -> (report: ReplayReport, recorded: Conversation, proxy: Address) {
        let conversation = try Self.fixture()
        let broker = try RecordedBroker(conversation)
        defer { broker.stop() }
        let recorder = Recorder(Conversation(), maximumBytes: 1 << 30)
        var options = RecordingProxy.Options(listen: Address(host: "127.0.0.1", port: 0), broker: broker.address)
        adjust(&options)
        let proxy = try RecordingProxy(options, recorder: recorder)
        var replay = ReplayOptions(rules: Self.rules, address: proxy.address, dialer: dialer)
        replay.preparesBroker = false
        replay.settleBudgetMs = 0
        let report = Replayer.replay(conversation, fixture: Self.name, options: replay)
        proxy.stop()
        return (report, recorder.conversation, proxy.address)
    }

    @Test func `what passes through the proxy is recorded frame by frame, and names the proxy`() throws {
        let (report, recorded, proxy) = try record()
        #expect(report.outcome == .same, "\(report.line)")
        let fixture = try Self.fixture()
        #expect(recorded.connections.count == fixture.connections.count)
        #expect(recorded.exchanges.count == fixture.exchanges.count)
        for connection in fixture.connections.map(\.number) {
            let before = fixture.exchanges.filter { $0.connection == connection }
            #expect(recorded.exchanges.contains { $0.request == before.first?.request })
        }
        let metadata = recorded.exchanges.filter { $0.apiKey == 3 }
        #expect(!metadata.isEmpty)
        for exchange in metadata {
            let answer = Packet(response: exchange.response ?? [], apiKey: 3, version: exchange.apiVersion ?? 0)
            let named = answer.body["brokers"]?.elements.first
            #expect(named?["host"]?.string == proxy.host)
            // Its own port, or the one on which it stands for the broker's other name.
            #expect(named?["port"]?.integer != Int64(fixture.advertisedPort ?? 0))
        }
        let again = try Conversation(parsing: recorded.text(named: "again"), file: "again")
        #expect(again.exchanges.count == recorded.exchanges.count)
    }

    /// A directory that is gone afterwards.
    private func inDirectory(_ body: (String) throws -> Void) throws {
        let directory = FileManager.default.temporaryDirectory.appending(
            path: "compat-tls-\(UInt64.random(in: 0 ... .max))"
        ).path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try body(directory)
    }

    @Test func `clients may speak TLS to the proxy, with certificates made on the fly`() throws {
        try inDirectory { directory in
            let material = try ProxyCertificates.make(in: directory)
            let dialer = try Dialer.tls(authorityFile: material.authorityFile)
            let (report, recorded, _) = try record(dialer) { $0.serverContext = material.context }
            #expect(report.outcome == .same, "\(report.line)")
            #expect(recorded.exchanges.count == (try Self.fixture()).exchanges.count)
        }
    }

    /// A proxy with certificates stands for a broker that speaks TLS: in front of it the one that is tested.
    @Test(arguments: [false, true]) func `the broker may speak TLS, with clients that do or do not`(
        clientSpeaksTLS: Bool
    ) throws {
        try inDirectory { directory in
            let material = try ProxyCertificates.make(in: directory)
            let trusting = try Dialer.tls(authorityFile: material.authorityFile)
            let broker = try RecordedBroker(try Self.fixture())
            defer { broker.stop() }
            var secured = RecordingProxy.Options(listen: Self.anyPort, broker: broker.address)
            secured.serverContext = material.context
            let secureBroker = try RecordingProxy(secured, recorder: Recorder(Conversation(), maximumBytes: 1 << 30))
            var options = RecordingProxy.Options(listen: Self.anyPort, broker: secureBroker.address)
            options.dialer = trusting
            if clientSpeaksTLS { options.serverContext = material.context }
            let recorder = Recorder(Conversation(), maximumBytes: 1 << 30)
            let proxy = try RecordingProxy(options, recorder: recorder)
            var replay = ReplayOptions(
                rules: Self.rules, address: proxy.address, dialer: clientSpeaksTLS ? trusting : .plain)
            replay.preparesBroker = false
            replay.settleBudgetMs = 0
            let report = Replayer.replay(try Self.fixture(), fixture: Self.name, options: replay)
            proxy.stop()
            secureBroker.stop()
            #expect(report.outcome == .same, "\(report.line)")
            #expect(recorder.conversation.exchanges.count == (try Self.fixture()).exchanges.count)
        }
    }

    @Test func `a broker whose certificate nobody vouches for is not reached, and a note says so`() throws {
        try inDirectory { directory in
            let material = try ProxyCertificates.make(in: directory)
            let broker = try RecordedBroker(try Self.fixture())
            defer { broker.stop() }
            var secured = RecordingProxy.Options(listen: Self.anyPort, broker: broker.address)
            secured.serverContext = material.context
            let secureBroker = try RecordingProxy(secured, recorder: Recorder(Conversation(), maximumBytes: 1 << 20))
            let notes = Mutex<[String]>([])
            var options = RecordingProxy.Options(listen: Self.anyPort, broker: secureBroker.address)
            options.dialer = try .tls(authorityFile: nil)
            options.note = { note in notes.withLock { $0.append(note) } }
            let proxy = try RecordingProxy(options, recorder: Recorder(Conversation(), maximumBytes: 1 << 20))
            let link = FrameLink(try Socket.connect(to: proxy.address, until: .after(milliseconds: 5000)))
            #expect(link.waitForClose(until: .after(milliseconds: 10_000)))
            proxy.stop()
            secureBroker.stop()
            #expect(notes.withLock { $0 }.contains { $0.contains("\(secureBroker.address): no connection: TLS") })
        }
    }

    @Test func `every broker that Metadata names is reached through a port of its own`() throws {
        let fixture = try Self.fixture()
        func single(_ apiKey: Int16) throws -> Conversation {
            var conversation = fixture
            let exchange = try #require(fixture.exchanges.first { $0.apiKey == apiKey && $0.response != nil })
            conversation.connections = [
                ConnectionLife(number: exchange.connection, openedMs: 0, closedMs: 1, closedBy: .client)
            ]
            conversation.exchanges = [exchange]
            return conversation
        }
        let (metadata, versions) = (try single(3), try single(18))
        let second = try RecordedBroker(versions)
        defer { second.stop() }
        let first = try RecordedBroker(metadata) { frame, exchange in
            var packet = Packet(response: frame, apiKey: 3, version: exchange.apiVersion ?? 0)
            guard case .array(let brokers)? = packet.body["brokers"]?.value, var other = brokers.first else {
                return frame
            }
            other["nodeId"] = FieldTree(.int(2))
            other["host"] = FieldTree(.string(Array("127.0.0.1".utf8)))
            other["port"] = FieldTree(.int(Int64(second.address.port)))
            packet.body["brokers"] = FieldTree(.array(brokers + [other]))
            return (try? packet.encoded()) ?? frame
        }
        defer { first.stop() }
        let recorder = Recorder(Conversation(), maximumBytes: 1 << 20)
        let proxy = try RecordingProxy(.init(listen: Self.anyPort, broker: first.address), recorder: recorder)
        func ask(_ address: Address, _ exchange: RecordedExchange) throws -> Packet {
            let link = FrameLink(try Socket.connect(to: address, until: .after(milliseconds: 5000)))
            defer { link.close() }
            try link.send(exchange.request, until: .after(milliseconds: 5000))
            let frame = try link.receive(until: .after(milliseconds: 5000))
            return Packet(response: frame, apiKey: exchange.apiKey ?? 0, version: exchange.apiVersion ?? 0)
        }
        let answer = try ask(proxy.address, metadata.exchanges[0])
        let named = try #require(answer.body["brokers"]?.elements)
        #expect(named.map { $0["nodeId"]?.integer } == [1, 2])
        let ports = named.compactMap { $0["port"]?.integer.map { Int($0) } }
        #expect(Set(ports).count == 2 && !ports.contains(second.address.port))
        let versionsAnswer = try ask(Address(host: "127.0.0.1", port: ports[1]), versions.exchanges[0])
        #expect(versionsAnswer.frame == versions.exchanges[0].response)
        proxy.stop()
        #expect(recorder.conversation.connections.count == 2)
        #expect(recorder.conversation.exchanges.map(\.apiKey) == [3, 18])
    }

    @Test func `what is no Kafka passes as it is and is noted`() throws {
        let notes = Mutex<[String]>([])
        let recorder = Recorder(Conversation(), maximumBytes: 1 << 20)
        // An echo stands for a broker: it sends back whatever comes.
        let echo = try EchoServer()
        defer { echo.stop() }
        var options = RecordingProxy.Options(listen: Address(host: "127.0.0.1", port: 0), broker: echo.address)
        options.note = { note in notes.withLock { $0.append(note) } }
        let proxy = try RecordingProxy(options, recorder: recorder)
        let socket = try Socket.connect(to: proxy.address, until: .after(milliseconds: 5000))
        let text = Array("GET / HTTP/1.1\r\n\r\n".utf8)
        try socket.write(text, until: .after(milliseconds: 5000))
        var buffer = [UInt8](repeating: 0, count: 64)
        var back: [UInt8] = []
        while back.count < text.count {
            let count = try buffer.withUnsafeMutableBytes {
                try socket.read(into: $0, until: .after(milliseconds: 5000))
            }
            guard count > 0 else { break }
            back += buffer[0..<count]
        }
        #expect(back == text)
        socket.close()
        proxy.stop()
        #expect(notes.withLock { $0 }.contains { $0.contains("passed on as it is") })
        #expect(recorder.conversation.exchanges.isEmpty)
    }
}

extension Conversation {
    /// The file's bytes with what a recording does not know filled in.
    func text(named scenario: String) -> [UInt8] {
        var copy = self
        copy.scenario = scenario
        copy.advertised = copy.advertised.isEmpty ? "localhost:1" : copy.advertised
        return copy.text
    }
}
