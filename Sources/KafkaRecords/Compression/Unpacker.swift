/// Unpacks one payload of any codec, piece by piece, with the bound on the whole.
///
/// `begin`, then `next` until nil. A piece is good until the next call. What is left behind the packed stream is the codec's affair:
/// Kafka ignores it for gzip, snappy and lz4, and refuses it for zstd.
final class Unpacker {
    /// What one payload may unpack to: bytes.
    var limit = RecordLimits.unpackedBytes
    private var codec = CompressionType.none
    private var unpacked = 0
    private var gzip = GzipUnpacker()
    private var snappy = SnappyUnpacker()
    private var lz4 = LZ4Unpacker()
    private var zstd = ZstdUnpacker()
    private var plain: UnsafeRawBufferPointer?
    /// What the codecs that stream unpack into.
    private var windowMemory: UnsafeMutableRawBufferPointer?

    deinit { windowMemory?.deallocate() }

    private var window: UnsafeMutableRawBufferPointer {
        if let windowMemory { return windowMemory }
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: RecordLimits.unpackWindowBytes, alignment: 16)
        windowMemory = memory
        return memory
    }

    func begin(
        _ payload: UnsafeRawBufferPointer, codec: CompressionType, ignoresLZ4HeaderChecksum: Bool = false
    ) throws(RecordError) {
        self.codec = codec
        unpacked = 0
        switch codec {
        case .none: plain = payload
        case .gzip: try gzip.begin(payload)
        case .snappy: try snappy.begin(payload)
        case .lz4: try lz4.begin(payload, ignoresHeaderChecksum: ignoresLZ4HeaderChecksum)
        case .zstd: try zstd.begin(payload)
        }
    }

    func next() throws(RecordError) -> UnsafeRawBufferPointer? {
        let piece: UnsafeRawBufferPointer?
        switch codec {
        case .none:
            piece = plain
            plain = nil
        case .gzip: piece = try gzip.next(into: window)
        case .snappy: piece = try snappy.next()
        case .lz4: piece = try lz4.next(into: window)
        case .zstd: piece = try zstd.next(into: window)
        }
        unpacked += piece?.count ?? 0
        guard unpacked <= limit else {
            throw RecordError(.messageTooLarge, "a batch unpacks to more than \(limit) bytes (\(codec.name))")
        }
        return piece
    }

    func trim() {
        snappy.trim()
        zstd.trim()
    }
}

func brokenPayload(_ codec: CompressionType, _ why: String) -> RecordError {
    RecordError(.brokenCompression, "failed to decompress a \(codec.name) batch: \(why)")
}
