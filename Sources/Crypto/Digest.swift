internal import COpenSSL

/// The hash functions that Kafka's authentication knows.
package enum HashFunction: Sendable, CaseIterable {
    case sha256, sha512

    /// The length of a digest, bytes.
    package var digestBytes: Int {
        switch self {
        case .sha256: 32
        case .sha512: 64
        }
    }

    var method: OpaquePointer? {
        switch self {
        case .sha256: EVP_sha256()
        case .sha512: EVP_sha512()
        }
    }

    package func digest(_ bytes: some Collection<UInt8>) -> [UInt8] {
        let input = Array(bytes)
        var output = [UInt8](repeating: 0, count: digestBytes)
        var count: UInt32 = 0
        let result = EVP_Digest(input, input.count, &output, &count, method, nil)
        precondition(result == 1 && Int(count) == digestBytes, "OpenSSL has no digest")
        return output
    }

    /// RFC 2104.
    package func hmac(key: some Collection<UInt8>, _ bytes: some Collection<UInt8>) -> [UInt8] {
        let key = Array(key)
        let input = Array(bytes)
        var output = [UInt8](repeating: 0, count: digestBytes)
        var count: UInt32 = 0
        // A null key would mean "the key of the call before".
        let result = key.withUnsafeBufferPointer { key in
            withUnsafeBytes(of: UInt8(0)) { none in
                HMAC(method, key.baseAddress ?? UnsafePointer(none.baseAddress?.assumingMemoryBound(to: UInt8.self)),
                    Int32(key.count), input, input.count, &output, &count)
            }
        }
        precondition(result != nil && Int(count) == digestBytes, "OpenSSL has no HMAC")
        return output
    }

    /// PBKDF2 (RFC 8018) with HMAC of this function: `Hi` of SCRAM (RFC 5802) for a whole digest.
    package func pbkdf2(password: some Collection<UInt8>, salt: some Collection<UInt8>, iterations: Int, count: Int) -> [UInt8] {
        precondition(iterations > 0 && iterations <= Int(Int32.max) && count > 0 && count <= 1 << 20)
        let password = password.map { CChar(bitPattern: $0) }
        let salt = Array(salt)
        var output = [UInt8](repeating: 0, count: count)
        let result = PKCS5_PBKDF2_HMAC(
            password, Int32(password.count), salt, Int32(salt.count), Int32(iterations), method, Int32(count), &output)
        precondition(result == 1, "OpenSSL has no PBKDF2")
        return output
    }
}
