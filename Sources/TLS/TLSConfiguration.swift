/// What a listener (or a client) wants of TLS, in the words of Kafka's `ssl.*` keys. Nothing is read or checked before
/// a `TLSContext` is made of it.
package struct TLSConfiguration: Sendable, Equatable {
    /// `ssl.client.auth`
    package enum ClientAuthentication: String, Sendable { case none, requested, required }

    /// `ssl.enabled.protocols`: TLSv1.2 and TLSv1.3 exist here.
    package var enabledProtocols = ["TLSv1.2", "TLSv1.3"]
    /// `ssl.cipher.suites`, by IANA's names (as Java has them) or OpenSSL's; empty: OpenSSL's choice.
    package var cipherSuites: [String] = []
    package var clientAuthentication = ClientAuthentication.none

    /// `ssl.keystore.location`: PEM or PKCS#12, told apart by what is in it, whatever `ssl.keystore.type` says.
    package var keystoreLocation: String?
    package var keystorePassword: String?
    /// The private key of a PEM key store, where it is a file of its own. Kafka has no key for it: `jackdaw serve --tls` has.
    package var keyLocation: String?
    /// `ssl.keystore.key` and `ssl.keystore.certificate.chain`: PEM in the configuration itself (KIP-651).
    package var keystoreKey: String?
    package var keystoreCertificateChain: String?
    /// `ssl.key.password`
    package var keyPassword: String?

    /// `ssl.truststore.location`: PEM (certificates and revocation lists) or PKCS#12.
    package var truststoreLocation: String?
    package var truststorePassword: String?
    /// `ssl.truststore.certificates`: PEM in the configuration itself.
    package var truststoreCertificates: String?

    /// `ssl.principal.mapping.rules`
    package var principalMappingRules = "DEFAULT"
    /// `ssl.allow.dn.changes` and `ssl.allow.san.changes`: whether a reload may bring a certificate of another name.
    package var allowDNChanges = false
    package var allowSANChanges = false

    /// `ssl.endpoint.identification.algorithm`, client side: whether the server's certificate must bear its name.
    package var identifiesEndpoint = true

    /// What stands before the keys in messages, `listener.name.external.` for example.
    package var keyPrefix = ""

    package init() {}

    /// Whether a certificate was given, in a file or in the configuration itself.
    package var namesKeystore: Bool { keystoreLocation != nil || keystoreKey != nil || keystoreCertificateChain != nil }
    /// The same of what clients are checked against.
    package var namesTruststore: Bool { truststoreLocation != nil || truststoreCertificates != nil }
}
