/// An array of integers in wire form, big-endian and packed, converted on access: replica lists are mostly handed on.
public struct WireIntegers<Element: FixedWidthInteger & BitwiseCopyable>: BitwiseCopyable {
    @usableFromInline let base: UnsafeRawPointer
    public let count: Int

    /// - Parameter base: `count` big-endian integers, without alignment
    @inlinable @inline(__always)
    public init(bigEndian base: UnsafeRawPointer, count: Int) {
        self.base = base
        self.count = count
    }

    @inlinable public static var empty: WireIntegers { WireIntegers(bigEndian: WireBytes.nowhere, count: 0) }

    @inlinable public var isEmpty: Bool { count == 0 }

    /// The bytes as they stand on the wire.
    @inlinable public var bytes: WireBytes { WireBytes(base, count: count &* MemoryLayout<Element>.size) }
}

extension WireIntegers: RandomAccessCollection {
    @inlinable public var startIndex: Int { 0 }
    @inlinable public var endIndex: Int { count }

    @inlinable
    public subscript(index: Int) -> Element {
        precondition(index >= 0 && index < count)
        let place = index &* MemoryLayout<Element>.size
        return Element(bigEndian: base.loadUnaligned(fromByteOffset: place, as: Element.self))
    }
}

extension WireIntegers {
    public init(copying elements: some Collection<Element>, in arena: Arena) {
        let count = elements.count
        guard count > 0 else {
            self = .empty
            return
        }
        let place = arena.allocate(count * MemoryLayout<Element>.size)
        var offset = 0
        for element in elements {
            place.storeBytes(of: element.bigEndian, toByteOffset: offset, as: Element.self)
            offset += MemoryLayout<Element>.size
        }
        precondition(offset == count * MemoryLayout<Element>.size, "a collection that is not as long as it says")
        self.init(bigEndian: UnsafeRawPointer(place), count: count)
    }
}

extension WireIntegers: ExpressibleByArrayLiteral {
    /// Only `[]` makes sense here: there is no arena to put elements into.
    @inlinable
    public init(arrayLiteral elements: Element...) {
        precondition(elements.isEmpty, "elements want an arena: init(copying:in:)")
        self = .empty
    }
}

extension WireIntegers: Equatable {
    public static func == (left: WireIntegers, right: WireIntegers) -> Bool {
        left.bytes == right.bytes
    }
}
