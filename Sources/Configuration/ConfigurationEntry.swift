/// Where a value comes from; raw values are those of DescribeConfigs.
package enum ConfigurationSource: Int8, Sendable {
    case topic = 1, dynamicBroker, dynamicDefaultBroker, staticBroker, `default`
    case brokerLogger, clientMetrics, group
}

/// One key as DescribeConfigs shows it.
package struct ConfigurationEntry: Sendable {
    package struct Synonym: Sendable, Equatable {
        package var name: String
        package var value: String?
        package var source: ConfigurationSource
    }

    package var name: String
    /// nil: none, or one that must not be shown.
    package var value: String?
    package var source: ConfigurationSource
    /// nil: a key that Kafka does not have.
    package var type: ConfigurationType?
    package var isReadOnly: Bool
    package var isSensitive: Bool
    /// Every place that has a value for it, the one that counts first.
    package var synonyms: [Synonym]
    package var isDefault: Bool { source == .default }
}

/// The releases whose keys and defaults count: `--emulate` can ask for Kafka 3's.
package enum KeyList: Sendable {
    case before4, since4

    func contains(_ facts: ConfigurationFacts) -> Bool {
        if facts.isInternal(in: self) { return false }
        switch facts.releases {
        case .all: return true
        case .before4: return self == .before4
        case .since4: return self == .since4
        }
    }
}

extension ConfigurationEntry {
    /// What is set and nothing else, without types: so Kafka 3.9 describes a metrics subscription.
    package static func bare(_ values: [String: String], source: ConfigurationSource) -> [ConfigurationEntry] {
        values.sorted { $0.key < $1.key }.map { name, value in
            ConfigurationEntry(
                name: name, value: value, source: source, type: nil, isReadOnly: false, isSensitive: false, synonyms: [])
        }
    }

    /// The keys of a scope that falls back on nothing but defaults: groups, metrics subscriptions.
    package static func entries(
        of scope: ConfigurationScope, values: [String: String], source: ConfigurationSource, names: [String]? = nil
    ) -> [ConfigurationEntry] {
        scope.keys.filter { !$0.isInternal && names?.contains(String(describing: $0.name)) ?? true }.map { facts in
            let name = String(describing: facts.name)
            var synonyms: [Synonym] = []
            if let value = values[name] { synonyms.append(Synonym(name: name, value: value, source: source)) }
            return ConfigurationEntry(
                name: name, value: values[name] ?? facts.defaultText(in: .since4), source: synonyms.first?.source ?? .default,
                type: facts.type, isReadOnly: false, isSensitive: false, synonyms: synonyms)
        }
    }
}

extension BrokerConfiguration {
    /// The broker's keys with what they are set to; `names` nil: all that are not internal, and what is set beside them.
    package func entries(names: [String]? = nil) -> [ConfigurationEntry] {
        let table = ConfigurationScope.broker.keys
        if let names {
            // In the table's order, whatever the order of the question.
            let known = Set(names).filter { table.index(ofKey: $0) != nil || isSet(named: $0) }
            return known.sorted().map(entry(named:))
        }
        var all = table.filter(keys.contains).map { String(describing: $0.name) }
        // Keys of plugins and of single listeners are shown too, without their values.
        let others = Set(staticValues.keys).union(dynamicValues.keys).union(dynamicDefaults.keys)
        all += others.filter { table.index(ofKey: $0) == nil }.sorted()
        return all.map(entry(named:))
    }

    /// What is set for all brokers: the broker resource without a name shows nothing else.
    package func defaultEntries(names: [String]? = nil) -> [ConfigurationEntry] {
        dynamicDefaults.keys.sorted().filter { names?.contains($0) ?? true }.map { name in
            let facts = Self.facts(of: name)
            let value = facts?.isSensitive ?? true ? nil : dynamicDefaults[name]
            return ConfigurationEntry(
                name: name, value: value, source: .dynamicDefaultBroker, type: facts?.type(in: keys), isReadOnly: false,
                isSensitive: facts?.isSensitive ?? true,
                synonyms: [.init(name: name, value: value, source: .dynamicDefaultBroker)])
        }
    }

