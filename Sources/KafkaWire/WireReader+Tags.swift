/// The tagged fields behind a struct, as they are walked.
public struct TagSection: BitwiseCopyable {
    let start: UnsafeRawPointer
    var fieldsLeft: Int
    var tag = 0
    var size = 0
    var endOfField: UnsafeRawPointer
}

extension WireReader {
    /// False, and past it, where the section is empty: the common case costs one byte.
    @inlinable @inline(__always)
    public mutating func hasTags() throws(DecodeError) -> Bool {
        if remaining < 1 { throw endOfBytes("tagged fields", needed: 1) }
        if current.load(as: UInt8.self) != 0 { return true }
        current += 1
        return false
    }

    /// The section of a struct that knows no tags.
    @inlinable @inline(__always)
    public mutating func unknownTags() throws(DecodeError) -> UnknownTags {
        if try hasTags() { return try collectUnknownTags() }
        return .none
    }

    @inline(never) @usableFromInline
    mutating func collectUnknownTags() throws(DecodeError) -> UnknownTags {
        var section = try beginTags()
        var unknown = UnknownTags.none
        while try nextTag(&section) != nil {
            skipTag(section, into: &unknown)
        }
        return unknown
    }

    @inline(never)
    public mutating func beginTags() throws(DecodeError) -> TagSection {
        let start = current
        let count = try unsignedVarint("tagged fields")
        // A field takes at least a byte for its tag and one for its size.
        try check(count, of: 2, "tagged fields")
        return TagSection(start: start, fieldsLeft: count, endOfField: current)
    }

    /// The next field's tag; its content comes next. Kafka accepts tags in any order, so this does.
    @inline(never)
    public mutating func nextTag(_ section: inout TagSection) throws(DecodeError) -> Int? {
        if section.fieldsLeft == 0 { return nil }
        section.fieldsLeft -= 1
        section.tag = try unsignedVarint("tagged fields")
        section.size = try unsignedVarint("tagged fields")
        if section.size > remaining { throw badLength("tagged fields", section.size) }
        section.endOfField = current + section.size
        return section.tag
    }

    /// A known field must fill its size.
    @inline(never)
    public func endTag(_ section: TagSection) throws(DecodeError) {
        if current != section.endOfField {
            throw DecodeError(.tagSizeMismatch(tag: section.tag, size: section.size), offset: offset)
        }
    }

    @inline(never)
    public mutating func skipTag(_ section: TagSection, into unknown: inout UnknownTags) {
        unknown = UnknownTags(section: section.start)
        current = section.endOfField
    }
}
