internal import CSnappy

/// Snappy in both framings: bare, as some clients send it, and the one of Java's SnappyOutputStream (also "xerial"):
///
///     0x82 "SNAPPY" 0x00, version int32, lowest compatible version int32, then blocks: length int32, bare snappy
///
/// The packing side writes the head as Java does, byte for byte (kafka-python#2483). Java looks at the version only where
/// another stream is glued to the first.
enum SnappyFraming {
    static let magic: [UInt8] = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]
    static let headerBytes = 16
    /// The magic's first four bytes as a block length: a stream that is glued to another goes on with a head of its
    /// own.
    static let magicHead = Int32(bitPattern: 0x8253_4e41)
    /// What Java packs into one block: bytes.
    static let blockBytes = 32 << 10
}

struct SnappyUnpacker: ~Copyable {
    private var input = RecordCursor(UnsafeRawBufferPointer(start: nil, count: 0))
    private var isFramed = false
    private var block = GrowingBytes()

    mutating func begin(_ payload: UnsafeRawBufferPointer) throws(RecordError) {
        guard payload.count > 0 else { throw brokenPayload(.snappy, "it is empty") }
        input = RecordCursor(payload)
        isFramed = payload.count >= SnappyFraming.headerBytes && payload.starts(with: SnappyFraming.magic)
        if isFramed { input.skip(Int32(SnappyFraming.headerBytes)) }
    }

    /// The head of a stream that begins behind another: magic, version, lowest compatible version.
    private mutating func readGluedHeader() throws(RecordError) {
        input.skip(Int32(SnappyFraming.magic.count))
        let version = input.int32()
        input.skip(4)
        guard !input.broken, version >= 1 else { throw brokenPayload(.snappy, "stream version \(version)") }
    }

    mutating func next() throws(RecordError) -> UnsafeRawBufferPointer? {
        guard isFramed else {
            guard input.remaining > 0, let all = input.bytes(Int32(input.remaining)) else { return nil }
            return try unpack(all)
        }
        while true {
            // Less than a length at the end is ignored, as Java does.
            guard input.remaining >= 4 else { return nil }
            let length = input.int32()
            if length == SnappyFraming.magicHead {
                input = RecordCursor(from: input.position - 4, to: input.end)
                guard input.remaining >= SnappyFraming.headerBytes else { return nil }
                try readGluedHeader()
                continue
            }
            guard length >= 0, let packed = input.bytes(length) else {
                throw brokenPayload(.snappy, "a block of \(length) bytes, of which \(input.remaining) are there")
            }
            return try unpack(packed)
        }
    }

    private mutating func unpack(_ packed: UnsafeRawBufferPointer) throws(RecordError) -> UnsafeRawBufferPointer {
        let source = packed.baseAddress?.assumingMemoryBound(to: CChar.self)
        var size = 0
        guard let source, snappy_uncompressed_length(source, packed.count, &size) == SNAPPY_OK else {
            throw brokenPayload(.snappy, "a block of \(packed.count) bytes without its length")
        }
        // Snappy's densest element makes 64 bytes of 3: more than that is not taken on trust.
        guard size <= packed.count * 22 + 64, size <= RecordLimits.unpackedBytes else {
            throw brokenPayload(.snappy, "a block of \(packed.count) bytes claims to hold \(size)")
        }
        block.removeAll()
        let target = block.extend(by: size).assumingMemoryBound(to: CChar.self)
        guard snappy_uncompress(source, packed.count, target, &size) == SNAPPY_OK else {
            throw brokenPayload(.snappy, "a block of \(packed.count) bytes is damaged")
        }
        return block.bytes
    }

    mutating func trim() {
        if block.capacity > RecordLimits.keptScratchBytes { block = GrowingBytes() }
    }
}

/// In Java's framing, which every client reads.
func packSnappy(_ bytes: UnsafeRawBufferPointer, into output: inout [UInt8]) throws(RecordError) {
    output.append(contentsOf: SnappyFraming.magic)
    output.append(contentsOf: [0, 0, 0, 1, 0, 0, 0, 1])
    var rest = bytes
    while rest.count > 0 {
        let block = UnsafeRawBufferPointer(rebasing: rest.prefix(SnappyFraming.blockBytes))
        rest = UnsafeRawBufferPointer(rebasing: rest[block.count...])
        try output.appendUpTo(4 + snappy_max_compressed_length(block.count), .snappy) { room in
            let target = room.baseAddress! + 4
            var size = room.count - 4
            let outcome = snappy_compress(
                block.baseAddress!.assumingMemoryBound(to: CChar.self), block.count,
                target.assumingMemoryBound(to: CChar.self), &size)
            guard outcome == SNAPPY_OK else { return nil }
            room.storeBytes(of: Int32(size).bigEndian, as: Int32.self)
            return 4 + size
        }
    }
}
