/// The fields of a batch that a broker writes in place: where it stands in the log, who led, when it came.
package enum BatchEditor {
    /// Magic 2: the first offset; magic 0 and 1: the message's own (the last inside, if compressed). Outside the
    /// checksum.
    package static func setBaseOffset(_ offset: Int64, of batch: UnsafeMutableRawPointer) {
        batch.storeBytes(of: offset.bigEndian, as: Int64.self)
    }

    /// So that the batch's last record gets this offset.
    package static func setLastOffset(_ offset: Int64, of batch: UnsafeMutableRawPointer) {
        setBaseOffset(offset &- Int64(RecordBatchHeader(unchecked: batch).lastOffsetDelta), of: batch)
    }

    /// Magic 2 alone has it. Outside the checksum.
    package static func setPartitionLeaderEpoch(_ epoch: Int32, of batch: UnsafeMutableRawPointer) {
        batch.storeBytes(
            of: epoch.bigEndian, toByteOffset: RecordBatchHeader.Field.partitionLeaderEpoch, as: Int32.self)
    }

    /// Magic 2: the largest timestamp and its type; the checksum is computed anew, but only where something changed.
    /// The base timestamp stays what the producer set, also for log append time (KAFKA-5353).
    package static func setMaxTimestamp(
        _ timestamp: Int64, type: TimestampType, of batch: UnsafeMutableRawBufferPointer
    ) {
        guard let base = batch.baseAddress else { return }
        let header = RecordBatchHeader(unchecked: base)
        if header.timestampType == type && header.maxTimestamp == timestamp { return }
        // Kafka writes the bits it knows and drops the rest.
        var attributes =
            header.attributes & RecordBatchHeader.Attribute.known & ~RecordBatchHeader.Attribute.timestampType
        if type == .logAppendTime { attributes |= RecordBatchHeader.Attribute.timestampType }
        base.storeBytes(of: attributes.bigEndian, toByteOffset: RecordBatchHeader.Field.attributes, as: Int16.self)
        base.storeBytes(of: timestamp.bigEndian, toByteOffset: RecordBatchHeader.Field.maxTimestamp, as: Int64.self)
        writeCRC(of: batch)
    }

    /// Computes the checksum of a magic 2 batch and stores it.
    static func writeCRC(of batch: UnsafeMutableRawBufferPointer) {
        let crc = batchCRC(UnsafeRawBufferPointer(batch))
        batch.storeBytes(of: crc.bigEndian, toByteOffset: RecordBatchHeader.Field.crc, as: UInt32.self)
    }
}
