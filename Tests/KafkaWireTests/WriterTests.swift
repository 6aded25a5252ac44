import KafkaWire
import Testing
import TestKit

@Suite struct WriterTests {
    @Test func `a writer grows and keeps what it has`() throws {
        let arena = Arena()
        var writer = WireWriter(capacity: 1)
        var expected: [UInt8] = []
        for size in Array(0...70) + [500, 5000, 40_000] {
            let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ size) }
            try writer.bytes(WireBytes(copying: bytes, in: arena), "", false)
            withUnsafeBytes(of: Int32(size).bigEndian) { expected.append(contentsOf: $0) }
            expected += bytes
        }
        #expect(Array(writer.bytes) == expected)
        writer.clear()
        #expect(writer.count == 0)
    }

    @Test func `a frame's length is set when the frame is written`() {
        var writer = WireWriter()
        writer.reserve(20)
        writer.int32(0)
        writer.int16(7)
        writer.setInt32(Int32(writer.count - 4), at: 0)
        #expect(Array(writer.bytes) == [0, 0, 0, 2, 0, 7])
    }

    @Test func `an answer that failed half-way is taken back, and the one before it stays`() {
        var writer = WireWriter()
        writer.append("abcd")
        writer.append(piece: 0, length: 10)
        writer.append("ef")
        writer.append(piece: 1, length: 10)
        writer.truncate(to: 4)
        #expect(writer.pieces.map(\.number) == [0])
        #expect(Array(writer.bytes) == Array("abcd".utf8))
    }

    @Test func `pieces know their place and their length`() {
        var writer = WireWriter()
        writer.append("ab")
        writer.append(piece: 0, length: 100)
        writer.append("c")
        writer.append(piece: 1, length: 5)
        #expect(writer.count == 3 && writer.pieces.map(\.length) == [100, 5])
        #expect(writer.pieces.map(\.offset) == [2, 3])
        writer.clear()
        #expect(writer.pieces.isEmpty)
    }

    @Test func `a tagged field's size widens where one byte is not enough`() throws {
        let arena = Arena()
        for size in [0, 1, 126, 127, 128, 16_383, 16_384] {
            let content = WireBytes(copying: [UInt8](repeating: 7, count: size), in: arena)
            var writer = WireWriter()
            writer.reserve(16)
            var section = writer.beginTags(1, .none, known: 1)
            let start = writer.beginTag(0, &section)
            writer.append(content)
            writer.endTag(start)
            writer.endTags(section)
            try writer.bytes.withUnsafeReader { reader in
                #expect(try reader.hasTags())
                var tags = try reader.beginTags()
                #expect(try reader.nextTag(&tags) == 0)
                #expect(reader.remaining == size)
            }
        }
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func withUnsafeReader(_ body: (inout WireReader) throws -> Void) rethrows {
        var reader = WireReader(self, arena: Arena())
        try body(&reader)
    }
}
