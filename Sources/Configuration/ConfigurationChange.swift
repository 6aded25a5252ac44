/// One step of IncrementalAlterConfigs; raw values are the wire's.
package struct ConfigurationChange: Sendable {
    package enum Operation: Int8, Sendable { case set, delete, append, subtract }

    package var operation: Operation
    package var name: String
    package var value: String?

    package init(_ operation: Operation, _ name: String, _ value: String? = nil) {
        self.operation = operation
        self.name = name
        self.value = value
    }
}

extension [String: String] {
    /// The values after these changes, not yet checked. Appending to a list that is not set begins with its default.
    package func applying(
        _ changes: [ConfigurationChange], scope: ConfigurationScope, keys: KeyList = .since4
    ) throws(ConfigurationError) -> [String: String] {
        var result = self
        for change in changes {
            let name = change.name
            switch change.operation {
            case .set: result[name] = change.value ?? ""
            case .delete: result[name] = nil
            case .append, .subtract:
                let facts = scope.keys.facts(ofKey: name)
                guard facts?.type == .list else {
                    let verb = change.operation == .append ? "APPEND" : "SUBTRACT"
                    throw ConfigurationError(
                        key: name, value: change.value,
                        message: "Can't \(verb) to key \(name) because its type is not LIST.")
                }
                var elements = (result[name] ?? facts?.defaultText(in: keys) ?? "").configurationList.filter { !$0.isEmpty }
                let named = (change.value ?? "").configurationList
                if change.operation == .subtract {
                    let removed = Set(named)
                    elements.removeAll { removed.contains($0) }
                } else {
                    var known = Set(elements)
                    for element in named where known.insert(element).inserted { elements.append(element) }
                }
                result[name] = elements.joined(separator: ",")
            }
        }
        return result
    }
}

extension BrokerConfiguration {
    /// Checks new dynamic values for this broker (or, with `forAllBrokers`, for the resource without a name) against
    /// what Kafka lets change while it runs.
    package func validateDynamic(_ values: [String: String], forAllBrokers: Bool) throws(ConfigurationError) {
        let current = forAllBrokers ? dynamicDefaults : dynamicValues
        let changed = values.filter { current[$0.key] != $0.value }.sorted { $0.key < $1.key }
        let fixed = changed.filter { Self.facts(of: $0.key)?.update(in: keys) == .readOnly }.map(\.key)
        if let first = fixed.first {
            throw ConfigurationError(
                key: first, value: values[first],
                message: "Cannot update these configs dynamically: [\(fixed.joined(separator: ", "))]")
        }
        let stores = changed.map(\.key).filter(Self.keyAndTrustStores.contains)
        if let first = stores.first {
            throw ConfigurationError(
                key: first, value: values[first],
                message: "These security configs can be dynamically updated only per-listener using the listener "
                    + "prefix: [\(stores.joined(separator: ", "))]")
        }
        let single = changed.map(\.key).filter {
            Self.facts(of: $0)?.update(in: keys) == .perBroker || $0.hasPrefix("listener.name.")
        }
        if forAllBrokers, let first = single.first {
            throw ConfigurationError(
                key: first, value: values[first],
                message: "Cannot update these configs at default cluster level, broker id must be specified: "
                    + "[\(single.joined(separator: ", "))]")
        }
        for (name, value) in changed {
            try Self.facts(of: name)?.parse(value)
            try checkThreads(name, value)
        }
        let whole = forAllBrokers
            ? with(dynamicDefaults: values, dynamicValues: dynamicValues)
            : with(dynamicDefaults: dynamicDefaults, dynamicValues: values)
        try whole.checkListenerOverrides(before: self)
        try whole.checkRetention()
        try whole.checkCleanerMemory()
        try checkCleanerThreads(whole.integer(.logCleanerThreads))
        if changed.contains(where: { $0.key == "listeners" || $0.key == "listener.security.protocol.map" }) {
            _ = try whole.advertisedListeners()
        }
    }

    /// What may differ only from listener to listener (SslConfigs.RECONFIGURABLE_CONFIGS).
    static let keyAndTrustStores: Set<String> = [
        "ssl.keystore.type", "ssl.keystore.location", "ssl.keystore.password", "ssl.key.password",
        "ssl.keystore.key", "ssl.keystore.certificate.chain", "ssl.truststore.type", "ssl.truststore.location",
        "ssl.truststore.password", "ssl.truststore.certificates",
    ]

    /// The same of the cleaner, in words of its own; Kafka ends with a division by zero where there are to be none.
    private func checkCleanerThreads(_ wanted: Int64) throws(ConfigurationError) {
        let current = integer(.logCleanerThreads)
        let reason: String
        if wanted < 1 {
            reason = "should be at least 1"
        } else if !logCleanerEnable {
            return
        } else if wanted < current / 2 {
            reason = "cannot be reduced to less than half the current value \(current)"
        } else if wanted > 2 * current {
            reason = "cannot be increased to more than double the current value \(current)"
        } else {
            return
        }
        throw ConfigurationError(
            key: "log.cleaner.threads", value: "\(wanted)",
            message: "Invalid value org.apache.kafka.common.config.ConfigException: Log cleaner threads \(reason) for configuration "
                + "Invalid dynamic configuration")
    }

    /// Kafka lets a number of threads at most double or halve in one step.
    private func checkThreads(_ name: String, _ value: String) throws(ConfigurationError) {
        let keys: [BrokerKey] = [
            .numIoThreads, .numNetworkThreads, .numReplicaFetchers, .numRecoveryThreadsPerDataDir, .backgroundThreads,
        ]
        guard let key = BrokerKey(name), keys.contains(key), let wanted = Int64(value.trimmingBlanks) else { return }
        let current = integer(key)
        let reason: String
        if wanted > 2 * current {
            reason = "value should not be greater than double the current value \(current)"
        } else if wanted < current / 2 {
            reason = "value should be at least half the current value \(current)"
        } else {
            return
        }
        throw ConfigurationError(
            key: name, value: value,
            message: "Dynamic thread count update validation failed for \(name)=\(wanted), \(reason)")
    }
}
