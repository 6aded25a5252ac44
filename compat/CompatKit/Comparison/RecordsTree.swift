package import KafkaSchema
internal import KafkaRecords

/// Record batches as field trees, so that they are compared and shown like any other field.
package enum RecordsTree {
    /// Batches until the first that cannot be read; what is left of it stands at the end as `unreadable`.
    package static func read(_ bytes: [UInt8]) -> FieldTree {
        bytes.withUnsafeBytes { raw in
            var batches = RecordBatches(raw)
            var trees: [FieldTree] = []
            var start = 0
            do throws(RecordError) {
                while let batch = try batches.next() {
                    trees.append(tree(of: batch, range: start..<batches.position))
                    start = batches.position
                }
            } catch {
                trees.append(unreadable(raw, from: start, because: error.message))
                return FieldTree(.array(trees), range: 0..<bytes.count)
            }
            let rest = raw[start...]
            // Behind records that it converted for an old client Kafka fills what it had promised with the head of a batch at offset
            // -1 that is longer than the answer; every client passes over it.
            let isFiller = rest.count >= 8 && rest.prefix(8).allSatisfy { $0 == 0xff }
            if !rest.isEmpty, !isFiller { trees.append(unreadable(raw, from: start, because: "less than a batch")) }
            return FieldTree(.array(trees), range: 0..<bytes.count)
        }
    }

    private static func unreadable(_ bytes: UnsafeRawBufferPointer, from start: Int, because reason: String)
        -> FieldTree
    {
        let range = start..<bytes.count
        return FieldTree(
            .structure([
                FieldMember("problem", .string(Array(reason.utf8)), range: range),
                FieldMember("unreadable", .bytes(Array(bytes[range])), range: range),
            ]), range: range)
    }

    private static func tree(of batch: BatchView, range: Range<Int>) -> FieldTree {
        guard let header = batch.header else {
            return unreadable(batch.bytes, from: 0, because: "shorter than its head")
        }
        var members = [
            FieldMember("baseOffset", .int(header.baseOffset)),
            FieldMember("batchLength", .int(Int64(header.batchLength))),
            FieldMember("partitionLeaderEpoch", .int(Int64(header.partitionLeaderEpoch))),
            FieldMember("magic", .int(Int64(header.magic))),
            FieldMember("crc", .int(Int64(header.crc))),
            FieldMember("attributes", .int(Int64(header.attributes))),
            FieldMember("lastOffsetDelta", .int(Int64(header.lastOffsetDelta))),
            FieldMember("baseTimestamp", .int(header.baseTimestamp)),
            FieldMember("maxTimestamp", .int(header.maxTimestamp)),
            FieldMember("producerId", .int(header.producerId)),
            FieldMember("producerEpoch", .int(Int64(header.producerEpoch))),
            FieldMember("baseSequence", .int(Int64(header.baseSequence))),
            FieldMember("recordCount", .int(Int64(header.recordCount))),
        ]
        members += records(of: batch)
        return FieldTree(.structure(members), range: range)
    }

    private static func records(of batch: BatchView) -> [FieldMember] {
        do throws(RecordError) {
            var trees: [FieldTree] = []
            let scratch = RecordScratch()
            var iterator = try RecordIterator(batch, scratch: scratch)
            while let record = try iterator.next() {
                trees.append(
                    FieldTree(
                        .structure([
                            FieldMember("offset", .int(record.offset)),
                            FieldMember("timestamp", .int(record.timestamp)),
                            FieldMember("key", value(record.key)),
                            FieldMember("value", value(record.value)),
                            FieldMember("headers", headers(record.headers)),
                        ])))
            }
            return [FieldMember("records", .array(trees))]
        } catch {
            return [
                FieldMember("problem", .string(Array(error.message.utf8))),
                FieldMember("content", .bytes(Array(batch.bytes.dropFirst(min(61, batch.bytes.count))))),
            ]
        }
    }

    private static func value(_ bytes: UnsafeRawBufferPointer?) -> FieldValue {
        bytes.map { .bytes(Array($0)) } ?? .null
    }

    private static func headers(_ headers: RecordHeaders) -> FieldValue {
        .array(
            headers.map { header in
                FieldTree(
                    .structure([
                        FieldMember("key", .string(Array(header.key))),
                        FieldMember("value", value(header.value)),
                    ]))
            })
    }
}
