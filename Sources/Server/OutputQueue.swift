internal import Exchange
internal import Files
internal import Glibc

/// What a connection still owes its peer: bytes and regions that the socket did not take at once. Only connections whose
/// peer reads slowly have one.
struct OutputQueue {
    enum Piece {
        case bytes(UnsafeMutableRawBufferPointer, sent: Int)
        case region(FileRegion)
    }
    private var pieces: [Piece] = []
    private var next = 0

    var isEmpty: Bool { next == pieces.count }

    var first: Piece? { isEmpty ? nil : pieces[next] }

    mutating func append(copying bytes: UnsafeRawBufferPointer) {
        guard !bytes.isEmpty else { return }
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        copy.copyMemory(from: bytes)
        pieces.append(.bytes(copy, sent: 0))
    }

    mutating func append(_ region: FileRegion) {
        var region = region
        // What is recent now may not be so when its turn comes.
        region.recentBytes = 0
        pieces.append(.region(region))
    }

    /// The socket took `count` bytes of the first piece.
    mutating func sent(_ count: Int) {
        switch pieces[next] {
        case .bytes(let buffer, let sent):
            if sent + count < buffer.count {
                pieces[next] = .bytes(buffer, sent: sent + count)
            } else {
                buffer.deallocate()
                dropFirst()
            }
        case .region(var region):
            region.offset += Int64(count)
            region.count -= count
            if region.count > 0 { pieces[next] = .region(region) } else { dropFirst() }
        }
    }

    private mutating func dropFirst() {
        next += 1
        if next == pieces.count {
            pieces.removeAll(keepingCapacity: false)
            next = 0
        }
    }

    mutating func release() {
        while let piece = first {
            if case .bytes(let buffer, _) = piece { buffer.deallocate() }
            dropFirst()
        }
    }
}
