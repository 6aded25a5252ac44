@testable import CompatKit
import KafkaSchema
import Synchronization
import Testing

/// What passes by may be anything: nothing of it may harm the proxy, and all of it goes on.
struct MangledTrafficTests {
    @Test(arguments: 0..<24) func `answers that are mangled on their way harm neither proxy nor replay`(seed: UInt64)
        throws
    {
        let fixture = try ProxyTests.fixture()
        let random = Mutex(SeededBytes(seed))
        let broker = try RecordedBroker(fixture) { frame, _ in random.withLock { $0.mangle(frame, keeping: 4) } }
        defer { broker.stop() }
        let recorder = Recorder(Conversation(), maximumBytes: 1 << 30)
        let proxy = try RecordingProxy(.init(listen: ProxyTests.anyPort, broker: broker.address), recorder: recorder)
        var replay = ReplayOptions(rules: ProxyTests.rules, address: proxy.address)
        replay.preparesBroker = false
        replay.settleBudgetMs = 0
        replay.readinessMs = 0
        replay.patienceMs = 2000
        let report = Replayer.replay(fixture, fixture: ProxyTests.name, options: replay)
        #expect(report.outcome == .differs)
        proxy.stop()
        let recorded = recorder.conversation
        #expect(recorded.exchanges.contains { $0.response != nil })
        // What was recorded of it can be read and shown.
        let again = try Conversation(parsing: recorded.text(named: "mangled"), file: "mangled")
        #expect(again.exchanges.flatMap { ConversationText().lines($0) }.count > again.exchanges.count)
    }

    @Test(arguments: 0..<24) func `whatever a client sends goes on byte by byte`(seed: UInt64) throws {
        var random = SeededBytes(seed)
        let echo = try EchoServer()
        defer { echo.stop() }
        let recorder = Recorder(Conversation(), maximumBytes: 1 << 20)
        let proxy = try RecordingProxy(.init(listen: ProxyTests.anyPort, broker: echo.address), recorder: recorder)
        let socket = try Socket.connect(to: proxy.address, until: .after(milliseconds: 5000))
        var sent: [UInt8] = []
        for request in try ProxyTests.fixture().exchanges.map(\.request).prefix(12) {
            let mangled = random.mangle(request, keeping: 0)
            sent += FrameCutter.lengthBytes(mangled.count) + mangled
        }
        if seed % 3 == 0 { sent += random.bytes(300) }
        try socket.write(sent, until: .after(milliseconds: 5000))
        var buffer = [UInt8](repeating: 0, count: 65_536)
        var back: [UInt8] = []
        while back.count < sent.count {
            let count = try buffer.withUnsafeMutableBytes {
                try socket.read(into: $0, until: .after(milliseconds: 5000))
            }
            guard count > 0 else { break }
            back += buffer[0..<count]
        }
        #expect(back == sent)
        socket.close()
        proxy.stop()
    }

    @Test(arguments: ["too late", "too little", "nonsense", "another's", "too much"])
    func `a tool's question to a broker that answers badly fails with broker, API and reason`(how: String) throws {
        let good: [UInt8] = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
        let (answer, reason): ([UInt8]?, String) =
            switch how {
            case "too late": (nil, "no answer within 200 ms")
            case "too little": (Array(good.dropLast(2)), "left at byte")
            case "nonsense": (Array("GET / HTTP/1.1".utf8), "another correlation id")
            case "another's": ([0, 0, 0, 9] + good.dropFirst(4), "another correlation id")
            default: (good + [1, 2, 3], "3 bytes after the answer's last field")
            }
        var conversation = Conversation()
        conversation.connections = [ConnectionLife(number: 1, openedMs: 0, closedMs: 1, closedBy: .client)]
        var exchange = RecordedExchange(connection: 1, sequence: 0, request: [], timeMs: 0)
        exchange.response = answer
        conversation.exchanges = [exchange]
        let broker = try RecordedBroker(conversation)
        defer { broker.stop() }
        let client = KafkaClient(
            FrameLink(try Socket.connect(to: broker.address, until: .after(milliseconds: 5000))), to: broker.address,
            timeoutMs: 200)
        defer { client.close() }
        #expect {
            try client.call("ApiVersions", version: 0, .object([]))
        } throws: { error in
            "\(error)".hasPrefix("\(broker.address): ApiVersions v0: ") && "\(error)".contains(reason)
        }
    }
}

/// Bytes that follow from a seed (splitmix64), and frames that are changed by them.
struct SeededBytes {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next(below limit: Int) -> Int {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return Int((value ^ value >> 31) % UInt64(limit))
    }

    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(next(below: 256)) } }

    /// A few bytes of the frame changed, or cut off, or added: the first ones stay where they say whose answer it is.
    mutating func mangle(_ frame: [UInt8], keeping head: Int) -> [UInt8] {
        guard frame.count > head else { return frame }
        var frame = frame
        switch next(below: 4) {
        case 0: frame.removeLast(next(below: frame.count - head))
        case 1: frame += bytes(1 + next(below: 40))
        default: for _ in 0...next(below: 5) { frame[head + next(below: frame.count - head)] = UInt8(next(below: 256)) }
        }
        return frame
    }
}
