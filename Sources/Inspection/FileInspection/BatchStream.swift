internal import Files
internal import KafkaRecords

/// A file of record batches, read from its beginning to its end with a window of bounded size.
final class BatchStream {
    enum Step {
        /// Good until the next call.
        case batch(BatchView, position: Int64)
        case end
        /// What stands here is no batch, and nothing says where the next one begins.
        case broken(position: Int64, reason: String)
    }

    private let file: File
    let size: Int64
    private(set) var position: Int64
    private var window: UnsafeMutableRawBufferPointer
    /// Where in the file the window begins, and how much of it is filled.
    private var windowStart: Int64 = 0
    private var filled = 0

    init(_ file: File, size: Int64, from position: Int64 = 0) {
        self.file = file
        self.size = size
        self.position = position
        window = .allocate(byteCount: min(InspectionLimits.windowBytes, max(64, Int(clamping: size))), alignment: 16)
    }

    deinit { window.deallocate() }

    func next() throws(FileError) -> Step {
        let left = size - position
        if left == 0 { return .end }
        guard left >= Int64(RecordLimits.bytesUpToMagic) else {
            return .broken(position: position, reason: "\(left) bytes are left, too few for a batch")
        }
        let head = try bytes(RecordLimits.bytesUpToMagic)
        guard head.count == RecordLimits.bytesUpToMagic else { return .end }
        let length = Int(Int32(bigEndian: head.loadUnaligned(fromByteOffset: 8, as: Int32.self)))
        let magic = head.load(fromByteOffset: 16, as: Int8.self)
        if head.allSatisfy({ $0 == 0 }), let zeros = try zerosToTheEnd() {
            return .broken(position: position, reason: "\(zeros) bytes of zeros to the file's end")
        }
        guard length >= RecordLimits.smallestLengthField else {
            return .broken(position: position, reason: "no batch here: a length of \(length)")
        }
        guard 0...2 ~= magic else { return .broken(position: position, reason: "no batch here: magic \(magic)") }
        let total = length + RecordLimits.logOverheadBytes
        guard Int64(total) <= left else {
            return .broken(position: position, reason: "a batch of \(total) bytes is cut off: \(left) are there")
        }
        guard total <= InspectionLimits.batchBytes else {
            return .broken(position: position, reason: "a batch of \(total) bytes is larger than any can be")
        }
        let whole = try bytes(total)
        guard whole.count == total, let batch = batch(whole) else {
            return .broken(position: position, reason: "no batch here")
        }
        defer { position += Int64(total) }
        return .batch(batch, position: position)
    }

    private func batch(_ bytes: UnsafeRawBufferPointer) -> BatchView? {
        do throws(RecordError) { return try BatchView(firstOf: bytes) } catch { return nil }
    }

    /// The next `count` bytes; fewer where the file has become shorter.
    private func bytes(_ count: Int) throws(FileError) -> UnsafeRawBufferPointer {
        var start = Int(position - windowStart)
        if start < 0 || start + count > filled {
            if window.count < count {
                window.deallocate()
                window = .allocate(byteCount: count, alignment: 16)
            }
            windowStart = position
            filled = try file.read(
                into: UnsafeMutableRawBufferPointer(
                    rebasing: window[..<min(window.count, Int(clamping: size - position))]),
                at: position)
            start = 0
        }
        return UnsafeRawBufferPointer(rebasing: window[start..<min(filled, start + count)])
    }

    /// How many zeros stand from here to the end, where there is nothing else: room that was allocated and never written.
    private func zerosToTheEnd() throws(FileError) -> Int64? {
        var place = position
        while place < size {
            let piece = try file.bytes(at: place, count: min(InspectionLimits.windowBytes, Int(clamping: size - place)))
            if piece.isEmpty { break }
            guard piece.allSatisfy({ $0 == 0 }) else { return nil }
            place += Int64(piece.count)
        }
        return place - position
    }
}

/// The heads of a segment's batches, without the records between them.
struct HeaderWalk {
    /// What of a head is looked at.
    struct Head {
        var position: Int64
        var baseOffset: Int64
        var lastOffset: Int64
        var maxTimestamp: Int64
        var magic: Int8
        var size: Int64
    }

    let file: File
    let size: Int64
    private(set) var position: Int64 = 0

    init(_ file: File, size: Int64, from position: Int64 = 0) {
        self.file = file
        self.size = size
        self.position = position
    }

    /// nil at the end, and where no whole batch stands.
    mutating func next() throws(FileError) -> Head? {
        let bytes = try file.bytes(
            at: position, count: Int(min(Int64(RecordBatchHeader.size), max(0, size - position))))
        let position = position
        let head = bytes.withUnsafeBytes { bytes -> Head? in
            guard let header = RecordBatchHeader(bytes), header.batchLength >= RecordLimits.smallestLengthField else {
                return nil
            }
            return Head(
                position: position, baseOffset: header.baseOffset, lastOffset: header.lastOffset,
                maxTimestamp: header.maxTimestamp, magic: header.magic, size: Int64(header.sizeInBytes))
        }
        guard let head, head.size <= size - position else { return nil }
        self.position += head.size
        return head
    }
}
