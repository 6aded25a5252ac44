internal import CTLS
internal import COpenSSL
internal import Glibc

/// One X.509 certificate. OpenSSL's object does not change after it was read and counts its references atomically, so it
/// may be used from any thread.
final class Certificate: @unchecked Sendable {
    let pointer: OpaquePointer

    /// Takes over the reference.
    init(owning pointer: OpaquePointer) { self.pointer = pointer }

    deinit { X509_free(pointer) }

    var subject: String { DistinguishedName.text(X509_get_subject_name(pointer)) }
    var issuer: String { DistinguishedName.text(X509_get_issuer_name(pointer)) }

    /// Whether `issuer`'s name and key identifier fit this certificate's words about its issuer.
    func isIssued(by issuer: Certificate) -> Bool { X509_check_issued(issuer.pointer, pointer) == X509_V_OK }
    var isSelfIssued: Bool { isIssued(by: self) }

    func has(privateKey: PrivateKey) -> Bool { X509_check_private_key(pointer, privateKey.pointer) == 1 }

    /// Seconds since 1970.
    var notBefore: Int64 { Self.seconds(X509_get0_notBefore(pointer)) }
    var notAfter: Int64 { Self.seconds(X509_get0_notAfter(pointer)) }

    private static func seconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int64 {
        var parts = tm()
        guard let time, ASN1_TIME_to_tm(time, &parts) == 1 else { return 0 }
        return Int64(timegm(&parts))
    }

    static func == (left: Certificate, right: Certificate) -> Bool { X509_cmp(left.pointer, right.pointer) == 0 }

    /// The subject's alternative names, as `DNS:localhost` and `IP:127.0.0.1`.
    var alternativeNames: [String] {
        guard let names = X509_get_ext_d2i(pointer, NID_subject_alt_name, nil, nil) else { return [] }
        let stack = OpaquePointer(names)
        defer { GENERAL_NAMES_free(stack) }
        return (0..<max(0, OPENSSL_sk_num(stack))).compactMap { index in
            OPENSSL_sk_value(stack, index).flatMap { Self.text($0.assumingMemoryBound(to: GENERAL_NAME.self)) }
        }
    }

    private static func text(_ name: UnsafeMutablePointer<GENERAL_NAME>) -> String? {
        var type: Int32 = 0
        guard let value = GENERAL_NAME_get0_value(name, &type) else { return nil }
        if type == GEN_DIRNAME { return "DirName:" + DistinguishedName.text(OpaquePointer(value)) }
        guard type == GEN_DNS || type == GEN_IPADD || type == GEN_EMAIL || type == GEN_URI else { return nil }
        let string = UnsafePointer(value.assumingMemoryBound(to: ASN1_STRING.self))
        let count = Int(ASN1_STRING_length(string))
        let bytes = UnsafeBufferPointer(start: ASN1_STRING_get0_data(string), count: max(0, count))
        switch type {
        case GEN_IPADD: return address(bytes).map { "IP:" + $0 }
        case GEN_EMAIL: return "email:" + String(decoding: bytes, as: UTF8.self)
        case GEN_URI: return "URI:" + String(decoding: bytes, as: UTF8.self)
        default: return "DNS:" + String(decoding: bytes, as: UTF8.self)
        }
    }

    private static func address(_ bytes: UnsafeBufferPointer<UInt8>) -> String? {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        var text = [CChar](repeating: 0, count: 64)
        let family = bytes.count == 4 ? AF_INET : AF_INET6
        guard inet_ntop(family, bytes.baseAddress, &text, socklen_t(text.count)) != nil else { return nil }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// A private key: like a certificate, unchanging and counted.
final class PrivateKey: @unchecked Sendable {
    let pointer: OpaquePointer

    init(owning pointer: OpaquePointer) { self.pointer = pointer }

    deinit { EVP_PKEY_free(pointer) }
}

/// What a log line or a page says of a certificate.
package struct CertificateSummary: Sendable, Equatable {
    package let subject: String
    package let issuer: String
    package let alternativeNames: [String]
    /// Seconds since 1970.
    package let notBefore: Int64
    package let notAfter: Int64

    init(_ certificate: Certificate) {
        subject = certificate.subject
        issuer = certificate.issuer
        alternativeNames = certificate.alternativeNames
        notBefore = certificate.notBefore
        notAfter = certificate.notAfter
    }
}

extension CertificateSummary {
    /// Of the first certificate of a PEM text.
    package init(pem: String) throws(TLSError) {
        let material = try PEMMaterial(
            PEMText.blocks(Array(pem.utf8)), password: nil, passwordKey: "", name: "certificate", wantsKeys: false)
        guard let first = material.certificates.first else { throw TLSError(.material, "no certificate in this text") }
        self.init(first)
    }
}
