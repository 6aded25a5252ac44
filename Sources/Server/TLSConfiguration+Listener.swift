package import Configuration
package import TLS

extension TLSConfiguration {
    /// What a listener's `ssl.*` keys say: `listener.name.NAME.ssl.…` before `ssl.…`.
    package init(_ configuration: BrokerConfiguration, listener: String) {
        func text(_ key: BrokerKey) -> String? {
            configuration.string(key, listener: listener).flatMap { $0.isEmpty ? nil : $0 }
        }
        self.init()
        enabledProtocols = configuration.list(.sslEnabledProtocols, listener: listener)
        cipherSuites = configuration.list(.sslCipherSuites, listener: listener)
        clientAuthentication = text(.sslClientAuth).flatMap { ClientAuthentication(rawValue: $0.lowercased()) } ?? .none
        keystoreLocation = text(.sslKeystoreLocation)
        keystorePassword = text(.sslKeystorePassword)
        keystoreKey = text(.sslKeystoreKey)
        keystoreCertificateChain = text(.sslKeystoreCertificateChain)
        keyPassword = text(.sslKeyPassword)
        truststoreLocation = text(.sslTruststoreLocation)
        truststorePassword = text(.sslTruststorePassword)
        truststoreCertificates = text(.sslTruststoreCertificates)
        principalMappingRules = text(.sslPrincipalMappingRules) ?? "DEFAULT"
        allowDNChanges = configuration.bool(.sslAllowDnChanges)
        allowSANChanges = configuration.bool(.sslAllowSanChanges)
        identifiesEndpoint = configuration.string(.sslEndpointIdentificationAlgorithm, listener: listener) != ""
    }
}
