internal import COpenSSL
internal import Glibc

/// A revocation list.
final class RevocationList: @unchecked Sendable {  // unchanging and counted, as a certificate
    let pointer: OpaquePointer
    init(owning pointer: OpaquePointer) { self.pointer = pointer }
    deinit { X509_CRL_free(pointer) }

    /// Whether a newer list should be out by now; verification fails with such a one.
    func hasEnded(atSeconds now: Int64) -> Bool {
        guard let next = X509_CRL_get0_nextUpdate(pointer) else { return false }
        var time = time_t(now)
        return X509_cmp_time(next, &time) < 0
    }
    var issuer: String { DistinguishedName.text(X509_CRL_get_issuer(pointer)) }
}

/// What the blocks of a PEM text hold.
struct PEMMaterial {
    var keys: [PrivateKey] = []
    var certificates: [Certificate] = []
    var revocationLists: [RevocationList] = []

    /// `password` opens encrypted keys; `passwordKey` is the configuration's name for it.
    init(
        _ blocks: [PEMBlock], password: String?, passwordKey: String, name: String, wantsKeys: Bool
    ) throws(TLSError) {
        for (index, block) in blocks.enumerated() {
            let place = "\(name): PEM block \(index + 1) (\(block.label))"
            switch block.label {
            case "CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE":
                certificates.append(Certificate(owning: try Self.parse(block, place) { PEM_read_bio_X509($0, nil, nil, nil) }))
            case "X509 CRL":
                revocationLists.append(
                    RevocationList(owning: try Self.parse(block, place) { PEM_read_bio_X509_CRL($0, nil, nil, nil) }))
            case _ where block.label.hasSuffix("PRIVATE KEY"):
                guard wantsKeys else { continue }
                keys.append(try Self.key(block, password: password, passwordKey: passwordKey, place: place))
            default:
                continue  // parameters of a curve, a public key, a request: of no use here
            }
        }
    }

    private static func parse(
        _ block: PEMBlock, _ place: String, _ read: (OpaquePointer) -> OpaquePointer?
    ) throws(TLSError) -> OpaquePointer {
        ERR_clear_error()
        let result = withMemoryBIO(block.text, read)
        let errors = OpenSSLErrors.take()
        guard let result else { throw TLSError(.material, "\(place) cannot be read: \(errors.text)") }
        return result
    }

    private static func withMemoryBIO(_ text: String, _ body: (OpaquePointer) -> OpaquePointer?) -> OpaquePointer? {
        var text = text
        return text.withUTF8 { bytes in
            guard let bio = BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count)) else { return nil }
            defer { BIO_free(bio) }
            return body(bio)
        }
    }

    /// What OpenSSL's question for the password needs to know. Without a callback of ours it would ask the terminal.
    private struct PasswordRequest {
        var password: [UInt8]?
        var wasAsked = false
    }

    private static func key(
        _ block: PEMBlock, password: String?, passwordKey: String, place: String
    ) throws(TLSError) -> PrivateKey {
        var request = PasswordRequest(password: password.map { Array($0.utf8) })
        ERR_clear_error()
        let key = withUnsafeMutablePointer(to: &request) { request in
            withMemoryBIO(block.text) { bio in
                PEM_read_bio_PrivateKey(
                    bio, nil,
                    { buffer, size, _, context in
                        guard let buffer, let request = context?.assumingMemoryBound(to: PasswordRequest.self) else { return -1 }
                        request.pointee.wasAsked = true
                        guard let password = request.pointee.password, password.count <= Int(size) else { return -1 }
                        for (index, byte) in password.enumerated() { buffer[index] = CChar(bitPattern: byte) }
                        return Int32(password.count)
                    }, request)
            }
        }
        let errors = OpenSSLErrors.take()
        if let key { return PrivateKey(owning: key) }
        if request.wasAsked {
            let reason = password == nil ? "is encrypted: \(passwordKey) is not set" : "is encrypted, and \(passwordKey) does not open it"
            throw TLSError(.material, "\(place) \(reason)")
        }
        throw TLSError(.material, "\(place) cannot be read: \(errors.text)")
    }
}
