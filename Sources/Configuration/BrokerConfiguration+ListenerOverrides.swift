extension BrokerConfiguration {
    /// What Kafka checks when a key that concerns all listeners changes while the broker runs (ssl.client.auth, max.connections, ...;
    /// DynamicListenerConfig.validateReconfiguration): no listener may have overrides of its own (`listener.name.NAME.KEY`) that
    /// server.properties does not have, but for those that a listener takes up at once. The override by itself passes.
    func checkListenerOverrides(before: BrokerConfiguration) throws(ConfigurationError) {
        let names = Set(dynamicValues.keys).union(dynamicDefaults.keys).union(before.dynamicValues.keys).union(before.dynamicDefaults.keys)
        let touched = names.sorted().compactMap { BrokerKey($0) }.first {
            $0.concernsAllListeners && text($0)?.trimmingBlanks != before.text($0)?.trimmingBlanks
        }
        guard let touched else { return }
        for listener in try listeners() {
            let prefix = "listener.name.\(listener.name.lowercased())."
            func overrides(_ values: [String: String]) -> [String: String] {
                values.filter { $0.key.hasPrefix(prefix) && !Self.isTakenUpAtOnce(String($0.key.dropFirst(prefix.count))) }
            }
            let dynamic = dynamicDefaults.merging(dynamicValues) { _, own in own }
            let now = overrides(staticValues.merging(dynamic) { _, own in own })
            guard now != overrides(staticValues) else { continue }
            throw ConfigurationError(
                key: touched.name, value: text(touched),
                message: "Configs cannot be updated dynamically for existing listener ListenerName(\(listener.name)), "
                    + "restart broker or create a new listener for update")
        }
    }

    /// What one listener takes up while it runs.
    private static func isTakenUpAtOnce(_ key: String) -> Bool {
        keyAndTrustStores.contains(key) || ["max.connections", "max.connection.creation.rate", "num.network.threads"].contains(key)
    }
}

extension BrokerKey {
    /// DynamicListenerConfig.ReconfigurableConfigs, without `listeners`, whose change has a check of its own.
    fileprivate var concernsAllListeners: Bool {
        [.principalBuilderClass, .maxConnections, .maxConnectionCreationRate, .numNetworkThreads].contains(self)
            || (name.hasPrefix("ssl.") || name.hasPrefix("sasl.")) && facts.update(in: .since4) != .readOnly
    }
}
