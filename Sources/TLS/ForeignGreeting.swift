/// What a peer that does not speak TLS seems to speak, judged by its first bytes.
enum ForeignGreeting {
    private static let methods = ["GET ", "POST", "HEAD", "PUT ", "DELE", "OPTI", "CONN", "PATC", "PRI "]

    static func describe(_ bytes: [UInt8]) -> String {
        let start = String(decoding: bytes.prefix(4), as: UTF8.self)
        if methods.contains(start) { return "an HTTP request on a TLS listener of Kafka's protocol" }
        if start == "SSH-" { return "SSH on a TLS listener" }
        if let request = kafkaRequest(bytes) {
            return "plaintext Kafka (\(request)) on a TLS listener: the client needs security.protocol=SSL, or the port of the plaintext listener"
        }
        let digits = bytes.prefix(8).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        return "no TLS from the peer: it began with 0x\(digits)"
    }

    /// A request's frame begins with its length (int32), API key and version (int16 each).
    private static func kafkaRequest(_ bytes: [UInt8]) -> String? {
        guard bytes.count >= 8 else { return nil }
        let length = bytes[..<4].reduce(0) { $0 << 8 | UInt32($1) }
        let key = UInt16(bytes[4]) << 8 | UInt16(bytes[5])
        let version = UInt16(bytes[6]) << 8 | UInt16(bytes[7])
        guard (8...(256 << 20)).contains(length), key < 128, version < 64 else { return nil }
        switch key {
        case 3: return "Metadata v\(version)"
        case 17: return "SaslHandshake v\(version)"
        case 18: return "ApiVersions v\(version)"
        default: return "API key \(key), version \(version)"
        }
    }
}
