internal import CLZ4

/// LZ4 frames as Kafka writes and reads them: independent blocks, no dictionary.
///
/// In magic 0 Kafka's first encoder computed the checksum of the frame's head over the frame's magic number too
/// (KAFKA-3160); whoever reads magic 0 ignores that checksum, and whoever writes it for old consumers writes it wrong
/// in the same way.
enum LZ4Frame {
    static let magic: UInt32 = 0x184d_2204
    static let blockIndependence: UInt8 = 0x20, contentSize: UInt8 = 0x08, reserved: UInt8 = 0x03

    /// Where the head's checksum stands; nil where this is no head that Kafka reads.
    static func checksumPlace(in frame: UnsafeRawBufferPointer) -> Int? {
        guard frame.count >= 7, UInt32(littleEndian: frame.loadUnaligned(as: UInt32.self)) == magic else { return nil }
        let flags = frame[4]
        guard flags >> 6 == 1, flags & blockIndependence != 0, flags & reserved == 0 else { return nil }
        let place = 6 + (flags & contentSize != 0 ? 8 : 0)
        return place < frame.count ? place : nil
    }

    /// The second byte of the xxHash of some bytes.
    static func checksum(_ bytes: some Collection<UInt8>) -> UInt8 { UInt8(truncatingIfNeeded: shortXXH32(bytes) >> 8) }
}

/// XXH32 with seed 0, for fewer than 16 bytes: a frame's head has at most 14, and liblz4 keeps its own for itself.
func shortXXH32(_ bytes: some Collection<UInt8>) -> UInt32 {
    precondition(bytes.count < 16)
    func rotated(_ word: UInt32, _ bits: UInt32) -> UInt32 { word << bits | word >> (32 - bits) }
    let prime1: UInt32 = 2_654_435_761, prime2: UInt32 = 2_246_822_519, prime3: UInt32 = 3_266_489_917
    let prime4: UInt32 = 668_265_263, prime5: UInt32 = 374_761_393
    var hash = prime5 &+ UInt32(bytes.count)
    var rest = bytes[...]
    while rest.count >= 4 {
        let word = rest.prefix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        hash = rotated(hash &+ word &* prime3, 17) &* prime4
        rest = rest.dropFirst(4)
    }
    for byte in rest { hash = rotated(hash &+ UInt32(byte) &* prime5, 11) &* prime1 }
    hash = (hash ^ hash >> 15) &* prime2
    hash = (hash ^ hash >> 13) &* prime3
    return hash ^ hash >> 16
}

struct LZ4Unpacker: ~Copyable {
    private var context: OpaquePointer?
    /// What is read before the rest; empty where the head is read where it lies.
    private var head: [UInt8] = []
    private var input = RecordCursor(UnsafeRawBufferPointer(start: nil, count: 0))
    private var atEnd = true

    deinit { LZ4F_freeDecompressionContext(context) }

    mutating func begin(_ payload: UnsafeRawBufferPointer, ignoresHeaderChecksum: Bool) throws(RecordError) {
        guard let place = LZ4Frame.checksumPlace(in: payload) else {
            throw brokenPayload(.lz4, "no frame head with independent blocks and no dictionary")
        }
        if context == nil {
            guard LZ4F_isError(LZ4F_createDecompressionContext(&context, UInt32(LZ4F_VERSION))) == 0 else {
                throw brokenPayload(.lz4, "no memory for its state")
            }
        }
        LZ4F_resetDecompressionContext(context)
        head = []
        input = RecordCursor(payload)
        if ignoresHeaderChecksum {
            // The head goes in by itself then, with the checksum that the library wants.
            head = Array(payload[...place])
            head[place] = LZ4Frame.checksum(head[4..<place])
            input.skip(Int32(head.count))
        }
        atEnd = false
    }

    mutating func fill(_ window: inout UnpackWindow) throws(RecordError) {
        if !head.isEmpty { try readHead() }
        while !atEnd && !window.isFull {
            let room = window.room
            var produced = room.count
            var consumed = input.remaining
            let hint = LZ4F_decompress(context, room.baseAddress, &produced, input.position, &consumed, nil)
            guard LZ4F_isError(hint) == 0 else {
                throw brokenPayload(.lz4, String(cString: LZ4F_getErrorName(hint)))
            }
            input.skip(Int32(consumed))
            window.count += produced
            atEnd = hint == 0
            if !atEnd && produced == 0 && consumed == 0 { throw brokenPayload(.lz4, "it ends too early") }
        }
    }

    private mutating func readHead() throws(RecordError) {
        var produced = 0
        var consumed = head.count
        let hint = head.withUnsafeBytes { LZ4F_decompress(context, nil, &produced, $0.baseAddress, &consumed, nil) }
        guard LZ4F_isError(hint) == 0, consumed == head.count else {
            throw brokenPayload(
                .lz4, LZ4F_isError(hint) == 0 ? "its head is damaged" : String(cString: LZ4F_getErrorName(hint)))
        }
        head = []
    }
}

/// One frame as Kafka's encoder writes it: independent blocks of 64 KB, neither size nor checksum of the content.
func packLZ4(
    _ bytes: UnsafeRawBufferPointer, level: Int32?, brokenHeaderChecksum: Bool, into output: inout [UInt8]
) throws(RecordError) {
    var preferences = LZ4F_preferences_t()
    preferences.frameInfo.blockSizeID = LZ4F_max64KB
    preferences.frameInfo.blockMode = LZ4F_blockIndependent
    // Kafka's default level 9 is its fast compressor; its other levels are those of the slow one, up to 17, of which
    // liblz4 has 12.
    preferences.compressionLevel = level.map { $0 == 9 ? 0 : min($0, 12) } ?? 0
    let start = output.count
    try output.appendUpTo(LZ4F_compressFrameBound(bytes.count, &preferences), .lz4) { room in
        let size = LZ4F_compressFrame(room.baseAddress, room.count, bytes.baseAddress, bytes.count, &preferences)
        return LZ4F_isError(size) == 0 ? size : nil
    }
    if brokenHeaderChecksum { output[start + 6] = LZ4Frame.checksum(output[start..<start + 6]) }
}
