/// Builds messages of magic 0 or 1: one behind the other, or packed into one (Kafka's MemoryRecordsBuilder for the old
/// formats).
struct MessageSetBuilder {
    let magic: Int8
    let compression: Compression
    /// Not nil: magic 1 says log append time, and this is it.
    let logAppendTimeMs: Int64?
    /// Packed offsets of magic 1 count from here.
    let baseOffset: Int64

    private var messages: [UInt8] = []
    private var lastOffset: Int64 = 0
    private var maxTimestamp = NoValue.timestamp

    init(magic: Int8, compression: Compression, logAppendTimeMs: Int64?, baseOffset: Int64) {
        self.magic = magic
        self.compression = compression
        self.logAppendTimeMs = logAppendTimeMs
        self.baseOffset = baseOffset
    }

    mutating func append(_ record: RecordView) {
        let timestamp = logAppendTimeMs ?? record.timestamp
        let isRelative = magic > 0 && compression.type != .none
        appendMessage(
            offset: isRelative ? record.offset &- baseOffset : record.offset, timestamp: timestamp, codec: .none,
            key: record.key,
            value: record.value, to: &messages)
        lastOffset = record.offset
        maxTimestamp = max(maxTimestamp, timestamp)
    }

    /// Puts the message, or the one that packs them all, behind `output`.
    func finish(into output: inout [UInt8]) throws(RecordError) {
        guard !messages.isEmpty else { return }
        guard compression.type != .none else { return output.append(contentsOf: messages) }
        var packed: [UInt8] = []
        let outcome = messages.withUnsafeBytes { bytes in
            Result { () throws(RecordError) in try compression.pack(bytes, into: &packed, forMagic: magic) }
        }
        try outcome.get()
        packed.withUnsafeBytes { value in
            appendMessage(
                offset: lastOffset, timestamp: logAppendTimeMs ?? maxTimestamp, codec: compression.type, key: nil,
                value: value,
                to: &output)
        }
    }

    private func appendMessage(
        offset: Int64, timestamp: Int64, codec: CompressionType, key: UnsafeRawBufferPointer?,
        value: UnsafeRawBufferPointer?,
        to output: inout [UInt8]
    ) {
        let start = output.count
        output.appendBig(offset)
        output.appendBig(Int32(0))
        output.appendBig(UInt32(0))
        output.append(UInt8(magic))
        let isAppendTime = magic > 0 && logAppendTimeMs != nil
        output.append(codec.rawValue | (isAppendTime ? UInt8(RecordBatchHeader.Attribute.timestampType) : 0))
        if magic > 0 { output.appendBig(timestamp) }
        for field in [key, value] {
            output.appendBig(Int32(field?.count ?? -1))
            if let field { output.append(contentsOf: field) }
        }
        output.withUnsafeMutableBytes { bytes in
            let message = UnsafeMutableRawBufferPointer(rebasing: bytes[start...])
            let length = Int32(message.count - RecordLimits.logOverheadBytes)
            message.storeBytes(of: length.bigEndian, toByteOffset: RecordBatchHeader.Field.length, as: Int32.self)
            let crc = legacyCRC(of: UnsafeRawBufferPointer(message))
            message.storeBytes(of: crc.bigEndian, toByteOffset: RecordBatchHeader.Field.legacyCRC, as: UInt32.self)
        }
    }
}
