/// The tagged fields of a struct that this version of the schema does not know: they are kept and written back.
///
/// One pointer to the whole tagged section as it was read and checked; the fields in it that the schema does know are
/// passed over when it is written.
public struct UnknownTags: BitwiseCopyable {
    @usableFromInline let section: UnsafeRawPointer?

    @inlinable @inline(__always)
    public init(section: UnsafeRawPointer?) {
        self.section = section
    }

    @inlinable public static var none: UnknownTags { UnknownTags(section: nil) }

    @inlinable public var isEmpty: Bool { section == nil }

    /// Calls back for each field whose tag is not in the set `known` (bit n for tag n), in the order of the section.
    func forEach(except known: UInt64, _ body: (_ tag: Int, _ content: WireBytes) -> Void) {
        guard var next = section else { return }
        // The section was walked to its end when it was read: no length here leads out of it.
        func varint() -> Int {
            var value = 0
            var shift = 0
            while true {
                let byte = next.load(as: UInt8.self)
                next += 1
                value |= Int(byte & 0x7F) << shift
                if byte < 0x80 { return value & 0xFFFF_FFFF }
                shift += 7
            }
        }
        for _ in 0..<varint() {
            let tag = varint()
            let size = varint()
            if tag > 63 || known >> UInt64(tag) & 1 == 0 { body(tag, WireBytes(next, count: size)) }
            next += size
        }
    }
}
