internal import CZstd

/// Zstandard frames one after another (RFC 8878). Nothing at all is an empty stream, as it is for Kafka; other bytes
/// behind the last frame are an error, as they are for Kafka.
struct ZstdUnpacker: ~Copyable {
    private var context: OpaquePointer?
    private var input = RecordCursor(UnsafeRawBufferPointer(start: nil, count: 0))
    private var inFrame = false

    deinit { ZSTD_freeDCtx(context) }

    mutating func begin(_ payload: UnsafeRawBufferPointer) throws(RecordError) {
        if context == nil { context = ZSTD_createDCtx() }
        guard context != nil else { throw brokenPayload(.zstd, "no memory for its state") }
        ZSTD_DCtx_reset(context, ZSTD_reset_session_only)
        input = RecordCursor(payload)
        inFrame = false
    }

    mutating func fill(_ window: inout UnpackWindow) throws(RecordError) {
        var output = ZSTD_outBuffer(dst: window.memory.baseAddress, size: window.memory.count, pos: window.count)
        defer { window.count = output.pos }
        // A frame may hold more for us although its input is used up; only the decoder knows.
        while output.pos < output.size && (inFrame || input.remaining > 0) {
            var source = ZSTD_inBuffer(src: input.position, size: input.remaining, pos: 0)
            let before = output.pos
            let hint = ZSTD_decompressStream(context, &output, &source)
            guard ZSTD_isError(hint) == 0 else {
                throw brokenPayload(.zstd, String(cString: ZSTD_getErrorName(hint)))
            }
            input.skip(Int32(source.pos))
            inFrame = hint != 0
            if inFrame && source.pos == 0 && output.pos == before { throw brokenPayload(.zstd, "it ends too early") }
        }
    }

    /// A level 22 stream takes up to 128 MB of window; that is not kept.
    mutating func trim() {
        guard ZSTD_sizeof_DCtx(context) > RecordLimits.keptScratchBytes else { return }
        ZSTD_freeDCtx(context)
        context = nil
    }
}

func packZstd(_ bytes: UnsafeRawBufferPointer, level: Int32?, into output: inout [UInt8]) throws(RecordError) {
    try output.appendUpTo(ZSTD_compressBound(bytes.count), .zstd) { room in
        let size = ZSTD_compress(
            room.baseAddress, room.count, bytes.baseAddress, bytes.count, level ?? ZSTD_CLEVEL_DEFAULT)
        return ZSTD_isError(size) == 0 ? size : nil
    }
}
