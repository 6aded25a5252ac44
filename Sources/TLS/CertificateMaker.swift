internal import CTLS
internal import COpenSSL
internal import Glibc

/// A certificate with its key, made here.
package struct MadeCertificate: Sendable {
    let certificate: Certificate
    let key: PrivateKey

    package enum Usage: Sendable { case server, client }

    /// An authority that signs itself. Times are seconds since 1970.
    package static func authority(commonName: String, from start: Int64, to end: Int64) throws(TLSError) -> MadeCertificate {
        try make(commonName, from: start, to: end, issuer: nil, extensions: [
            (NID_basic_constraints, "critical,CA:TRUE,pathlen:0"),
            (NID_key_usage, "critical,keyCertSign,cRLSign"),
            (NID_subject_key_identifier, "hash"),
        ])
    }

    /// A certificate of this authority for the names: host names, `*.example.com`, IPv4 and IPv6 addresses.
    package func issue(
        commonName: String, names: [String], usage: Usage, from start: Int64, to end: Int64
    ) throws(TLSError) -> MadeCertificate {
        var extensions: [(Int32, String)] = [
            (NID_basic_constraints, "critical,CA:FALSE"),
            (NID_key_usage, "critical,digitalSignature"),
            (NID_ext_key_usage, usage == .server ? "serverAuth" : "clientAuth"),
            (NID_subject_key_identifier, "hash"),
            (NID_authority_key_identifier, "keyid"),
        ]
        let alternatives = names.compactMap(Self.alternativeName)
        if !alternatives.isEmpty { extensions.append((NID_subject_alt_name, alternatives.joined(separator: ","))) }
        return try Self.make(commonName, from: start, to: end, issuer: self, extensions: extensions)
    }

    /// `DNS:localhost` or `IP:127.0.0.1`; nil for what no certificate can say. The words of OpenSSL's configuration have
    /// commas and colons of their own, so only the letters of names and addresses pass.
    static func alternativeName(_ name: String) -> String? {
        let isAddress4 = name.utf8.allSatisfy { (48...57).contains($0) || $0 == 46 } && name.utf8.count { $0 == 46 } == 3
        let isAddress6 = name.utf8.contains(58)
            && name.utf8.allSatisfy { (48...58).contains($0) || (65...70).contains($0) || (97...102).contains($0) || $0 == 46 }
        if isAddress4 || isAddress6 { return "IP:" + name }
        let isName = !name.isEmpty && name.utf8.count <= 253
            && name.utf8.allSatisfy {
                (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || $0 == 45 || $0 == 46 || $0 == 95
                    || $0 == 42
            }
        return isName ? "DNS:" + name : nil
    }

    private static func make(
        _ commonName: String, from start: Int64, to end: Int64, issuer: MadeCertificate?, extensions: [(Int32, String)]
    ) throws(TLSError) -> MadeCertificate {
        ctls_start()
        ERR_clear_error()
        guard let key = ctls_new_key().map({ PrivateKey(owning: $0) }), let pointer = X509_new() else { throw refused() }
        let certificate = Certificate(owning: pointer)
        let issuerName = X509_get_subject_name((issuer?.certificate ?? certificate).pointer)
        // The common name's bound is 64 characters (RFC 5280, ub-common-name); clients look at the alternative names anyway.
        let name = Array(commonName.utf8.prefix(64))
        guard X509_set_version(pointer, 2) == 1, setSerial(pointer),
            ASN1_TIME_set(X509_getm_notBefore(pointer), time_t(start)) != nil,
            ASN1_TIME_set(X509_getm_notAfter(pointer), time_t(end)) != nil,
            X509_set_pubkey(pointer, key.pointer) == 1,
            X509_NAME_add_entry_by_NID(
                X509_get_subject_name(pointer), NID_commonName, MBSTRING_UTF8, name, Int32(name.count), -1, 0) == 1,
            X509_set_issuer_name(pointer, issuerName) == 1,
            extensions.allSatisfy({ nid, value in
                ctls_add_extension(pointer, (issuer?.certificate ?? certificate).pointer, nid, value) == 1
            }),
            X509_sign(pointer, (issuer?.key ?? key).pointer, EVP_sha256()) > 0
        else { throw refused() }
        return MadeCertificate(certificate: certificate, key: key)
    }

    /// 127 random bits: positive, and never the same twice.
    private static func setSerial(_ certificate: OpaquePointer) -> Bool {
        var bytes = [UInt8](repeating: 0, count: 16)
        guard RAND_bytes(&bytes, 16) == 1 else { return false }
        bytes[0] = bytes[0] & 0x7F | 0x40
        guard let number = BN_bin2bn(bytes, 16, nil) else { return false }
        defer { BN_free(number) }
        return BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nil
    }

    private static func refused() -> TLSError {
        TLSError(.library, "OpenSSL makes no certificate: \(OpenSSLErrors.take().text)")
    }

    package var certificatePEM: String { get throws(TLSError) { try Self.pem { PEM_write_bio_X509($0, certificate.pointer) } } }

    /// PKCS#8, not encrypted: the form that Java reads too.
    package var keyPEM: String {
        get throws(TLSError) { try Self.pem { PEM_write_bio_PKCS8PrivateKey($0, key.pointer, nil, nil, 0, nil, nil) } }
    }

    private static func pem(_ write: (OpaquePointer) -> Int32) throws(TLSError) -> String {
        guard let bio = BIO_new(BIO_s_mem()) else { throw refused() }
        defer { BIO_free(bio) }
        guard write(bio) == 1 else { throw refused() }
        var text: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = BIO_read(bio, &chunk, Int32(chunk.count))
            if count <= 0 { break }
            text += chunk[..<Int(count)]
        }
        return String(decoding: text, as: UTF8.self)
    }
}
