/// Decoded or built structs, strings or uuids: a pointer into an arena and a count.
public struct WireArray<Element: BitwiseCopyable>: BitwiseCopyable {
    @usableFromInline let base: UnsafePointer<Element>
    public let count: Int

    @inlinable @inline(__always)
    public init(_ base: UnsafePointer<Element>, count: Int) {
        self.base = base
        self.count = count
    }

    @inlinable public static var empty: WireArray {
        WireArray(WireBytes.nowhere.assumingMemoryBound(to: Element.self), count: 0)
    }

    @inlinable public var isEmpty: Bool { count == 0 }
}

extension WireArray: RandomAccessCollection {
    @inlinable public var startIndex: Int { 0 }
    @inlinable public var endIndex: Int { count }

    /// Read where it lies: a large struct is not copied to look at one of its fields.
    @inlinable
    public subscript(index: Int) -> Element {
        @inline(__always) unsafeAddress {
            precondition(index >= 0 && index < count)
            return base + index
        }
    }
}

extension WireArray {
    @inlinable
    public init(copying elements: some Collection<Element>, in arena: Arena) {
        let count = elements.count
        guard count > 0 else {
            self = .empty
            return
        }
        let place = arena.allocate(count * MemoryLayout<Element>.stride).assumingMemoryBound(to: Element.self)
        var next = place
        for element in elements {
            next.initialize(to: element)
            next += 1
        }
        precondition(next - place == count, "a collection that is not as long as it says")
        self.init(place, count: count)
    }
}

extension WireArray where Element: WireStruct {
    /// Builds an array in place: each element starts with its defaults and is filled where it will stay.
    @inlinable
    public init<Failure: Error>(
        count: Int, in arena: Arena, _ fill: (Int, inout Element) throws(Failure) -> Void
    ) throws(Failure) {
        guard count > 0 else {
            self = .empty
            return
        }
        let place = arena.allocate(count * MemoryLayout<Element>.stride).assumingMemoryBound(to: Element.self)
        for index in 0..<count {
            (place + index).initialize(to: Element())
            try fill(index, &place[index])
        }
        self.init(place, count: count)
    }
}

extension WireArray: ExpressibleByArrayLiteral {
    /// Only `[]` makes sense here: there is no arena to put elements into.
    @inlinable
    public init(arrayLiteral elements: Element...) {
        precondition(elements.isEmpty, "elements want an arena: init(copying:in:)")
        self = .empty
    }
}

extension WireArray: Equatable where Element: Equatable {
    public static func == (left: WireArray, right: WireArray) -> Bool {
        left.elementsEqual(right)
    }
}