    private func isSet(named name: String) -> Bool {
        staticValues[name] != nil || dynamicValues[name] != nil || dynamicDefaults[name] != nil
    }

    private func entry(named name: String) -> ConfigurationEntry {
        let facts = Self.facts(of: name)
        // What is not known may be a secret.
        let isSensitive = facts?.isSensitive ?? true
        let synonyms = synonyms(of: name, isSensitive: isSensitive)
        var value: String?
        if !isSensitive {
            if let key = BrokerKey(name) {
                value = self.value(key)?.text
            } else {
                value = dynamicValues[name] ?? dynamicDefaults[name] ?? staticValues[name]
            }
        }
        let update = facts?.update(in: keys) ?? .readOnly
        return ConfigurationEntry(
            name: name, value: value, source: synonyms.first?.source ?? .default, type: facts?.type(in: keys),
            isReadOnly: update == .readOnly, isSensitive: isSensitive, synonyms: synonyms)
    }

    /// Every place with a value for the key or one of its synonyms, the strongest first. Kafka leaves out what stands
    /// before the first mention of the key's own name, and so do we.
    func synonyms(of name: String, isSensitive: Bool) -> [ConfigurationEntry.Synonym] {
        let group = BrokerKey(name).flatMap(SynonymGroup.init(of:))
        let names = group?.keys.map(\.name) ?? [name]
        var all: [ConfigurationEntry.Synonym] = []
        func add(_ values: [String: String], _ source: ConfigurationSource) {
            for name in names {
                if let value = values[name] { all.append(.init(name: name, value: isSensitive ? nil : value, source: source)) }
            }
        }
        add(dynamicValues, .dynamicBroker)
        add(dynamicDefaults, .dynamicDefaultBroker)
        add(staticValues, .staticBroker)
        for name in names {
            guard let value = BrokerKey(name)?.facts.defaultText(in: keys) else { continue }
            all.append(.init(name: name, value: isSensitive ? nil : value, source: .default))
        }
        return Array(all.drop { $0.name != name })
    }
}

extension TopicConfiguration {
    /// The topic's keys with what they are set to; `names` nil: all that are not internal.
    package static func entries(
        overrides: [String: String], broker: BrokerConfiguration, names: [String]? = nil
    ) -> [ConfigurationEntry] {
        let table = ConfigurationScope.topic.keys
        let all = names.map { Set($0).sorted() } ?? table.filter(broker.keys.contains).map { String(describing: $0.name) }
        return all.compactMap(TopicKey.init).map { entry($0, overrides: overrides, broker: broker) }
    }

    private static func entry(
        _ key: TopicKey, overrides: [String: String], broker: BrokerConfiguration
    ) -> ConfigurationEntry {
        var synonyms: [ConfigurationEntry.Synonym] = []
        var value = overrides[key.name].flatMap { try? key.facts.parse($0) }
        if let override = value { synonyms.append(.init(name: key.name, value: override.text, source: .topic)) }
        if let brokerKey = key.brokerKey {
            synonyms += broker.synonyms(of: brokerKey.name, isSensitive: false)
            if let group = SynonymGroup(of: brokerKey) {
                value = value ?? .integer(broker.milliseconds(group))
            } else {
                value = value ?? broker.value(brokerKey)
            }
        }
        return ConfigurationEntry(
            name: key.name, value: value?.text ?? key.facts.defaultText(in: broker.keys), source: synonyms.first?.source ?? .default,
            type: key.facts.type, isReadOnly: false, isSensitive: false, synonyms: synonyms)
    }
}

extension ConfigurationValue {
    /// As Kafka writes a parsed value back.
    package var text: String {
        switch self {
        case .boolean(let value): value ? "true" : "false"
        case .string(let value): value
        case .integer(let value): "\(value)"
        case .double(let value): value.javaText
        case .list(let elements): elements.joined(separator: ",")
        }
    }
}
