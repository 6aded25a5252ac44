internal import Synchronization

/// Memory and codec states that reading compressed batches needs, to be used again and again by one thread at a time.
///
/// Whoever reads many batches keeps one; who reads one now and then borrows one (`RecordScratch.borrow`).
package final class RecordScratch {
    let unpacker = Unpacker()
    private var memory = GrowingBytes()
    /// What stopped the last unpacking after some bytes; who gets to their end has to throw it.
    private(set) var failure: RecordError?

    package init() {}

    /// Unpacks all of `payload`, at most `RecordLimits.unpackedBytes`. The result is good until the next call.
    /// Where the payload is damaged it is what comes before; `failure` is set then.
    func unpack(
        _ payload: UnsafeRawBufferPointer, codec: CompressionType, ignoresLZ4HeaderChecksum: Bool = false
    ) throws(RecordError) -> UnsafeRawBufferPointer {
        memory.removeAll()
        failure = nil
        try unpacker.begin(payload, codec: codec, ignoresLZ4HeaderChecksum: ignoresLZ4HeaderChecksum)
        do throws(RecordError) {
            while let piece = try unpacker.next() { memory.append(piece) }
        } catch {
            guard error.kind == .brokenCompression, memory.count > 0 else { throw error }
            failure = error
        }
        return memory.bytes
    }

    /// Gives back what a large batch took.
    func trim() {
        if memory.capacity > RecordLimits.keptScratchBytes { memory = GrowingBytes() }
        unpacker.trim()
    }

    // Scratches that nobody uses at the moment.
    private static let pool = Mutex<[Pooled]>([])

    /// Only whoever took it out of the pool touches a scratch; that makes the crossing of threads safe.
    private struct Pooled: @unchecked Sendable { let scratch: RecordScratch }

    package static func borrow<T, E: Error>(_ body: (RecordScratch) throws(E) -> T) throws(E) -> T {
        let scratch = pool.withLock { $0.popLast() }?.scratch ?? RecordScratch()
        defer {
            scratch.trim()
            let pooled = Pooled(scratch: scratch)
            pool.withLock { if $0.count < RecordLimits.keptScratches { $0.append(pooled) } }
        }
        return try body(scratch)
    }
}

/// Bytes that grow by doubling, without being set to zero first.
struct GrowingBytes: ~Copyable {
    private var memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    private(set) var count = 0

    var capacity: Int { memory.count }
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[..<count]) }

    deinit { memory.deallocate() }

    mutating func removeAll() { count = 0 }

    mutating func append(_ piece: UnsafeRawBufferPointer) {
        guard let source = piece.baseAddress, piece.count > 0 else { return }
        extend(by: piece.count).copyMemory(from: source, byteCount: piece.count)
    }

    /// Room for `size` more bytes, which the caller writes.
    mutating func extend(by size: Int) -> UnsafeMutableRawPointer {
        if memory.count - count < size {
            var capacity = max(memory.count, 4096)
            while capacity - count < size { capacity *= 2 }
            let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 16)
            larger.copyMemory(from: bytes)
            memory.deallocate()
            memory = larger
        }
        defer { count += size }
        return memory.baseAddress! + count
    }
}
