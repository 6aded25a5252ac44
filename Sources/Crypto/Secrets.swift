internal import COpenSSL

/// Random bytes and comparisons that do not tell by their duration.
package enum Secrets {
    /// Bytes that nobody can guess.
    package static func randomBytes(_ count: Int) -> [UInt8] {
        precondition(count >= 0 && count <= 1 << 20)
        var bytes = [UInt8](repeating: 0, count: count)
        guard count > 0 else { return bytes }
        // Without entropy nothing that is meant to be secret may go on.
        precondition(RAND_bytes(&bytes, Int32(count)) == 1, "OpenSSL has no random bytes")
        return bytes
    }

    /// Takes the same time wherever the difference is. The length is no secret.
    package static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        left.count == right.count && CRYPTO_memcmp(left, right, left.count) == 0
    }
}
