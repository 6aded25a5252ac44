internal import COpenSSL

/// A PKCS#12 file, as keytool and openssl write it.
struct PKCS12Content {
    var key: PrivateKey?
    /// The key's own certificate first, where there is a key.
    var certificates: [Certificate] = []

    init(_ bytes: [UInt8], password: String?, passwordKey: String, name: String) throws(TLSError) {
        ERR_clear_error()
        let store = bytes.withUnsafeBufferPointer { buffer in
            var start = buffer.baseAddress
            return d2i_PKCS12(nil, &start, buffer.count)
        }
        guard let store else {
            _ = OpenSSLErrors.take()
            throw TLSError(
                .material, "\(name): binary, and no PKCS#12 (a certificate in DER form must be converted: openssl x509 -inform der)")
        }
        defer { PKCS12_free(store) }
        var key: OpaquePointer?
        var certificate: OpaquePointer?
        var others: OpaquePointer?
        let result = PKCS12_parse(store, password, &key, &certificate, &others)
        // What came out belongs to us, whatever the result says.
        if let key { self.key = PrivateKey(owning: key) }
        if let certificate { certificates.append(Certificate(owning: certificate)) }
        if let others {
            while OPENSSL_sk_num(others) > 0, let next = OPENSSL_sk_shift(others) {
                certificates.append(Certificate(owning: OpaquePointer(next)))
            }
            OPENSSL_sk_free(others)
        }
        let errors = OpenSSLErrors.take()
        guard result == 1 else {
            throw TLSError(.material, "\(name): " + Self.explain(errors, hasPassword: password != nil, passwordKey))
        }
        guard certificates.count <= Limits.storeCertificates else {
            throw TLSError(.material, "\(name): more than \(Limits.storeCertificates) certificates")
        }
    }

    private static func explain(_ errors: OpenSSLErrors, hasPassword: Bool, _ passwordKey: String) -> String {
        if errors.entries.contains(where: { $0.text.hasPrefix("unsupported") }) {
            return """
                this PKCS#12 file is encrypted with an algorithm that OpenSSL 3 has given up (RC2-40, say). Write it anew \
                with `keytool -importkeystore` of Java 17, or `openssl pkcs12 -legacy` and `openssl pkcs12 -export`
                """
        }
        if errors.has(Int32(ERR_LIB_PKCS12), PKCS12_R_MAC_VERIFY_FAILURE) {
            return hasPassword ? "\(passwordKey) does not open it" : "it needs a password: \(passwordKey) is not set"
        }
        return "this PKCS#12 file cannot be read: \(errors.text)"
    }
}
