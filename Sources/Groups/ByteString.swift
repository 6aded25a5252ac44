internal import Glibc
package import KafkaWire

/// Text or bytes that outlive a request: a group's id, a member's, a topic's name, an assignment. Kept as the bytes that
/// the client sent, so that a look-up compares bytes with bytes and builds no `String`.
package struct ByteString: Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    package let bytes: [UInt8]

    package init(_ bytes: [UInt8]) { self.bytes = bytes }
    package init(_ text: String) { bytes = Array(text.utf8) }
    package init(stringLiteral text: String) { self.init(text) }
    package init(copying raw: UnsafeRawBufferPointer) { bytes = Array(raw) }

    package static let empty = ByteString([UInt8]())

    package var isEmpty: Bool { bytes.isEmpty }
    package var count: Int { bytes.count }
    package var description: String { String(decoding: bytes, as: UTF8.self) }

    /// The names that nearly every group has: kept once for all of them.
    private static let common: [ByteString] = [
        "consumer", "connect", "range", "roundrobin", "sticky", "cooperative-sticky",
    ]

    /// A copy, or what is kept already.
    package init(naming wire: WireBytes) {
        self = Self.common.first { $0.equals(wire.buffer) } ?? ByteString(copying: wire.buffer)
    }

    /// Whether the bytes are the same; the usual case on the way of a heartbeat.
    package func equals(_ raw: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count == raw.count else { return false }
        return bytes.withUnsafeBytes { mine in
            raw.isEmpty || memcmp(mine.baseAddress!, raw.baseAddress!, raw.count) == 0
        }
    }
}

extension ByteString {
    /// Java's `String.hashCode` of the text: decides a group's partition, and serves our own tables too.
    package static func javaHash(_ raw: UnsafeRawBufferPointer) -> Int32 {
        var hash: Int32 = 0
        for byte in raw {
            // Java hashes UTF-16 units; for ASCII they are the bytes.
            guard byte < 0x80 else { return javaHashOfText(raw) }
            hash = hash &* 31 &+ Int32(byte)
        }
        return hash
    }

    private static func javaHashOfText(_ raw: UnsafeRawBufferPointer) -> Int32 {
        String(decoding: raw, as: UTF8.self).utf16.reduce(0) { $0 &* 31 &+ Int32($1) }
    }

    package var javaHash: Int32 { bytes.withUnsafeBytes(Self.javaHash) }

    /// The length as Java's `String.length` counts it, which is what Kafka holds against `offset.metadata.max.bytes`.
    package static func javaLength(_ raw: UnsafeRawBufferPointer) -> Int {
        // One unit for each first byte of a character, two where the character lies beyond the basic plane.
        raw.reduce(0) { $0 + ($1 & 0xC0 == 0x80 ? 0 : $1 >= 0xF0 ? 2 : 1) }
    }
}

extension ByteString {
    package init(_ wire: WireBytes) { self.init(copying: wire.buffer) }

    package init?(ifPresent wire: WireBytes?) {
        guard let wire else { return nil }
        self.init(wire)
    }

    package func wire(in arena: Arena) -> WireBytes { WireBytes(copying: bytes, in: arena) }

    /// The bytes where they lie; only inside `body`.
    package func withWire<Result, Failure: Error>(_ body: (WireBytes) throws(Failure) -> Result) throws(Failure) -> Result {
        // Typed throws do not pass through the closures of arrays: hence the detour.
        let outcome = bytes.withUnsafeBytes { raw in
            Swift.Result { () throws(Failure) in try body(WireBytes(raw)) }
        }
        return try outcome.get()
    }
}
