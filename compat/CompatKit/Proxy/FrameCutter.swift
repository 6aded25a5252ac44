/// Finds frames in a stream that passes by. What is no Kafka (a length that no frame has) ends the cutting, not the stream.
struct FrameCutter {
    /// Above this a frame is not kept, only passed on and noted.
    static let maximumKeptBytes = 64 << 20
    static let maximumFrameBytes = FrameLink.maximumFrameBytes

    enum Piece: Equatable {
        /// Bytes that were looked at until it was clear that they may go on: a length and what stands right behind it.
        case head([UInt8])
        /// These of the bytes that were fed go on.
        case pass(Range<Int>)
        /// A whole frame, without its length. Where `isHeld`, none of its bytes has gone on.
        case frame([UInt8], isHeld: Bool)
        /// A frame too large to keep has gone by.
        case skipped(length: Int)
        /// From here on the stream is not Kafka's.
        case notKafka(length: Int32)
    }

    private enum State {
        /// Collecting a length and the four bytes after it (of a response: the correlation id), or fewer if the frame is shorter.
        case head([UInt8])
        case body(missing: Int, isHeld: Bool, isKept: Bool)
        case broken
    }
    private var state = State.head([])
    private var frame: [UInt8] = []
    private var length = 0

    /// `holds` is asked once a frame, with its length and its first four bytes, whether it must be held until it is whole.
    mutating func feed(
        _ bytes: UnsafeRawBufferPointer, holds: (_ length: Int, _ correlationId: Int32) -> Bool, _ take: (Piece) -> Void
    ) {
        var position = 0
        while position < bytes.count {
            switch state {
            case .broken:
                take(.pass(position..<bytes.count))
                return
            case .head(var head):
                head.append(bytes[position])
                position += 1
                state = .head(head)
                if head.count >= 4 { examine(head, holds, take) }
            case .body(let missing, let isHeld, let isKept):
                let count = min(missing, bytes.count - position)
                let range = position..<(position + count)
                if isKept { frame.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[range])) }
                if !isHeld { take(.pass(range)) }
                position += count
                state = .body(missing: missing - count, isHeld: isHeld, isKept: isKept)
                if missing == count { end(isHeld, isKept, take) }
            }
        }
    }

    /// The stream has ended: what was still being looked at must go on.
    mutating func finish(_ take: (Piece) -> Void) {
        if case .head(let head) = state, !head.isEmpty { take(.head(head)) }
        if case .body(_, isHeld: true, _) = state { take(.head(Self.lengthBytes(length) + frame)) }
        state = .broken
    }

    static func lengthBytes(_ length: Int) -> [UInt8] {
        [UInt8(length >> 24 & 255), UInt8(length >> 16 & 255), UInt8(length >> 8 & 255), UInt8(length & 255)]
    }

    private mutating func examine(_ head: [UInt8], _ holds: (Int, Int32) -> Bool, _ take: (Piece) -> Void) {
        let value = head[0..<4].reduce(Int32(0)) { $0 << 8 | Int32($1) }
        guard value >= 0, Int(value) <= Self.maximumFrameBytes else {
            state = .broken
            take(.notKafka(length: value))
            take(.head(head))
            return
        }
        length = Int(value)
        guard head.count == 4 + min(length, 4) else { return }
        let correlationId = head[4...].reduce(Int32(0)) { $0 << 8 | Int32($1) }
        let isKept = length <= Self.maximumKeptBytes
        let isHeld = isKept && length >= 4 && holds(length, correlationId)
        frame.removeAll(keepingCapacity: frame.capacity <= 1 << 16)
        frame += head[4...]
        if !isHeld { take(.head(head)) }
        state = .body(missing: length - frame.count, isHeld: isHeld, isKept: isKept)
        if length == frame.count { end(isHeld, isKept, take) }
    }

    private mutating func end(_ isHeld: Bool, _ isKept: Bool, _ take: (Piece) -> Void) {
        take(isKept ? .frame(frame, isHeld: isHeld) : .skipped(length: length))
        state = .head([])
    }
}
