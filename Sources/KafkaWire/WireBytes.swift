import Glibc

/// A string or bytes as they lie in a frame, in an arena or in the binary: a pointer and a length.
///
/// Valid as long as the frame or arena of its request; what must outlive the request is copied (`string`, `array`).
/// Strings are UTF-8 as the peer sent it, not checked.
public struct WireBytes: BitwiseCopyable {
    public let pointer: UnsafeRawPointer
    public let count: Int

    @inlinable @inline(__always)
    public init(_ pointer: UnsafeRawPointer, count: Int) {
        self.pointer = pointer
        self.count = count
    }

    @inlinable
    public init(_ text: StaticString) {
        self.init(UnsafeRawPointer(text.utf8Start), count: text.utf8CodeUnitCount)
    }

    /// The memory stays the caller's, and must stay.
    @inlinable
    public init(_ buffer: UnsafeRawBufferPointer) {
        self.init(buffer.baseAddress ?? WireBytes.nowhere, count: buffer.count)
    }

    @inlinable public static var empty: WireBytes { WireBytes(nowhere, count: 0) }

    /// Where empty views point to: never read, but not null, so that an optional view needs no room for nil.
    @inlinable public static var nowhere: UnsafeRawPointer { UnsafeRawPointer(bitPattern: 16).unsafelyUnwrapped }

    @inlinable public var isEmpty: Bool { count == 0 }

    @inlinable public var buffer: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: pointer, count: count) }

    /// A copy as a string; what is not UTF-8 comes out as U+FFFD.
    public var string: String { String(decoding: buffer, as: UTF8.self) }

    /// A copy.
    public var array: [UInt8] { Array(buffer) }
}

extension WireBytes {
    public init(copying bytes: UnsafeRawBufferPointer, in arena: Arena) {
        guard let source = bytes.baseAddress, !bytes.isEmpty else {
            self = .empty
            return
        }
        let place = arena.allocate(bytes.count)
        place.copyMemory(from: source, byteCount: bytes.count)
        self.init(UnsafeRawPointer(place), count: bytes.count)
    }

    public init(copying bytes: WireBytes, in arena: Arena) {
        self.init(copying: bytes.buffer, in: arena)
    }

    public init(copying bytes: [UInt8], in arena: Arena) {
        self = bytes.withUnsafeBytes { WireBytes(copying: $0, in: arena) }
    }

    public init(copying text: some StringProtocol, in arena: Arena) {
        var text = String(text)
        self = text.withUTF8 { WireBytes(copying: UnsafeRawBufferPointer($0), in: arena) }
    }
}

extension WireBytes: Hashable, Comparable {
    @inlinable
    public static func == (left: WireBytes, right: WireBytes) -> Bool {
        left.count == right.count && hasSameBytes(left.pointer, right.pointer, left.count)
    }

    @usableFromInline
    static func hasSameBytes(_ left: UnsafeRawPointer, _ right: UnsafeRawPointer, _ count: Int) -> Bool {
        memcmp(left, right, count) == 0
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(bytes: buffer)
    }

    /// The order of the bytes, as unsigned numbers.
    public static func < (left: WireBytes, right: WireBytes) -> Bool {
        let order = memcmp(left.pointer, right.pointer, min(left.count, right.count))
        return order == 0 ? left.count < right.count : order < 0
    }

    public static func == (left: WireBytes, right: String) -> Bool {
        right.utf8.elementsEqual(left.buffer)
    }
}

extension WireBytes: ExpressibleByStringLiteral {
    // A literal is part of the binary: its bytes outlive every request.
    @inlinable
    public init(stringLiteral text: StaticString) {
        self.init(text)
    }
}

extension WireBytes: CustomStringConvertible {
    public var description: String { string }
}
