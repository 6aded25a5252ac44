internal import KafkaMessages
internal import KafkaRecords
internal import KafkaWire

/// Builds an image from the batches of a snapshot and of the log behind it.
struct MetadataReplay: ~Copyable {
    private var delta: ClusterDelta
    /// Records of a metadata transaction that is not decided; nil: none is open (KIP-868).
    private var heldBack: [[UInt8]]?
    private let scratch = RecordScratch()
    /// Offset of the last record, -1: none.
    private(set) var offset: Int64
    private(set) var epoch: Int32
    private(set) var timestamp: Int64 = -1
    /// KRaft's version and voter records, which a snapshot has to repeat (KIP-853).
    private(set) var kraftVersion: ControlRecord.Bytes?
    private(set) var voters: ControlRecord.Bytes?

    init(from image: ClusterImage = .empty) {
        delta = ClusterDelta(image)
        offset = image.offset
        epoch = image.epoch
    }

    /// A transaction of an earlier leader stands open: it has to be aborted before anything else is written.
    var hasOpenTransaction: Bool { heldBack != nil }

    /// Says where the log goes on after a snapshot, whose own offsets count for nothing.
    mutating func place(after offset: Int64, epoch: Int32) {
        self.offset = offset
        self.epoch = epoch
    }

    /// Applies a batch whose checksum was verified.
    mutating func apply(_ batch: BatchView) throws(MetadataError) {
        guard let header = batch.header else { throw MetadataError(.unreadable, "metadata log: a batch without a head") }
        do throws(RecordError) {
            var records = try batch.records(scratch: scratch)
            while let record = try records.next() {
                let outcome = Result { () throws(MetadataError) in
                    try header.isControl ? applyControl(record) : apply(record)
                }
                if case .failure(let error) = outcome {
                    throw RecordError(.invalidRecord, "offset \(record.offset): \(error)")
                }
            }
        } catch {
            throw MetadataError(.unreadable, "metadata log: \(error)")
        }
        offset = max(offset, header.lastOffset)
        epoch = max(epoch, header.partitionLeaderEpoch)
        timestamp = max(timestamp, header.maxTimestamp)
    }

    private mutating func applyControl(_ record: RecordView) throws(MetadataError) {
        guard let key = record.key, let value = record.value else { return }
        let bytes = ControlRecord.Bytes(key: Array(key), value: Array(value))
        switch ControlRecord.kind(ofKey: key) {
        case .kraftVersion: kraftVersion = bytes
        case .voters: voters = bytes
        case .leaderChange, .snapshotHeader, .snapshotFooter, nil: break
        }
    }

    private mutating func apply(_ record: RecordView) throws(MetadataError) {
        guard let value = record.value else { throw MetadataError(.unreadable, "a record without a value") }
        let bytes = Array(value)
        // The frame version and the type are one byte each as long as types are below 128.
        switch bytes.count > 1 ? MetadataRecordType(rawValue: Int16(bytes[1])) : nil {
        case .beginTransactionRecord: heldBack = []
        case .abortTransactionRecord: heldBack = nil
        case .endTransactionRecord:
            for record in heldBack ?? [] { try delta.apply(record) }
            heldBack = nil
        default:
            if heldBack == nil { try delta.apply(bytes) } else { heldBack?.append(bytes) }
        }
    }

    /// The image after everything so far; what an open transaction holds back is not in it.
    consuming func image() throws(MetadataError) -> ClusterImage {
        let (offset, epoch) = (offset, epoch)
        return try delta.image(offset: offset, epoch: epoch)
    }
}
