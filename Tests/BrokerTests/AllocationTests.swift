import Broker
import CAllocations
import EventLoop
import Exchange
import Glibc
import KafkaMessages
import KafkaRecords
import KafkaWire
import TestKit
import Testing

/// A connection without a socket's other end: takes answers, and counts them.
private final class Ear: AnswerChannel {
    var answers = 0
    override func answered() { answers += 1 }
    override func refused(_ reason: String) { Issue.record("refused: \(reason)") }
}

/// How often a request asks for memory between its frame and its answer, once everything is warm. The count is the same each
/// time, so that the bounds are close; who raises one says in the commit what it buys.
///
/// They hold for debug builds, where generic code of the standard library takes a frame for each element that it reads: the four
/// of a produce are such, and none is left of them in a release build.
@Suite(.enabled(if: jt_counts_allocations() != 0, "a sanitizer has its own malloc")) struct AllocationTests {
    private static let rounds = 256

    /// Per request; the tenth above the whole number is for what happens once in many rounds (a page of index entries).
    private enum Bound {
        static let produce = 4.1
        static let fetch = 13.1
        static let waitingFetchAndProduce = 30.1
    }

    private final class Table {
        let whole: WholeBroker
        let desk: RequestDesk
        let ear = Ear()
        private let client = Client(
            listener: ListenerIdentity(
                name: "PLAINTEXT", securityProtocol: "PLAINTEXT", advertisedHost: "localhost", advertisedPort: 9),
            peer: "127.0.0.1:1", host: "127.0.0.1")
        private var pipe: [Int32] = [-1, -1]

        init() throws {
            whole = try WholeBroker(turns: false)
            desk = RequestDesk(loop: whole.loop)
            Glibc.pipe(&pipe)
            _ = whole.loop.register(ear, descriptor: pipe[0], for: .readable)
            let arena = Arena()
            defer { arena.staysUntilHere() }
            var creation = CreateTopicsRequest()
            creation.timeoutMs = 10_000
            creation.topics = WireArray(count: 1, in: arena) { _, topic in
                topic.name = "hot"
                topic.numPartitions = 1
                topic.replicationFactor = 1
            }
            try ask(AllocationTests.frame(creation, version: 5))
        }

        deinit {
            whole.loop.deregister(ear)
            whole.stop()
            for descriptor in pipe { close(descriptor) }
        }

        func give(_ frame: [UInt8], _ room: UnsafeMutableRawBufferPointer) {
            room.copyBytes(from: frame)
            let bytes = UnsafeMutableRawBufferPointer(rebasing: room[..<frame.count])
            whole.broker.handle(bytes, from: client, on: ear, desk: desk)
            desk.arena.reset()
        }

        /// Turns the loop until what was asked is answered.
        func ask(_ frame: [UInt8]) throws {
            let before = ear.answers
            whole.loop.turn(waitingAtMostMs: 0)
            let room = UnsafeMutableRawBufferPointer.allocate(byteCount: frame.count, alignment: 16)
            defer { room.deallocate() }
            give(frame, room)
            for _ in 0..<1000 where ear.answers == before { whole.loop.turn(waitingAtMostMs: 10) }
            try #require(ear.answers == before + 1)
            desk.clearOutput()
        }
    }

    /// A request without its length field.
    private static func frame(_ request: some RequestMessage, version: Int16) throws -> [UInt8] {
        func encoded<Request: RequestMessage>(_ request: Request) throws -> [UInt8] {
            var writer = WireWriter()
            var header = RequestHeader()
            header.requestApiKey = Request.apiKey.rawValue
            header.requestApiVersion = version
            header.clientId = "counter"
            try header.encode(into: &writer, version: Request.apiKey.requestHeaderVersion(for: version))
            try request.encode(into: &writer, version: version)
            return Array(writer.bytes)
        }
        return try encoded(request)
    }

    private func produce(_ arena: Arena) throws -> [UInt8] {
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
        return try Self.frame(request, version: 9)
    }

    private func fetch(_ arena: Arena, from offset: Int64) throws -> [UInt8] {
        var request = FetchRequest()
        request.maxWaitMs = 60_000
        request.minBytes = 1
        request.maxBytes = 1 << 20
        request.sessionEpoch = -1
        request.topics = WireArray(count: 1, in: arena) { _, topic in
            topic.topic = "hot"
            topic.partitions = WireArray(count: 1, in: arena) { _, partition in
                partition.fetchOffset = offset
                partition.partitionMaxBytes = 1 << 20
            }
        }
        return try Self.frame(request, version: 12)
    }

    /// Calls of malloc a round, over many; the first ones only warm up.
    private func count(_ round: (_ number: Int) throws -> Void) rethrows -> Double {
        for number in 0..<Self.rounds { try round(number) }
        let before = jt_allocations()
        for number in Self.rounds..<(2 * Self.rounds) { try round(number) }
        return Double(jt_allocations() - before) / Double(Self.rounds)
    }

    @Test func `a produce of one record stays within its bound of allocations`() throws {
        let table = try Table()
        let arena = Arena()
        defer { arena.staysUntilHere() }
        let frame = try produce(arena)
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 16)
        defer { room.deallocate() }
        let before = table.ear.answers
        let found = count { _ in
            table.give(frame, room)
            table.desk.clearOutput()
        }
        #expect(table.ear.answers == before + 2 * Self.rounds)
        #expect(found <= Bound.produce)
    }

    @Test func `a fetch that is answered at once stays within its bound of allocations`() throws {
        let table = try Table()
        let arena = Arena()
        defer { arena.staysUntilHere() }
        try table.ask(try produce(arena))
        let frame = try fetch(arena, from: 0)
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 16)
        defer { room.deallocate() }
        let before = table.ear.answers
        var regions = 0
        let found = count { _ in
            table.give(frame, room)
            regions += table.desk.regions.count
            table.desk.clearOutput()
        }
        #expect(table.ear.answers == before + 2 * Self.rounds)
        #expect(regions == 2 * Self.rounds)
        #expect(found <= Bound.fetch)
    }

    @Test func `a fetch that waits for the next record, and the produce that ends it, stay within their bound of allocations`() throws {
        let table = try Table()
        let arena = Arena()
        defer { arena.staysUntilHere() }
        let frame = try produce(arena)
        let fetches = try (0..<(2 * Self.rounds)).map { try fetch(arena, from: Int64($0)) }
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 16)
        defer { room.deallocate() }
        let before = table.ear.answers
        let found = count { number in
            table.give(fetches[number], room)
            table.give(frame, room)
            table.whole.loop.turn(waitingAtMostMs: 0)
            table.whole.loop.turn(waitingAtMostMs: 0)
            table.desk.clearOutput()
        }
        #expect(table.ear.answers == before + 4 * Self.rounds)
        #expect(found <= Bound.waitingFetchAndProduce)
    }
}
