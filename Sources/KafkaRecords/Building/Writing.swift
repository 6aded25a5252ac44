/// Zigzag varints as records of magic 2 have them, written behind an array's end.
enum Varint {
    static func size(_ value: Int64) -> Int {
        let zigzag = UInt64(bitPattern: value << 1 ^ value >> 63)
        return (70 - (zigzag | 1).leadingZeroBitCount) / 7
    }

    /// Of a length and that many bytes; nil is length -1.
    static func size(of bytes: UnsafeRawBufferPointer?) -> Int {
        guard let bytes else { return 1 }
        return size(Int64(bytes.count)) + bytes.count
    }

    static func append(_ value: Int64, to output: inout [UInt8]) {
        var zigzag = UInt64(bitPattern: value << 1 ^ value >> 63)
        while zigzag >= 0x80 {
            output.append(UInt8(truncatingIfNeeded: zigzag) | 0x80)
            zigzag >>= 7
        }
        output.append(UInt8(zigzag))
    }

    static func append(bytes: UnsafeRawBufferPointer?, to output: inout [UInt8]) {
        guard let bytes else { return append(-1, to: &output) }
        append(Int64(bytes.count), to: &output)
        output.append(contentsOf: bytes)
    }
}

extension [UInt8] {
    mutating func appendBig(_ value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }
}
