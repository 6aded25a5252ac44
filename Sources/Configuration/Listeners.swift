/// What is spoken on a listener.
package enum SecurityProtocol: String, Sendable, CaseIterable {
    case plaintext = "PLAINTEXT"
    case ssl = "SSL"
    case saslPlaintext = "SASL_PLAINTEXT"
    case saslSsl = "SASL_SSL"

    package var usesTLS: Bool { self == .ssl || self == .saslSsl }
    package var usesSASL: Bool { self == .saslPlaintext || self == .saslSsl }
    /// As in broker registrations and ZooKeeper.
    package var id: Int16 {
        switch self {
        case .plaintext: 0
        case .ssl: 1
        case .saslPlaintext: 2
        case .saslSsl: 3
        }
    }
}

/// One entry of `listeners` or `advertised.listeners`: `NAME://host:port`.
package struct Listener: Sendable, Equatable, CustomStringConvertible {
    package var name: String
    package var securityProtocol: SecurityProtocol
    /// Empty: every address of this machine. An IPv6 address stands here without its brackets.
    package var host: String
    /// 0: any free port.
    package var port: Int32

    package init(name: String, securityProtocol: SecurityProtocol, host: String, port: Int32) {
        self.name = name
        self.securityProtocol = securityProtocol
        self.host = host
        self.port = port
    }

    package var description: String { "\(name)://\(host.contains(":") ? "[\(host)]" : host):\(port)" }
}

extension BrokerConfiguration {
    /// Where we listen if nobody says otherwise: on this machine only.
    package static let defaultListeners = "PLAINTEXT://localhost:\(defaultPort)"

    /// What clients connect to, the listeners of controllers left out.
    package func listeners() throws(ConfigurationError) -> [Listener] {
        let text = explicitText(.listeners) ?? Self.defaultListeners
        let all = try parseListeners(text, key: "listeners", mayBeAnyPort: true)
        let controllers = list(.controllerListenerNames)
        let kept = all.filter { !controllers.contains($0.name) }
        guard !kept.isEmpty else {
            throw .invalid(text, for: "listeners", "a listener that is not in controller.listener.names is needed")
        }
        for (index, listener) in kept.enumerated() where listener.port != 0 {
            // One port for an IPv4 and an IPv6 address is allowed since Kafka 3.
            for other in kept[..<index] where other.port == listener.port {
                if !(other.host.isIPv4Address && listener.host.isIPv6Address)
                    && !(other.host.isIPv6Address && listener.host.isIPv4Address)
                {
                    throw .invalid(text, for: "listeners", "Each listener must have a different port")
                }
            }
        }
        return kept
    }

    /// What Metadata answers for each listener. Where a listener is bound to a free port (0), or to all addresses, the
    /// server fills in what the socket says.
    ///
    /// - Parameter bound: what `listeners()` says, where it has been asked already.
    package func advertisedListeners(of bound: [Listener]? = nil) throws(ConfigurationError) -> [Listener] {
        let bound = if let bound { bound } else { try listeners() }
        guard let text = explicitText(.advertisedListeners) else { return bound }
        let controllers = list(.controllerListenerNames)
        let advertised = try parseListeners(text, key: "advertised.listeners", mayBeAnyPort: true)
            .filter { !controllers.contains($0.name) }
        for listener in advertised {
            if listener.host == "0.0.0.0" || listener.host == "::" {
                throw .invalid(
                    text, for: "advertised.listeners",
                    "advertised.listeners cannot use the nonroutable meta-address \(listener.host). Use a routable IP address.")
            }
            if !bound.contains(where: { $0.name == listener.name }) {
                throw .invalid(
                    text, for: "advertised.listeners",
                    "advertised.listeners listener names must be equal to or a subset of the ones defined in listeners. "
                        + "Found \(listener.name). The valid options based on the current configuration are "
                        + bound.map(\.name).joined(separator: ","))
            }
        }
        return advertised
    }

    /// The listener that brokers use among themselves: inter.broker.listener.name, or the first that speaks
    /// security.inter.broker.protocol, or the first at all.
    package func interBrokerListenerName(among all: [Listener]? = nil) throws(ConfigurationError) -> String {
        let all = if let all { all } else { try listeners() }
        if let name = string(.interBrokerListenerName) {
            guard all.contains(where: { $0.name == name.uppercased() }) else {
                throw .invalid(name, for: "inter.broker.listener.name", "no listener of this name in listeners")
            }
            return name.uppercased()
        }
        let wanted = string(.securityInterBrokerProtocol) ?? SecurityProtocol.plaintext.rawValue
        return (all.first { $0.name == wanted } ?? all.first { $0.securityProtocol.rawValue == wanted } ?? all[0]).name
    }

    /// listener.security.protocol.map. Names that are protocols need no entry; controller listeners without one are
    /// PLAINTEXT, as in Kafka.
    func securityProtocols() throws(ConfigurationError) -> [String: SecurityProtocol] {
        let key = BrokerKey.listenerSecurityProtocolMap
        let text = text(key) ?? ""
        var map: [String: SecurityProtocol] = [:]
        for entry in text.configurationList {
            guard let colon = entry.utf8.firstIndex(of: UInt8(ascii: ":")),
                let security = SecurityProtocol(rawValue: String(entry[entry.index(after: colon)...]).trimmingBlanks.uppercased())
            else {
                throw .invalid(
                    text, for: key.name,
                    "NAME:PROTOCOL expected, with one of \(SecurityProtocol.allCases.map(\.rawValue).joined(separator: ", "))"
                        + "; found \(entry)")
            }
            map[String(entry[..<colon]).trimmingBlanks.uppercased()] = security
        }
        if !isSet(key) {
            for name in list(.controllerListenerNames) where map[name] == nil { map[name] = .plaintext }
        }
        return map
    }

    private func parseListeners(
        _ text: String, key: String, mayBeAnyPort: Bool
    ) throws(ConfigurationError) -> [Listener] {
        let protocols = try securityProtocols()
        var result: [Listener] = []
        for entry in text.configurationList where !entry.isEmpty {
            let listener = try Self.parseListener(entry, key: key, whole: text, protocols: protocols)
            if result.contains(where: { $0.name == listener.name }) {
                throw .invalid(text, for: key, "Each listener must have a different name")
            }
            result.append(listener)
        }
        return result
    }

    private static func parseListener(
        _ entry: String, key: String, whole: String, protocols: [String: SecurityProtocol]
    ) throws(ConfigurationError) -> Listener {
        guard let separator = entry.firstIndex(of: ":"), entry[separator...].hasPrefix("://"),
            let colon = entry.lastIndex(of: ":"), colon > separator, let port = UInt16(entry[entry.index(after: colon)...])
        else {
            throw .invalid(whole, for: key, "NAME://host:port expected, found \(entry)")
        }
        let name = entry[..<separator].uppercased()
        var host = String(entry[entry.index(separator, offsetBy: 3)..<colon])
        if host.hasPrefix("[") && host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        if host.contains(where: { $0 == "[" || $0 == "]" || $0 == "/" || $0 == " " }) {
            throw .invalid(whole, for: key, "NAME://host:port expected, found \(entry)")
        }
        guard let security = protocols[name] else {
            throw .invalid(
                whole, for: key, "No security protocol defined for listener \(name) in listener.security.protocol.map")
        }
        return Listener(name: name, securityProtocol: security, host: host, port: Int32(port))
    }
}

extension String {
    var isIPv4Address: Bool {
        let parts = split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
    }

    /// Nothing but an IPv6 address has a colon where a host stands.
    var isIPv6Address: Bool { contains(":") }
}
