import Groups
import KafkaMessages
import KafkaRecords
import KafkaWire
import Synchronization
import Telemetry
import TestKit
import Testing

/// A log that hands out the same bytes, whatever they are.
private final class RawLog: GroupLog {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    func append(
        _ batch: UnsafeMutableRawBufferPointer, to partition: Int32, leaderEpoch: Int32
    ) throws(GroupLogError) -> GroupLogAppend { GroupLogAppend(baseOffset: 100, lastOffset: 100, isCommitted: true) }

    func whenCommitted(
        _ partition: Int32, lastOffset: Int64, timeoutMs: Int32, _ body: @escaping @Sendable (ErrorCode) -> Void
    ) { body(.none) }

    func read(
        _ partition: Int32, from offset: Int64, maxBytes: Int, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> Bool {
        guard offset < 8 else { return false }
        // In memory that ends with them: the sanitizer sees a read beyond.
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        defer { copy.deallocate() }
        copy.copyBytes(from: bytes)
        try body(UnsafeRawBufferPointer(copy))
        return true
    }

    func logStartOffset(_ partition: Int32) -> Int64 { 0 }
}

/// Kafka's own log, damaged in every place: it loads or is refused, and what was loaded can be used.
@Suite struct GroupLoadAdversarialTests {
    /// Whether it was loaded.
    private func load(_ bytes: [UInt8]) -> Bool {
        let clock = ManualClock()
        let groups = GroupCoordinator(
            configuration: .quick, partitionCount: 1, log: RawLog(bytes), clock: clock,
            logger: Logger("groups", log: Log { _, _ in }), makeUniqueName: { "name" }, announce: { _ in })
        groups.willLoad(0, leaderEpoch: 0)
        let isLoaded = groups.load(0, leaderEpoch: 0)
        for group in groups.listGroups().groups {
            group.id.withWire { id in
                let description = groups.describe(id)
                for member in description.members {
                    member.id.withWire { _ = groups.heartbeat(group: id, member: $0, instance: nil, generation: 1) }
                }
                _ = groups.readOffsets(of: id) { reader in
                    for topic in reader.topics { _ = topic.name.withWire { reader.offset($0, id: .zero, 0) } }
                }
            }
        }
        groups.expireOffsets(ofPartition: 0)
        clock.advance(ms: 100_000_000)
        groups.runTimers()
        return isLoaded
    }

    @Test func `the log as Kafka wrote it loads`() { #expect(load(KafkaSegment.bytes)) }

    @Test func `a log that is cut anywhere is loaded up to there or refused`() {
        var loaded = 0
        for count in 0..<KafkaSegment.bytes.count { loaded += load(Array(KafkaSegment.bytes[..<count])) ? 1 : 0 }
        // What ends before the last batch stops short of the log's end, which the log knows.
        #expect(loaded < KafkaSegment.bytes.count / 2)
    }

    @Test(arguments: [0x00, 0x01, 0x7F, 0x80, 0xFF] as [UInt8]) func `a byte that is wrong anywhere harms nobody`(value: UInt8) {
        var refused = 0
        for place in KafkaSegment.bytes.indices {
            var bytes = KafkaSegment.bytes
            bytes[place] = value
            refused += load(bytes) ? 0 : 1
        }
        #expect(refused > 0)
    }

    @Test func `metadata of a member that is no subscription is not understood, and harms nobody`() {
        let scene = Scene()
        for metadata in ["", "\u{0}", "\u{0}\u{0}\u{7F}\u{7F}\u{7F}\u{7F}", "\u{0}\u{0}\u{0}\u{0}\u{0}\u{1}\u{7F}\u{7F}x"] {
            let group = "group with \(metadata.utf8.count) bytes"
            let joined = scene.join(group, protocols: [MemberProtocol(name: "range", metadata: ByteString(metadata))]).value!
            _ = scene.sync(group, joined.memberId, generation: 1)
            _ = scene.commit(group, [.init(topic: "x", offset: 1)], member: joined.memberId, generation: 1)
            #expect(scene.deleteOffsets(group, "x", [0]).1 == [.groupSubscribedToTopic])
        }
    }
}
