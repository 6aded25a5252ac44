/// The checksums of record bytes by a table of the tests' own, so that broken batches can be given a right one.
enum TestChecksum {
    private static func table(_ polynomial: UInt32) -> [UInt32] {
        (0..<256).map { index in
            (0..<8).reduce(UInt32(index)) { row, _ in row & 1 == 1 ? row >> 1 ^ polynomial : row >> 1 }
        }
    }
    private static let castagnoli = table(0x82f6_3b78)
    private static let zip = table(0xedb8_8320)

    private static func crc(_ bytes: ArraySlice<UInt8>, _ table: [UInt32]) -> UInt32 {
        ~bytes.reduce(~UInt32(0)) { crc, byte in table[Int(UInt8(truncatingIfNeeded: crc) ^ byte)] ^ crc >> 8 }
    }

    /// The same bytes with the first batch's checksum right, where there is one.
    static func repaired(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.count >= 26 else { return bytes }
        let size = 12 + Int(bytes[8...11].reduce(UInt32(0)) { $0 << 8 | UInt32($1) })
        let isLegacy = bytes[16] < 2
        let start = isLegacy ? 16 : 21, place = isLegacy ? 12 : 17
        guard size > start, size <= bytes.count else { return bytes }
        let checksum = crc(bytes[start..<size], isLegacy ? zip : castagnoli)
        var repaired = bytes
        for index in 0..<4 { repaired[place + index] = UInt8(truncatingIfNeeded: checksum >> UInt32(24 - 8 * index)) }
        return repaired
    }
}
