/// Memory for the structs of one request or answer, taken by moving a pointer and given back all at once.
///
/// Everything in it is plain data. Whoever owns the arena calls `reset` when the handler has returned; from then on
/// nothing that was decoded or built in it may be used. Debug builds overwrite it, so that a view that outlives its
/// request is seen.
public final class Arena {
    // The exclusivity check costs more than the allocation itself (a small Produce decodes in 72 ns with it and in 33
    // without). An arena belongs to one loop or one thread, and none of these methods calls back.
    @exclusivity(unchecked) @usableFromInline var current: UnsafeMutableRawPointer
    @exclusivity(unchecked) @usableFromInline var end: UnsafeMutableRawPointer
    @exclusivity(unchecked) private var chunks: [UnsafeMutableRawBufferPointer]
    @exclusivity(unchecked) private var chunkBytes: Int
    private let limitBytes: Int

    /// - Parameters:
    ///   - capacity: bytes of the first chunk
    ///   - limitBytes: what decoding may take; building an answer is not held to it
    public init(capacity: Int = 4096, limitBytes: Int = WireLimits.arenaBytes) {
        let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: max(capacity, 64), alignment: 16)
        current = chunk.baseAddress!
        end = current + chunk.count
        chunks = [chunk]
        chunkBytes = chunk.count
        self.limitBytes = limitBytes
    }

    deinit {
        for chunk in chunks { chunk.deallocate() }
    }

    /// Memory for something built here; aligned to 16 bytes, not initialised.
    @inlinable @inline(__always)
    public func allocate(_ bytes: Int) -> UnsafeMutableRawPointer {
        let rounded = (bytes &+ 15) & ~15
        if end - current < rounded { return allocateInNewChunk(rounded) }
        let place = current
        current = place + rounded
        return place
    }

    /// Memory for something decoded; nil where the arena would grow past its limit.
    @inlinable @inline(__always)
    public func allocateForDecoding(_ bytes: Int) -> UnsafeMutableRawPointer? {
        let rounded = (bytes &+ 15) & ~15
        if end - current < rounded { return mayGrow(by: rounded) ? allocateInNewChunk(rounded) : nil }
        let place = current
        current = place + rounded
        return place
    }

    /// Called (by `defer`) at the end of a scope that made an arena for itself. Swift gives an object back after its last
    /// use, and views into the arena are no use of it: without this the memory goes while they are still read.
    @inline(never)
    package func staysUntilHere() {}

    /// Gives back everything.
    public func reset() {
        #if DEBUG
            for chunk in chunks { chunk.initializeMemory(as: UInt8.self, repeating: 0xDB) }
        #endif
        // The largest chunk is the newest. A giant is not kept: few requests need it, and loops live long.
        if chunks.count > 1 || chunks[0].count > WireLimits.arenaKeptBytes { keepOneChunk() }
        current = chunks[0].baseAddress!
        end = current + chunks[0].count
    }

    private func keepOneChunk() {
        let kept = chunks.last { $0.count <= WireLimits.arenaKeptBytes }
        for chunk in chunks where chunk.baseAddress != kept?.baseAddress { chunk.deallocate() }
        chunks = [kept ?? .allocate(byteCount: WireLimits.arenaKeptBytes, alignment: 16)]
        chunkBytes = chunks[0].count
    }

    @inline(never) @usableFromInline
    func mayGrow(by bytes: Int) -> Bool {
        chunkBytes + bytes <= limitBytes
    }

    @inline(never) @usableFromInline
    func allocateInNewChunk(_ bytes: Int) -> UnsafeMutableRawPointer {
        // Doubling stops at the limit's scale: a chunk is never larger than twice what was asked for or has been taken.
        let size = max(bytes, chunks[chunks.count - 1].count * 2)
        let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
        chunks.append(chunk)
        chunkBytes += size
        current = chunk.baseAddress! + bytes
        end = chunk.baseAddress! + size
        return chunk.baseAddress!
    }
}
