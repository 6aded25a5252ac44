// What Apache Kafka has and this broker does not serve yet: said at the start, before a data directory is touched.
extension BrokerConfiguration {
    /// Refuses what would leave the broker more open than its configuration asks for, or without a door at all.
    func checkServed() throws(ConfigurationError) {
        if let authorizer = string(.authorizerClassName), !authorizer.isEmpty {
            throw .invalid(
                authorizer, for: "authorizer.class.name",
                "ACLs are not enforced yet: whoever can connect may do everything. Where that is meant, leave the key out "
                    + "or set it to nothing (--set authorizer.class.name=)")
        }
        let listeners = try listeners()
        if let listener = listeners.first(where: { $0.securityProtocol.usesSASL }) {
            throw .invalid(
                "\(listener)", for: "listeners", "\(listener.securityProtocol.rawValue) is not served yet; PLAINTEXT and SSL are")
        }
    }

    /// Tells of keys that promise something which does not happen here.
    mutating func noteUnserved() {
        if bool(.remoteLogStorageSystemEnable) {
            note("remote.log.storage.system.enable is ignored: all data stay in log.dirs")
        }
        if isSet(.configProviders), !list(.configProviders).isEmpty {
            note("config.providers is ignored: ${...} in a value is taken as it is written")
        }
        for key in [BrokerKey.metricReporters, .kafkaMetricsReporters] where isSet(key) {
            guard let text = text(key), !text.isEmpty else { continue }
            note("\(key.name)=\(text) is ignored: Java classes cannot be loaded here")
        }
        if let roles = value(.processRoles), case .list(let names) = roles, names == ["broker"] {
            note("the controllers of controller.quorum.* are not asked: this node is a cluster of its own")
        }
    }

    /// Why a key that is none of the broker's does nothing.
    static func note(onUnknown key: String) -> String {
        switch key {
        case "host.name", "port": "\(key) is ignored: Kafka 3 no longer has it; listeners says where to listen"
        case "advertised.host.name", "advertised.port":
            "\(key) is ignored: Kafka 3 no longer has it; advertised.listeners says what clients are told"
        case "allow.everyone.if.no.acl.found", "super.users": "\(key) is ignored: it is an authorizer's, and there is none here"
        default: "\(key) is not a key of Kafka's: ignored"
        }
    }
}
