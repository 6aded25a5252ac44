internal import Glibc

extension SelfMadeCertificates {
    /// What a user pastes to reach the broker: for Java, for librdkafka, for Python.
    package func clientSettings(bootstrap: String) -> String {
        let authority = Self.absolute(authorityFile)
        let client = makesClient ? Self.absolute(clientFile) : nil
        var java = """
            # Java (client.properties)
            bootstrap.servers=\(bootstrap)
            security.protocol=SSL
            ssl.truststore.type=PEM
            ssl.truststore.location=\(authority)

            """
        if let client { java += "ssl.keystore.type=PEM\nssl.keystore.location=\(client)\n" }
        var kcat = "kcat -b \(bootstrap) -X security.protocol=ssl -X ssl.ca.location=\(authority)"
        if let client { kcat += " -X ssl.certificate.location=\(client) -X ssl.key.location=\(client)" }
        var python = "KafkaProducer(bootstrap_servers=\"\(bootstrap)\", security_protocol=\"SSL\", ssl_cafile=\"\(authority)\""
        if let client { python += ", ssl_certfile=\"\(client)\", ssl_keyfile=\"\(client)\"" }
        return "\(java)\n# librdkafka\n\(kcat) -L\n\n# Python\n\(python))\n"
    }

    private static func absolute(_ path: String) -> String {
        guard let resolved = realpath(path, nil) else { return path }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
