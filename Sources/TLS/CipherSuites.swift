internal import COpenSSL

/// `ssl.cipher.suites`, split the way OpenSSL wants it: the suites of TLS 1.3 and those of before have lists of their own.
struct CipherSuites {
    var forTLS12: [String] = []
    var forTLS13: [String] = []

    /// `context` is used to ask which names exist.
    init(_ names: [String], key: String, context: OpaquePointer) throws(TLSError) {
        for name in names {
            // Java lists this one among the suites; it only says that renegotiation is secure, which OpenSSL always says.
            if name == "TLS_EMPTY_RENEGOTIATION_INFO_SCSV" { continue }
            let converted = OPENSSL_cipher_name(name).map { String(cString: $0) } ?? "(NONE)"
            let known = converted == "(NONE)" ? name : converted
            if known.hasPrefix("TLS_") {
                guard SSL_CTX_set_ciphersuites(context, known) == 1 else { throw Self.unknown(name, key) }
                forTLS13.append(known)
            } else {
                guard Self.isPlainName(known), SSL_CTX_set_cipher_list(context, known) == 1, Self.has(known, context) else {
                    throw Self.unknown(name, key)
                }
                forTLS12.append(known)
            }
        }
        ERR_clear_error()
    }

    /// OpenSSL's lists know words and operators ("HIGH:!aNULL"), which Kafka's do not.
    private static func isPlainName(_ name: String) -> Bool {
        name.utf8.allSatisfy { (48...57).contains($0) || (65...90).contains($0) || $0 == 45 || $0 == 95 }
    }

    private static func has(_ name: String, _ context: OpaquePointer) -> Bool {
        guard let list = SSL_CTX_get_ciphers(context) else { return false }
        return (0..<max(0, OPENSSL_sk_num(list))).contains { index in
            OPENSSL_sk_value(list, index).map { String(cString: SSL_CIPHER_get_name(OpaquePointer($0))) == name } ?? false
        }
    }

    private static func unknown(_ name: String, _ key: String) -> TLSError {
        ERR_clear_error()
        return TLSError(
            .configuration,
            "\(key): no cipher suite \(name) here (names as IANA has them: TLS_AES_256_GCM_SHA384, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, ...)")
    }
}
