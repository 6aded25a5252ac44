internal import Files

/// `NNN.snapshot`: the producers as of the offset in its name. int16 version 1, CRC-32C of what follows it, count, entries of 46 bytes
/// (ProducerSnapshot.json): id, epoch, last sequence, last offset, offset delta, timestamp, coordinator epoch, the open transaction's first offset.
enum ProducerSnapshotFile {
    private static let head = 10
    private static let entrySize = 46

    static func encode(_ table: ProducerStateTable) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: head + table.entries.count * entrySize)
        bytes.withUnsafeMutableBytes { buffer in
            func put<T: FixedWidthInteger>(_ value: T, _ offset: Int) {
                buffer.storeBytes(of: value.bigEndian, toByteOffset: offset, as: T.self)
            }
            put(Int16(1), 0)
            put(Int32(table.entries.count), 6)
            var at = head
            for (id, entry) in table.entries {
                let batch = entry.lastBatch ?? .none
                put(id, at)
                put(entry.epoch, at + 8)
                put(batch.lastSequence, at + 10)
                put(batch.lastOffset, at + 14)
                put(batch.offsetDelta, at + 22)
                put(entry.lastTimestamp, at + 26)
                put(entry.coordinatorEpoch, at + 34)
                put(entry.transactionFirstOffset, at + 38)
                at += entrySize
            }
            put(crc32c(UnsafeRawBufferPointer(rebasing: buffer[6...])), 2)
        }
        return bytes
    }

    /// nil where the bytes are no whole snapshot: then an older one serves, and the log is read from there.
    static func decode(_ bytes: [UInt8]) -> [(id: Int64, entry: ProducerEntry)]? {
        bytes.withUnsafeBytes { buffer in
            guard buffer.count >= head else { return nil }
            func get<T: FixedWidthInteger>(_ offset: Int, _: T.Type = T.self) -> T {
                T(bigEndian: buffer.loadUnaligned(fromByteOffset: offset, as: T.self))
            }
            let count = Int(get(6, Int32.self))
            guard get(0, Int16.self) == 1, count >= 0, count <= (buffer.count - head) / entrySize,
                get(2, UInt32.self) == crc32c(UnsafeRawBufferPointer(rebasing: buffer[6...]))
            else { return nil }
            return (0..<count).map { slot in
                let at = head + slot * entrySize
                var entry = ProducerEntry()
                entry.raise(epoch: get(at + 8))
                let batch = ProducerEntry.Batch(
                    lastSequence: get(at + 10), offsetDelta: get(at + 22), lastOffset: get(at + 14), timestamp: get(at + 26))
                // An entry that a marker made has no batch; Kafka stores its offset as -1.
                if batch.lastOffset >= 0, batch.offsetDelta >= 0 { entry.add(batch) }
                entry.lastTimestamp = get(at + 26)
                entry.coordinatorEpoch = get(at + 34)
                entry.transactionFirstOffset = get(at + 38)
                return (get(at), entry)
            }
        }
    }
}
