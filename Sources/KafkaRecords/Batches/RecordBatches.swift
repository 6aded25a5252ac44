/// Cuts bytes into record batches, as Kafka's ByteBufferLogInputStream does. What is too short for a batch at the end
/// ends the walk without an error: fetch answers and file tails are cut anywhere.
package struct RecordBatches {
    package let bytes: UnsafeRawBufferPointer
    /// Where the next batch begins; after the last `next()` how many bytes were whole batches.
    package private(set) var position = 0

    package init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// The next batch, or nil where no whole batch is left.
    ///
    /// A batch that is handed out has its whole length and a known magic, but may be too short for its own head
    /// (Kafka finds that when it checks it): see `BatchView.ensureValid`.
    package mutating func next() throws(RecordError) -> BatchView? {
        guard let size = try nextSize(), bytes.count - position >= size else { return nil }
        let batch = BatchView(unchecked: UnsafeRawBufferPointer(rebasing: bytes[position..<position + size]))
        position += size
        return batch
    }

    /// The size of the next batch, from its first 17 bytes; nil where fewer are left.
    private func nextSize() throws(RecordError) -> Int? {
        let remaining = bytes.count - position
        guard remaining >= RecordLimits.logOverheadBytes, let base = bytes.baseAddress else { return nil }
        let length = Int(Int32(bigEndian: base.loadUnaligned(fromByteOffset: position + 8, as: Int32.self)))
        guard length >= RecordLimits.smallestLengthField else {
            throw RecordError(.corruptMessage, "record size \(length) is less than the minimum record overhead (14)")
        }
        guard remaining >= RecordLimits.bytesUpToMagic else { return nil }
        let magic = base.load(fromByteOffset: position + RecordBatchHeader.Field.magic, as: Int8.self)
        guard 0...2 ~= magic else { throw RecordError(.corruptMessage, "invalid magic \(magic) in a record batch") }
        guard length <= Int(Int32.max) - RecordLimits.logOverheadBytes else {
            throw RecordError(.unreadable, "record size \(length) exceeds what a batch can have")
        }
        return length + RecordLimits.logOverheadBytes
    }
}

/// One record batch (magic 2) or one outer message (magic 0 or 1), whole, where it lies.
package struct BatchView {
    /// From the offset field to the last byte.
    package let bytes: UnsafeRawBufferPointer

    init(unchecked bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// The first batch of the bytes; nil where no whole one is there.
    package init?(firstOf bytes: UnsafeRawBufferPointer) throws(RecordError) {
        var batches = RecordBatches(bytes)
        guard let batch = try batches.next() else { return nil }
        self = batch
    }

    package var magic: Int8 { bytes.load(fromByteOffset: RecordBatchHeader.Field.magic, as: Int8.self) }

    /// nil where the batch is shorter than the head of its magic.
    package var header: RecordBatchHeader? { RecordBatchHeader(bytes) }

    /// That the head is there and the checksum right: what Kafka checks of every batch before it looks inside.
    package func ensureValid() throws(RecordError) { _ = try validHeader() }

    package func validHeader() throws(RecordError) -> RecordBatchHeader {
        guard let header else { throw tooShort }
        let computed = header.computeCRC(of: bytes)
        guard computed == header.crc else {
            throw RecordError(
                .corruptMessage, "record batch is corrupt (stored crc = \(header.crc), computed crc = \(computed))")
        }
        return header
    }

    var tooShort: RecordError {
        RecordError(
            .corruptMessage, "record batch of magic \(magic) is corrupt: \(bytes.count) bytes are less than its head")
    }

    /// What follows the head of a magic 2 batch: the records, packed or plain.
    var payload: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[RecordBatchHeader.Field.records...]) }
}

extension RecordBatches {
    /// Whether a batch in there is of a newer format than `magic`. What is cut at the end, or damaged, does not count.
    package static func contain(newerThan magic: Int8, in bytes: UnsafeRawBufferPointer) -> Bool {
        var batches = RecordBatches(bytes)
        do throws(RecordError) {
            while let batch = try batches.next() { if batch.magic > magic { return true } }
        } catch {}
        return false
    }
}
