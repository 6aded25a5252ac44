internal import CZlib

/// RFC 1952 members one after another, as Java's GZIPInputStream reads them: what follows the last and is no member is
/// ignored.
struct GzipUnpacker: ~Copyable {
    // zlib keeps the stream's address, so it may not move.
    private var stream: UnsafeMutablePointer<z_stream>?
    private var atEnd = true

    deinit {
        guard let stream else { return }
        inflateEnd(stream)
        stream.deallocate()
    }

    mutating func begin(_ payload: UnsafeRawBufferPointer) throws(RecordError) {
        if stream == nil { try create() }
        guard let stream, inflateReset(stream) == Z_OK else { throw brokenPayload(.gzip, "no inflate state") }
        stream.pointee.next_in = UnsafeMutablePointer(
            mutating: payload.baseAddress?.assumingMemoryBound(to: UInt8.self))
        stream.pointee.avail_in = UInt32(payload.count)
        atEnd = false
    }

    private mutating func create() throws(RecordError) {
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        stream.initialize(to: z_stream())
        // 16 more than the window's bits: gzip's head and tail, checksum included.
        guard inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            stream.deallocate()
            throw brokenPayload(.gzip, "no memory for inflate")
        }
        self.stream = stream
    }

    mutating func fill(_ window: inout UnpackWindow) throws(RecordError) {
        guard !atEnd, let stream else { return }
        let room = window.room
        stream.pointee.next_out = room.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(room.count)
        var isDamaged = false
        defer { if !isDamaged { window.count += room.count - Int(stream.pointee.avail_out) } }
        while stream.pointee.avail_out > 0 {
            let outcome = inflate(stream, Z_NO_FLUSH)
            if outcome == Z_STREAM_END {
                guard beginNextMember(stream) else { break }
                continue
            }
            guard outcome == Z_OK else {
                let why = stream.pointee.msg.map { String(cString: $0) } ?? "it ends too early"
                // Java hands out what came before a wrong check sum or the end, and nothing of what is damaged itself.
                isDamaged = outcome != Z_BUF_ERROR && !why.hasSuffix("check")
                throw brokenPayload(.gzip, why)
            }
        }
    }

    private mutating func beginNextMember(_ stream: UnsafeMutablePointer<z_stream>) -> Bool {
        let left = stream.pointee.avail_in
        guard left >= 3, let next = stream.pointee.next_in, next[0] == 0x1f, next[1] == 0x8b, next[2] == 8,
            inflateReset(stream) == Z_OK
        else {
            atEnd = true
            return false
        }
        return true
    }
}

func packGzip(_ bytes: UnsafeRawBufferPointer, level: Int32?, into output: inout [UInt8]) throws(RecordError) {
    var stream = z_stream()
    let size = Int32(MemoryLayout<z_stream>.size)
    let opened = deflateInit2_(
        &stream, level ?? Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, size)
    guard opened == Z_OK else { throw RecordError(.unreadable, "gzip could not begin at level \(level ?? -1)") }
    defer { deflateEnd(&stream) }
    let bound = Int(deflateBound(&stream, UInt(bytes.count)))
    try output.appendUpTo(bound, .gzip) { room in
        stream.next_in = UnsafeMutablePointer(mutating: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
        stream.avail_in = UInt32(bytes.count)
        stream.next_out = room.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.avail_out = UInt32(room.count)
        guard deflate(&stream, Z_FINISH) == Z_STREAM_END else { return nil }
        return room.count - Int(stream.avail_out)
    }
}
