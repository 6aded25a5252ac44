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
    private static let name = "kafka-4.4.0/kafka-java-4.4.0/produce-consume"
    private static func fixture() throws -> Conversation {
        try Conversation(reading: "\(Project.root)compat/fixtures/\(name).jsonl.gz")
    }

    /// Rules without skipping or asking again: the broker here has exactly the recorded answers.
    private static let rules = try! Rules(
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

    @Test func `clients may speak TLS to the proxy, with certificates made on the fly`() throws {
        let directory = FileManager.default.temporaryDirectory.appending(
            path: "compat-tls-\(UInt64.random(in: 0 ... .max))"
        ).path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let material = try ProxyCertificates.make(in: directory)
        let dialer = try Dialer.tls(authorityFile: material.authorityFile)
        let (report, recorded, _) = try record(dialer) { $0.serverContext = material.context }
        #expect(report.outcome == .same, "\(report.line)")
        #expect(recorded.exchanges.count == (try Self.fixture()).exchanges.count)
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
