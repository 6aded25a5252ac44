/// Unpacks one payload of any codec, piece by piece, with the bound on the whole.
///
/// `begin`, then `next` until nil. A piece is good until the next call. A payload that is damaged yields what comes
/// before the damage first: Kafka, which reads streams, finds a wrong record there before it finds the damage, and
/// answers accordingly. What is left behind the packed stream is the
/// codec's affair: Kafka ignores it for gzip, snappy and lz4, and refuses it for zstd.
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
    private var failure: RecordError?
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
        failure = nil
        switch codec {
        case .none: plain = payload
        case .gzip: try gzip.begin(payload)
        case .snappy: try snappy.begin(payload)
        case .lz4: try lz4.begin(payload, ignoresHeaderChecksum: ignoresLZ4HeaderChecksum)
        case .zstd: try zstd.begin(payload)
        }
    }

    func next() throws(RecordError) -> UnsafeRawBufferPointer? {
        if let failure { throw failure }
        let piece: UnsafeRawBufferPointer?
        switch codec {
        case .none: piece = plain.take()
        case .snappy: piece = try snappy.next()
        case .gzip, .lz4, .zstd: piece = try nextWindow()
        }
        unpacked += piece?.count ?? 0
        guard unpacked <= limit else {
            throw RecordError(.messageTooLarge, "a batch unpacks to more than \(limit) bytes (\(codec.name))")
        }
        return piece
    }

    private func nextWindow() throws(RecordError) -> UnsafeRawBufferPointer? {
        var window = UnpackWindow(memory: self.window)
        do throws(RecordError) {
            switch codec {
            case .gzip: try gzip.fill(&window)
            case .lz4: try lz4.fill(&window)
            default: try zstd.fill(&window)
            }
        } catch {
            guard window.count > 0 else { throw error }
            failure = error
        }
        return window.count > 0
            ? UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(window.memory)[..<window.count]) : nil
    }

    func trim() {
        snappy.trim()
        zstd.trim()
    }
}

/// Where the codecs that stream unpack to, and how much of it they have filled.
struct UnpackWindow {
    let memory: UnsafeMutableRawBufferPointer
    var count = 0

    var isFull: Bool { count == memory.count }
    var room: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(rebasing: memory[count...]) }
}

func brokenPayload(_ codec: CompressionType, _ why: String) -> RecordError {
    RecordError(.brokenCompression, "failed to decompress a \(codec.name) batch: \(why)")
}
