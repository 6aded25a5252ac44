extension BrokerConfiguration {
    /// What a start is given: the text of server.properties, then what the command line says, which wins.
    ///
    /// - Parameters:
    ///   - settings: `--set key=value`, in order.
    ///   - port: `--port`: the loopback addresses, in place of all listeners of the file.
    ///   - dataDirectory: `--data`: in place of log.dirs and metadata.log.dir.
    ///   - tls: `--tls`: a listener of protocol SSL on the port after the first listener's, unless there is one already.
    ///   - keys: the releases whose keys and defaults are meant.
    package init(
        serverProperties: String?, settings: [(key: String, value: String)] = [], port: Int32? = nil,
        dataDirectory: String? = nil, tls: Bool = false, keys: KeyList = .since4
    ) throws(ConfigurationError) {
        var properties = try serverProperties.map { text throws(ConfigurationError) in try Properties(parsing: text) }
            ?? Properties()
        if let port {
            properties.remove("advertised.listeners")
            properties.set("listeners", "PLAINTEXT://localhost:\(port)")
        }
        if let dataDirectory {
            properties.remove("log.dir")
            properties.remove("metadata.log.dir")
            properties.set("log.dirs", dataDirectory)
        }
        for (key, value) in settings {
            if port != nil && key == "listeners" {
                throw .invalid(value, for: key, "--port and --set listeners cannot both be given")
            }
            if dataDirectory != nil && (key == "log.dirs" || key == "log.dir") {
                throw .invalid(value, for: key, "--data and --set \(key) cannot both be given")
            }
            // One key displaces the other one for the same thing.
            if key == "log.dirs" { properties.remove("log.dir") }
            properties.set(key, value)
        }
        let choosesListeners = properties["listeners"] == nil
        if choosesListeners { properties.set("listeners", "PLAINTEXT://localhost:\(Self.defaultPort)") }
        if tls { try Self.addTLSListener(to: &properties) }
        try self.init(properties: properties, keys: keys)
        if choosesListeners && serverProperties != nil {
            // Kafka would listen on every address.
            note("listeners is not set: only this machine reaches the broker. For every address: "
                + "--set listeners=PLAINTEXT://:\(Self.defaultPort)")
        }
        try checkServed()
    }

    private static func addTLSListener(to properties: inout Properties) throws(ConfigurationError) {
        let configuration = try BrokerConfiguration(properties: properties)
        let listeners = try configuration.listeners()
        guard !listeners.contains(where: \.securityProtocol.usesTLS) else { return }
        /// The listener's own host, and the port after its own; a free one stays a free one.
        func encrypted(_ listener: Listener) -> String {
            Listener(
                name: "SSL", securityProtocol: .ssl, host: listener.host, port: listener.port == 0 ? 0 : listener.port + 1
            ).description
        }
        for (key, first) in [
            ("listeners", listeners.first), ("advertised.listeners", try configuration.advertisedListeners().first),
        ] {
            guard let first, let text = properties[key] else { continue }
            properties.set(key, text + "," + encrypted(first))
        }
    }

    package static let defaultPort: Int32 = 9092
}
