/// The start of a frame that a read has cut short, and whole frames that wait until their turn comes. Grows with what has
/// arrived, never with what a length field claims.
struct FrameBuffer {
    private var memory: UnsafeMutableRawPointer?
    /// What was worked on already stands before it.
    private var start = 0
    private(set) var capacity = 0
    private(set) var count = 0
    /// What of the capacity is charged to the budget.
    private var charged = 0

    var isEmpty: Bool { count == 0 }
    var bytes: UnsafeMutableRawPointer? { memory.map { $0 + start } }
    /// Room behind the bytes.
    private var free: Int { capacity - start - count }

    /// What the frame at the start still lacks, as far as there is room: a read goes no further, so that what follows lands in
    /// the loop's buffer and is worked on there.
    var missing: Int {
        guard count > 0 else { return 0 }
        return min(free, max(0, (frameLength ?? 4) - count))
    }

    /// The length of the frame at the start, its length field included; nil while the field is not whole.
    var frameLength: Int? {
        guard count >= 4, let bytes else { return nil }
        return 4 + Int(Int32(bigEndian: bytes.loadUnaligned(as: Int32.self)))
    }

    /// Makes room for `total` bytes at least. `expected` is what the frame claims to need: as much of it is taken as the
    /// bytes that have come vouch for. False where the budget has no more.
    mutating func reserve(_ total: Int, expected: Int, from pool: BufferPool, _ budget: FrameBudget, holder: Int) -> Bool {
        if start + total <= capacity { return true }
        if total <= capacity {
            moveToFront()
            return true
        }
        var size = ServerLimits.frameBufferBytes
        if total > size || expected > size { size = max(total, min(expected, max(size, 4 * count))) }
        let charge = size > ServerLimits.frameBufferBytes ? size : 0
        if charge > 0, !budget.charge(charge, holder: holder) { return false }
        grow(to: size, from: pool)
        if charged > 0 { budget.release(charged, holder: 0) }
        charged = charge
        return true
    }

    /// There must be room.
    mutating func append(_ source: UnsafeRawPointer, _ length: Int) {
        precondition(length <= free)
        guard length > 0, let bytes else { return }
        (bytes + count).copyMemory(from: source, byteCount: length)
        count += length
    }

    /// `length` bytes were read into the free room.
    mutating func grew(by length: Int) {
        precondition(length <= free)
        count += length
    }

    /// Drops the first bytes.
    mutating func drop(_ length: Int) {
        precondition(length <= count)
        start += length
        count -= length
    }

    /// Keeps a last piece that was read already, whatever the budget says: at most a read buffer.
    mutating func appendBeyondBudget(_ rest: UnsafeRawBufferPointer, from pool: BufferPool) {
        guard let source = rest.baseAddress, !rest.isEmpty else { return }
        moveToFront()
        if free < rest.count { grow(to: count + rest.count, from: pool) }
        append(source, rest.count)
    }

    private mutating func moveToFront() {
        guard start > 0, let memory else { return }
        memory.copyMemory(from: memory + start, byteCount: count)
        start = 0
    }

    private mutating func grow(to size: Int, from pool: BufferPool) {
        let larger = pool.take(size)
        if let memory, let bytes {
            larger.copyMemory(from: bytes, byteCount: count)
            pool.give(memory, capacity)
        }
        (memory, start, capacity) = (larger, 0, size)
    }

    mutating func release(to pool: BufferPool, _ budget: FrameBudget, holder: Int) {
        if let memory { pool.give(memory, capacity) }
        if charged > 0 { budget.release(charged, holder: holder) }
        self = FrameBuffer()
    }
}

/// A few buffers of one size that a loop keeps at hand.
final class BufferPool {
    private var kept: [UnsafeMutableRawPointer] = []

    func take(_ size: Int) -> UnsafeMutableRawPointer {
        if size == ServerLimits.frameBufferBytes, let buffer = kept.popLast() { return buffer }
        return .allocate(byteCount: size, alignment: 16)
    }

    func give(_ buffer: UnsafeMutableRawPointer, _ size: Int) {
        if size == ServerLimits.frameBufferBytes, kept.count < ServerLimits.keptFrameBuffers {
            kept.append(buffer)
        } else {
            buffer.deallocate()
        }
    }

    deinit { for buffer in kept { buffer.deallocate() } }
}
