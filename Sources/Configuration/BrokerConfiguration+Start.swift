extension BrokerConfiguration {
    /// What a start is given: the text of server.properties, then what the command line says, which wins.
    ///
    /// - Parameters:
    ///   - settings: `--set key=value`, in order.
    ///   - port: `--port`: the loopback addresses, in place of all listeners of the file.
    ///   - dataDirectory: `--data`: in place of log.dirs and metadata.log.dir.
    ///   - security: what `--port` speaks.
    package init(
        serverProperties: String?, settings: [(key: String, value: String)] = [], port: Int32? = nil,
        dataDirectory: String? = nil, security: SecurityProtocol = .plaintext
    ) throws(ConfigurationError) {
        var properties = try serverProperties.map { text throws(ConfigurationError) in try Properties(parsing: text) }
            ?? Properties()
        if let port {
            properties.remove("advertised.listeners")
            properties.set("listeners", "\(security.rawValue)://localhost:\(port)")
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
        if properties["listeners"] == nil {
            properties.set("listeners", "\(security.rawValue)://localhost:\(Self.defaultPort)")
        }
        try self.init(properties: properties)
    }

    package static let defaultPort: Int32 = 9092
}
