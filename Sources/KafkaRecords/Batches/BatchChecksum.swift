internal import CJackdaw
internal import CZlib

extension RecordBatchHeader {
    /// The checksum as it should be; `bytes` is the whole batch that this head begins.
    func computeCRC(of bytes: UnsafeRawBufferPointer) -> UInt32 {
        isLegacy ? legacyCRC(of: bytes) : batchCRC(bytes)
    }
}

/// CRC-32C from the attributes to the end: base offset and leader epoch stand outside, so that a broker may write them.
func batchCRC(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    let start = RecordBatchHeader.Field.attributes
    guard bytes.count > start, let base = bytes.baseAddress else { return 0 }
    return jd_crc32c(0, base + start, bytes.count - start)
}

/// CRC-32 (zlib's) from the magic to the end.
func legacyCRC(of bytes: UnsafeRawBufferPointer) -> UInt32 {
    let start = RecordBatchHeader.Field.magic
    guard bytes.count > start, let base = bytes.baseAddress else { return 0 }
    let from = base.assumingMemoryBound(to: UInt8.self) + start
    // crc32 takes 32-bit counts; a batch has no more than 2 GB.
    return UInt32(truncatingIfNeeded: crc32(0, from, UInt32(bytes.count - start)))
}
