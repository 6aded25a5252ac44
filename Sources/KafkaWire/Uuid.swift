/// A Kafka uuid. As text: the 16 bytes in URL-safe base64 without padding, 22 characters.
public struct Uuid: Hashable, Sendable, BitwiseCopyable {
    public let mostSignificantBits: UInt64
    public let leastSignificantBits: UInt64

    @inlinable
    public init(_ mostSignificantBits: UInt64, _ leastSignificantBits: UInt64) {
        self.mostSignificantBits = mostSignificantBits
        self.leastSignificantBits = leastSignificantBits
    }

    @inlinable public static var zero: Uuid { Uuid(0, 0) }

    /// Written out, so that it is inlined: a default topic id is compared with for every partition of a Fetch.
    @inlinable
    public static func == (left: Uuid, right: Uuid) -> Bool {
        left.mostSignificantBits == right.mostSignificantBits && left.leastSignificantBits == right.leastSignificantBits
    }

    /// A random (version 4) uuid whose text does not begin with a dash, as Kafka makes them: some tools take such a
    /// text for an option.
    public static func random(using generator: inout some RandomNumberGenerator) -> Uuid {
        while true {
            let most = (generator.next() & 0xFFFF_FFFF_FFFF_0FFF) | 0x4000
            let least = (generator.next() & 0x3FFF_FFFF_FFFF_FFFF) | 0x8000_0000_0000_0000
            let uuid = Uuid(most, least)
            if !uuid.description.hasPrefix("-") { return uuid }
        }
    }
}

extension Uuid: LosslessStringConvertible {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    public var description: String {
        // 128 bits make 21 characters of 6 bits and one of 2, which stand at its top.
        var text: [UInt8] = []
        text.reserveCapacity(22)
        for position in 0..<22 {
            let shift = 122 - 6 * position
            text.append(Uuid.alphabet[Int((shift >= 0 ? bits(from: shift) : bits(from: 0) << 4) & 63)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    private func bits(from shift: Int) -> UInt64 {
        if shift >= 64 { return mostSignificantBits >> UInt64(shift - 64) }
        if shift == 0 { return leastSignificantBits }
        return leastSignificantBits >> UInt64(shift) | mostSignificantBits << UInt64(64 - shift)
    }

    public init?(_ text: String) {
        guard text.utf8.count == 22 else { return nil }
        var most: UInt64 = 0
        var least: UInt64 = 0
        for (position, character) in text.utf8.enumerated() {
            guard let digit = Uuid.alphabet.firstIndex(of: character) else { return nil }
            let width: UInt64 = position < 21 ? 6 : 2
            most = most << width | least >> (64 - width)
            least = least << width | UInt64(position < 21 ? digit : digit >> 4)
        }
        self.init(most, least)
    }
}
