/// A codec and how hard it tries.
package struct Compression: Sendable, Hashable {
    package var type: CompressionType
    /// `compression.gzip.level` (1 to 9), `compression.lz4.level` (1 to 17), `compression.zstd.level` (-131072 to 22);
    /// nil is the codec's own.
    package var level: Int32?

    package init(_ type: CompressionType, level: Int32? = nil) {
        self.type = type
        self.level = level
    }

    package static var none: Compression { Compression(.none) }

    /// Packs `bytes` behind what `output` holds.
    func pack(_ bytes: UnsafeRawBufferPointer, into output: inout [UInt8], forMagic magic: Int8 = 2) throws(RecordError)
    {
        switch type {
        case .none: output.append(contentsOf: bytes)
        case .gzip: try packGzip(bytes, level: level, into: &output)
        case .snappy: try packSnappy(bytes, into: &output)
        case .lz4: try packLZ4(bytes, level: level, brokenHeaderChecksum: magic == 0, into: &output)
        case .zstd: try packZstd(bytes, level: level, into: &output)
        }
    }
}

extension [UInt8] {
    /// Makes room for `bound` more bytes, lets `body` write them and keeps as many as it says; nil from `body` is a
    /// failure.
    mutating func appendUpTo(
        _ bound: Int, _ codec: CompressionType, _ body: (UnsafeMutableRawBufferPointer) -> Int?
    ) throws(RecordError) {
        let start = count
        append(contentsOf: repeatElement(0, count: bound))
        let written = withUnsafeMutableBytes { body(UnsafeMutableRawBufferPointer(rebasing: $0[start...])) }
        removeLast(bound - (written ?? 0))
        // Out of memory, or a level that the library refuses: nothing that the peer sent.
        guard written != nil else { throw RecordError(.unreadable, "\(codec.name) could not compress \(bound) bytes") }
    }
}
