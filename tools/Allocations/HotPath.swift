import Broker
import BrokerKit
import CAllocations
import Cluster
import EventLoop
import Exchange
import Glibc
import KafkaMessages
import KafkaRecords
import KafkaWire

/// A connection without a socket's other end: takes answers, and counts them.
private final class Ear: AnswerChannel {
    var answers = 0
    var refusal: String?
    override func answered() { answers += 1 }
    override func refused(_ reason: String) { refusal = reason }
}

/// A whole broker in this process, and requests that are handed to it as a connection does.
final class HotPath {
    static let rounds = 256

    private let whole: WholeBroker
    private let desk: RequestDesk
    private let ear = Ear()
    private let arena = Arena()
    /// Where a request lies while it is worked on: Produce writes into it.
    private let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 16)
    private let client = Client(
        listener: ListenerIdentity(name: "PLAINTEXT", securityProtocol: "PLAINTEXT", advertisedHost: "localhost", advertisedPort: 9),
        peer: "127.0.0.1:1", host: "127.0.0.1")
    private var pipe: [Int32] = [-1, -1]
    private var topicId = Uuid.zero

    init() throws {
        whole = try WholeBroker(turns: false)
        desk = RequestDesk(loop: whole.loop)
        Glibc.pipe(&pipe)
        _ = whole.loop.register(ear, descriptor: pipe[0], for: .readable)
        var creation = CreateTopicsRequest()
        creation.timeoutMs = 10_000
        creation.topics = WireArray(count: 1, in: arena) { _, topic in
            topic.name = "hot"
            topic.numPartitions = 1
            topic.replicationFactor = 1
        }
        try ask(frame(creation, version: 5))
        topicId = whole.store.image.topic("hot")?.id ?? .zero
    }

    deinit {
        whole.loop.deregister(ear)
        whole.stop()
        room.deallocate()
        for descriptor in pipe { close(descriptor) }
    }

    // MARK: what is counted

    /// A produce of one record.
    func produce() throws -> Double {
        let frame = try produceFrame()
        return try counted(answers: 1) { _ in
            give(frame)
            desk.clearOutput()
        }
    }

    /// A fetch that is answered at once, by name and without a session: librdkafka's.
    func fetch() throws -> Double {
        try ask(try produceFrame())
        let frame = try frame(fetchRequest(from: 0), version: 12)
        return try counted(answers: 1) { _ in
            give(frame)
            guard desk.regions.count == 1 else { throw Failure("a fetch without records") }
            desk.clearOutput()
        }
    }

    /// A fetch that is answered at once, by topic id and within a session: the Java consumer's.
    func fetchInSession() throws -> Double {
        try ask(try produceFrame())
        var opening = fetchRequest(from: 0)
        opening.sessionEpoch = 0
        try ask(try frame(opening, version: 17), keepsAnswer: true)
        let session = try sessionId()
        desk.clearOutput()
        let frames = try (0..<(2 * Self.rounds)).map { number in
            var next = fetchRequest(from: 0)
            next.sessionId = session
            next.sessionEpoch = Int32(number + 1)
            return try frame(next, version: 17)
        }
        return try counted(answers: 1) { number in
            give(frames[number])
            guard desk.regions.count == 1 else { throw Failure("a fetch without records") }
            desk.clearOutput()
        }
    }

    /// A fetch that waits for the next record, and the produce that ends it.
    func waitingFetchAndProduce() throws -> Double {
        let produce = try produceFrame()
        let fetches = try (0..<(2 * Self.rounds)).map { try frame(fetchRequest(from: Int64($0)), version: 12) }
        return try counted(answers: 2) { number in
            give(fetches[number])
            give(produce)
            whole.loop.turn(waitingAtMostMs: 0)
            whole.loop.turn(waitingAtMostMs: 0)
            desk.clearOutput()
        }
    }

    /// Calls of malloc a round, over many; the first ones only warm up.
    static func count(_ round: (_ number: Int) throws -> Void) rethrows -> Double {
        for number in 0..<rounds { try round(number) }
        let before = jt_allocations()
        for number in rounds..<(2 * rounds) { try round(number) }
        return Double(jt_allocations() - before) / Double(rounds)
    }

    private func counted(answers: Int, _ round: (_ number: Int) throws -> Void) throws -> Double {
        let before = ear.answers
        let found = try Self.count(round)
        if let refusal = ear.refusal { throw Failure("refused: \(refusal)") }
        guard ear.answers == before + answers * 2 * Self.rounds else { throw Failure("\(ear.answers - before) answers") }
        return found
    }

    // MARK: requests

    private func give(_ frame: [UInt8]) {
        room.copyBytes(from: frame)
        whole.broker.handle(UnsafeMutableRawBufferPointer(rebasing: room[..<frame.count]), from: client, on: ear, desk: desk)
        desk.arena.reset()
    }

    /// Turns the loop until what was asked is answered.
    private func ask(_ frame: [UInt8], keepsAnswer: Bool = false) throws {
        let before = ear.answers
        whole.loop.turn(waitingAtMostMs: 0)
        give(frame)
        for _ in 0..<1000 where ear.answers == before { whole.loop.turn(waitingAtMostMs: 10) }
        guard ear.answers == before + 1 else { throw Failure("no answer") }
        if !keepsAnswer { desk.clearOutput() }
    }

    /// Of the fetch answer in the output: behind length, correlation id, tagged fields, throttle time and error code.
    private func sessionId() throws -> Int32 {
        let id = Int32(bigEndian: desk.output.bytes.loadUnaligned(fromByteOffset: 15, as: Int32.self))
        guard id != 0 else { throw Failure("no session") }
        return id
    }

    /// A request without its length field.
    private func frame<Request: RequestMessage>(_ request: Request, version: Int16) throws -> [UInt8] {
        var writer = WireWriter()
        var header = RequestHeader()
        header.requestApiKey = Request.apiKey.rawValue
        header.requestApiVersion = version
        header.clientId = "counter"
        try header.encode(into: &writer, version: Request.apiKey.requestHeaderVersion(for: version))
        try request.encode(into: &writer, version: version)
        return Array(writer.bytes)
    }

    private func produceFrame() throws -> [UInt8] {
        var builder = RecordBatchBuilder()
        builder.append(timestamp: 1_700_000_000_000, key: nil, value: Array(repeating: 7, count: 100))
        let batch = try builder.build()
        var request = ProduceRequest()
        request.acks = -1
        request.timeoutMs = 1000
        request.topicData = WireArray(count: 1, in: arena) { _, topic in
            topic.name = "hot"
            topic.partitionData = WireArray(count: 1, in: arena) { _, partition in
                partition.records = .bytes(WireBytes(copying: batch, in: arena))
            }
        }
        return try frame(request, version: 9)
    }

    private func fetchRequest(from offset: Int64) -> FetchRequest {
        var request = FetchRequest()
        request.maxWaitMs = 60_000
        request.minBytes = 1
        request.maxBytes = 1 << 20
        request.sessionEpoch = -1
        request.topics = WireArray(count: 1, in: arena) { _, topic in
            topic.topic = "hot"
            topic.topicId = topicId
            topic.partitions = WireArray(count: 1, in: arena) { _, partition in
                partition.fetchOffset = offset
                partition.partitionMaxBytes = 1 << 20
            }
        }
        return request
    }
}
