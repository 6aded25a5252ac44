internal import KafkaSchema

/// Record batches as Kafka's Java producer makes them, from the rows of a conversation's setup.
enum PreloadBatch {
    static func build(_ batch: JSONValue) throws -> [UInt8] {
        let rows = batch["rows"]?.elements ?? []
        let timestamps = rows.map { $0["timestamp"]?.integer ?? 0 }
        guard let base = timestamps.first, let latest = timestamps.max() else {
            throw KafkaClient.Failure(api: "setup", reason: "a batch without rows")
        }
        var records: [UInt8] = []
        for (index, row) in rows.enumerated() {
            var record: [UInt8] = [0]
            append(varint: timestamps[index] - base, to: &record)
            append(varint: Int64(index), to: &record)
            append(row["key"], to: &record)
            append(row["value"], to: &record)
            append(varint: 0, to: &record)
            append(varint: Int64(record.count), to: &records)
            records += record
        }
        let (payload, codec) = try compressed(records, batch["compression"]?.string ?? "none")
        var checked: [UInt8] = []
        append(Int64(codec), 2, to: &checked)
        append(Int64(rows.count - 1), 4, to: &checked)
        append(base, 8, to: &checked)
        append(latest, 8, to: &checked)
        append(-1, 8, to: &checked)  // producer id
        append(-1, 2, to: &checked)  // producer epoch
        append(-1, 4, to: &checked)  // base sequence
        append(Int64(rows.count), 4, to: &checked)
        checked += payload
        var out: [UInt8] = []
        append(0, 8, to: &out)
        append(Int64(checked.count + 9), 4, to: &out)
        append(-1, 4, to: &out)  // partition leader epoch
        out.append(2)
        append(Int64(CRC32C.of(checked[...])), 4, to: &out)
        return out + checked
    }

    private static func compressed(_ records: [UInt8], _ name: String) throws -> ([UInt8], codec: Int) {
        switch name {
        case "none": return (records, 0)
        case "gzip":
            // The recorder's producer left records as they were where packing made them no smaller.
            let packed = try Gzip.compress(records)
            return packed.count < records.count ? (packed, 1) : (records, 0)
        default: throw KafkaClient.Failure(api: "setup", reason: "records in \(name) cannot be preloaded")
        }
    }

    private static func append(_ value: Int64, _ size: Int, to bytes: inout [UInt8]) {
        for index in 0..<size { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * (size - 1 - index)))) }
    }

    private static func append(varint value: Int64, to bytes: inout [UInt8]) {
        var rest = UInt64(bitPattern: value << 1 ^ value >> 63)
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7f) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    private static func append(_ text: JSONValue?, to bytes: inout [UInt8]) {
        guard let text = text?.string else { return append(varint: -1, to: &bytes) }
        append(varint: Int64(text.utf8.count), to: &bytes)
        bytes += text.utf8
    }
}
