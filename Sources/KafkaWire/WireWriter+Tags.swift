/// The tagged fields behind a struct, as they are written: known and unknown ones merge, ascending by tag.
public struct TagWriting: BitwiseCopyable {
    @usableFromInline let unknown: UnknownTags
    @usableFromInline let known: UInt64
    @usableFromInline var lastTag = -1

    @inlinable @inline(__always)
    public init(unknown: UnknownTags, known: UInt64) {
        self.unknown = unknown
        self.known = known
    }
}

extension WireWriter {
    /// The section of a struct that knows no tags.
    @inlinable @inline(__always)
    public mutating func unknownTags(_ unknown: UnknownTags) {
        if unknown.isEmpty { store(0 as UInt8) } else { writeUnknownTags(unknown) }
    }

    @inline(never) @usableFromInline
    mutating func writeUnknownTags(_ unknown: UnknownTags) {
        let section = beginTags(0, unknown, known: 0)
        endTags(section)
    }

    /// - Parameters:
    ///   - count: how many known fields follow
    ///   - known: bit n for each tag n that this version knows
    @inlinable @inline(__always)
    public mutating func beginTags(_ count: Int, _ unknown: UnknownTags, known: UInt64) -> TagWriting {
        let section = TagWriting(unknown: unknown, known: known)
        unsignedVarint(unknown.isEmpty ? count : count + unknownCount(section))
        return section
    }

    /// Writes a field's tag and leaves a byte for its size. The result goes to `endTag`.
    @inline(never)
    public mutating func beginTag(_ tag: Int, _ section: inout TagWriting) -> Int {
        if !section.unknown.isEmpty { writeUnknown(section, below: tag) }
        section.lastTag = tag
        reserve(2 * WireLimits.fixedPartBytes)
        unsignedVarint(tag)
        store(0 as UInt8)
        return count
    }

    /// Fills in the size, which takes more than its byte where the content takes more than 127.
    @inline(never)
    public mutating func endTag(_ contentStart: Int) {
        let size = count - contentStart
        if size < 0x80 {
            start.storeBytes(of: UInt8(size), toByteOffset: contentStart - 1, as: UInt8.self)
        } else {
            let widening = (64 - UInt64(size).leadingZeroBitCount - 1) / 7
            reserve(widening)
            let content = start + contentStart
            (content + widening).copyMemory(from: content, byteCount: size)
            current = content - 1
            longVarint(UInt64(size))
            current += size
        }
        reserve(WireLimits.fixedPartBytes)
    }

    @inlinable @inline(__always)
    public mutating func endTags(_ section: TagWriting) {
        if !section.unknown.isEmpty { writeUnknown(section, below: .max) }
    }

    @inline(never) @usableFromInline
    func unknownCount(_ section: TagWriting) -> Int {
        var count = 0
        section.unknown.forEach(except: section.known) { _, _ in count += 1 }
        return count
    }

    /// Writes the unknown fields between the known one before and the known one that comes next.
    @inline(never) @usableFromInline
    mutating func writeUnknown(_ section: TagWriting, below limit: Int) {
        var fields: [(tag: Int, content: WireBytes)] = []
        section.unknown.forEach(except: section.known) { tag, content in
            if tag > section.lastTag && tag < limit { fields.append((tag, content)) }
        }
        // The peer may have sent them in any order.
        fields.sort { $0.tag < $1.tag }
        for field in fields {
            reserve(WireLimits.fixedPartBytes)
            unsignedVarint(field.tag)
            unsignedVarint(field.content.count)
            copy(field.content.pointer, field.content.count)
        }
    }
}
