internal import CTLS
internal import COpenSSL
internal import Glibc

/// Everything that the connections of a listener share: certificate, trust, protocol versions. It does not change; when a
/// file did, a new one takes its place and old connections keep theirs. OpenSSL's object may be used from any thread.
package final class TLSContext: @unchecked Sendable {
    let pointer: OpaquePointer
    package let isServer: Bool
    /// The side's own certificate.
    package let certificate: CertificateSummary?
    /// What an operator should know though it stops nothing: a certificate that ends soon.
    package let warnings: [String]
    let principalMapping: PrincipalMapping
    let identifiesEndpoint: Bool

    /// A server's context. Costs 4 ms and 4 MB the first time in a process.
    package convenience init(server configuration: TLSConfiguration) throws(TLSError) {
        try self.init(configuration, isServer: true)
    }

    /// A client's; with no trust store it trusts what the machine trusts.
    package convenience init(client configuration: TLSConfiguration) throws(TLSError) {
        try self.init(configuration, isServer: false)
    }

    private init(_ configuration: TLSConfiguration, isServer: Bool) throws(TLSError) {
        ctls_start()
        ERR_clear_error()
        principalMapping = try PrincipalMapping(configuration.principalMappingRules)
        self.isServer = isServer
        identifiesEndpoint = configuration.identifiesEndpoint
        guard let pointer = SSL_CTX_new(isServer ? TLS_server_method() : TLS_client_method()) else {
            throw TLSError(.library, "OpenSSL gives no context: \(OpenSSLErrors.take().text)")
        }
        self.pointer = pointer
        ctls_context_defaults(pointer, Limits.sessionSeconds)
        let material: KeyMaterial?
        let trust: TrustMaterial?
        do throws(TLSError) {
            material = try KeyMaterial(configuration)
            trust = try TrustMaterial(configuration)
        } catch {
            certificate = nil
            warnings = []
            throw error
        }
        let now = Int64(time(nil))
        certificate = material.map { CertificateSummary($0.certificate) }
        warnings = Self.warnings(material, trust, now: now, configuration)
        try Self.apply(versionsAndSuites: configuration, to: pointer)
        if let material {
            try Self.apply(material, to: pointer, configuration)
        } else if isServer {
            throw TLSError(
                .configuration,
                "\(configuration.keyPrefix)ssl.keystore.location is not set: a TLS listener needs a certificate (PEM or PKCS#12)")
        }
        try Self.apply(trust, to: pointer, configuration, isServer: isServer)
    }

    deinit { SSL_CTX_free(pointer) }

    /// Versions and suites agree with each other: a list that names suites of one version only leaves the other out.
    private static func apply(versionsAndSuites configuration: TLSConfiguration, to context: OpaquePointer) throws(TLSError) {
        let prefix = configuration.keyPrefix
        var versions: Set<Int32> = []
        for name in configuration.enabledProtocols {
            switch name {
            case "TLSv1.2": versions.insert(TLS1_2_VERSION)
            case "TLSv1.3": versions.insert(TLS1_3_VERSION)
            default:
                throw TLSError(.configuration, "\(prefix)ssl.enabled.protocols: \(name) is not among TLSv1.2, TLSv1.3")
            }
        }
        if !configuration.cipherSuites.isEmpty {
            let key = "\(prefix)ssl.cipher.suites"
            let suites = try CipherSuites(configuration.cipherSuites, key: key, context: context)
            if suites.forTLS12.isEmpty { versions.remove(TLS1_2_VERSION) }
            if suites.forTLS13.isEmpty { versions.remove(TLS1_3_VERSION) }
            guard !versions.isEmpty else {
                throw TLSError(.configuration, "\(key): none of these suites belongs to a version of \(prefix)ssl.enabled.protocols")
            }
            let older = suites.forTLS12.isEmpty ? "ECDHE-RSA-AES256-GCM-SHA384" : suites.forTLS12.joined(separator: ":")
            guard SSL_CTX_set_cipher_list(context, older) == 1,
                SSL_CTX_set_ciphersuites(context, suites.forTLS13.joined(separator: ":")) == 1
            else { throw TLSError(.configuration, "\(key): \(OpenSSLErrors.take().text)") }
        }
        guard let lowest = versions.min(), let highest = versions.max() else {
            throw TLSError(.configuration, "\(prefix)ssl.enabled.protocols is empty: TLSv1.2, TLSv1.3 or both expected")
        }
        guard ctls_context_protocols(context, lowest, highest) == 1 else {
            throw TLSError(.library, "OpenSSL refuses the protocol versions: \(OpenSSLErrors.take().text)")
        }
    }

    private static func apply(
        _ material: KeyMaterial, to context: OpaquePointer, _ configuration: TLSConfiguration
    ) throws(TLSError) {
        guard SSL_CTX_use_certificate(context, material.certificate.pointer) == 1,
            SSL_CTX_use_PrivateKey(context, material.key.pointer) == 1,
            material.chain.allSatisfy({ ctls_context_add_chain_certificate(context, $0.pointer) == 1 })
        else {
            let errors = OpenSSLErrors.take()
            let where_ = configuration.keystoreLocation.map { "ssl.keystore.location=\($0)" } ?? "ssl.keystore.certificate.chain"
            throw TLSError(
                .material, "\(configuration.keyPrefix)\(where_): certificate \(material.certificate.subject) is refused: \(errors.text)")
        }
    }

    private static func apply(
        _ trust: TrustMaterial?, to context: OpaquePointer, _ configuration: TLSConfiguration, isServer: Bool
    ) throws(TLSError) {
        guard !isServer || configuration.clientAuthentication != .none else { return }
        let name = "jackdaw"
        _ = name.withCString { SSL_CTX_set_session_id_context(context, $0, UInt32(name.utf8.count)) }
        ctls_context_verify_peer(context, !isServer || configuration.clientAuthentication == .required ? 1 : 0)
        guard let trust else {
            guard !isServer else {
                // Java falls back to the public authorities here, which lets in whoever owns a web server.
                throw TLSError(
                    .configuration, """
                        \(configuration.keyPrefix)ssl.client.auth=\(configuration.clientAuthentication.rawValue) needs \
                        \(configuration.keyPrefix)ssl.truststore.location or ssl.truststore.certificates: the authorities \
                        that client certificates must come from
                        """)
            }
            SSL_CTX_set_default_verify_paths(context)
            return
        }
        guard let store = SSL_CTX_get_cert_store(context) else {
            throw TLSError(.library, "OpenSSL has no store for trusted certificates")
        }
        // As in Java, whatever stands in a trust store is trusted, a root or not.
        var flags = UInt(X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST)
        if !trust.revocationLists.isEmpty { flags |= UInt(X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL) }
        X509_STORE_set_flags(store, flags)
        for certificate in trust.certificates {
            X509_STORE_add_cert(store, certificate.pointer)
            if isServer { SSL_CTX_add_client_CA(context, certificate.pointer) }
        }
        for list in trust.revocationLists { X509_STORE_add_crl(store, list.pointer) }
        ERR_clear_error()
    }

    private static func warnings(
        _ material: KeyMaterial?, _ trust: TrustMaterial?, now: Int64, _ configuration: TLSConfiguration
    ) -> [String] {
        var warnings: [String] = []
        if let own = material?.certificate {
            let days = (own.notAfter - now) / 86_400
            if own.notAfter <= now {
                warnings.append("the certificate \(own.subject) has ended: clients will refuse it")
            } else if own.notBefore > now {
                warnings.append("the certificate \(own.subject) is not valid yet: clients will refuse it")
            } else if days < Limits.expiryWarningDays {
                warnings.append("the certificate \(own.subject) ends in \(days) days")
            }
        }
        for list in trust?.revocationLists ?? [] where list.hasEnded(atSeconds: now) {
            warnings.append("the revocation list of \(list.issuer) is out of date: its clients will be refused")
        }
        return warnings
    }
}
