/// Producer ids and epochs inside record batches, with the checksum made anew.
package enum BatchRewriter {
    private static let logOverheadBytes = 12
    private static let headerBytes = 61
    private static let magicAt = 16
    private static let crcAt = 17
    private static let attributesAt = 21
    private static let producerIdAt = 43
    private static let producerEpochAt = 51

    /// `renamed` gives the live id and epoch for those in a batch; nil leaves the batch as it is. A batch whose checksum was wrong
    /// keeps a wrong one: it was sent so on purpose.
    package static func rewrite(
        _ records: [UInt8], renamed: (_ producerId: Int64, _ epoch: Int16) -> (Int64, Int16)?
    ) -> [UInt8] {
        var out = records
        var start = 0
        while out.count - start >= headerBytes {
            let length = Int(Int32(truncatingIfNeeded: integer(out, start + 8, 4)))
            let end = start + logOverheadBytes + length
            guard out[start + magicAt] == 2, length >= headerBytes - logOverheadBytes, end <= out.count else { break }
            let producerId = integer(out, start + producerIdAt, 8)
            let epoch = Int16(truncatingIfNeeded: integer(out, start + producerEpochAt, 2))
            if let (newId, newEpoch) = renamed(producerId, epoch), newId != producerId || newEpoch != epoch {
                let wasValid =
                    CRC32C.of(out[(start + attributesAt)..<end])
                    == UInt32(truncatingIfNeeded: integer(out, start + crcAt, 4))
                store(newId, 8, at: start + producerIdAt, in: &out)
                store(Int64(newEpoch), 2, at: start + producerEpochAt, in: &out)
                if wasValid {
                    store(Int64(CRC32C.of(out[(start + attributesAt)..<end])), 4, at: start + crcAt, in: &out)
                }
            }
            start = end
        }
        return out
    }

    private static func integer(_ bytes: [UInt8], _ position: Int, _ size: Int) -> Int64 {
        bytes[position..<(position + size)].reduce(0) { $0 << 8 | Int64($1) }
    }

    private static func store(_ value: Int64, _ size: Int, at position: Int, in bytes: inout [UInt8]) {
        for index in 0..<size { bytes[position + index] = UInt8(truncatingIfNeeded: value >> (8 * (size - 1 - index))) }
    }
}

/// Castagnoli's CRC by table. The broker's is another piece of code, on purpose: the two prove each other.
package enum CRC32C {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0x82f6_3b78 : value >> 1 }
    }

    package static func of(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        ~bytes.reduce(~UInt32(0)) { crc, byte in table[Int((crc ^ UInt32(byte)) & 255)] ^ crc >> 8 }
    }
}
