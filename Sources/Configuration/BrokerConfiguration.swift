/// A broker's configuration: what the operator wrote, over it what was changed while it ran, under it Kafka's defaults.
///
/// A value; a change makes a new one. Values are checked when they come in, so reading one cannot fail.
package struct BrokerConfiguration: Sendable {
    /// From server.properties and the command line, keys that Kafka does not have included.
    package private(set) var staticValues: [String: String] = [:]
    /// Set for all brokers (the broker resource without a name).
    package private(set) var dynamicDefaults: [String: String] = [:]
    /// Set for this broker.
    package private(set) var dynamicValues: [String: String] = [:]
    /// What the operator should hear at start, one sentence each.
    package private(set) var notes: [String] = []
    /// The releases whose keys and defaults it has.
    package let keys: KeyList

    /// Kafka's defaults, node 1.
    package init(keys: KeyList = .since4) { self.keys = keys }

    /// Checks every key that Kafka has; keys that it does not have are kept and noted.
    package init(properties: Properties, keys: KeyList = .since4) throws(ConfigurationError) {
        self.keys = keys
        for (key, value) in properties.entries {
            staticValues[key] = value
            guard let facts = Self.facts(of: key) else {
                notes.append(Self.note(onUnknown: key))
                continue
            }
            try facts.parse(value)
            if facts.releases == .before4, let note = Self.note(onRemoved: key) { notes.append(note) }
            if facts.type == .class, !value.isEmpty, value != facts.defaultText(in: keys) {
                notes.append("\(key)=\(value) is ignored: Java classes cannot be loaded here")
            }
        }
        try checkAsAWhole()
        fillIn()
    }

    /// Writes down what we choose where nobody chose, so that DescribeConfigs tells it.
    private mutating func fillIn() {
        if staticValues["node.id"] == nil { staticValues["node.id"] = "\(nodeId)" }
        if staticValues["broker.id"] == nil { staticValues["broker.id"] = "\(nodeId)" }
        if staticValues["listeners"] == nil { staticValues["listeners"] = Self.defaultListeners }
        if staticValues["log.dirs"] == nil && staticValues["log.dir"] == nil {
            staticValues["log.dirs"] = Self.defaultDataDirectory
        }
    }

    package init(_ values: KeyValuePairs<String, String>) throws(ConfigurationError) {
        var properties = Properties()
        for (key, value) in values { properties.set(key, value) }
        try self.init(properties: properties)
    }

    mutating func note(_ text: String) { notes.append(text) }

    // MARK: Dynamic configuration

    /// The configuration with these dynamic values. A value that cannot be read, which a metadata log may hold, is left
    /// out and reported, as Kafka does.
    package func with(
        dynamicDefaults: [String: String], dynamicValues: [String: String], rejected: (ConfigurationError) -> Void = { _ in }
    ) -> BrokerConfiguration {
        var copy = self
        copy.dynamicDefaults = Self.readable(dynamicDefaults, rejected)
        copy.dynamicValues = Self.readable(dynamicValues, rejected)
        return copy
    }

    private static func readable(
        _ values: [String: String], _ rejected: (ConfigurationError) -> Void
    ) -> [String: String] {
        values.filter { key, value in
            guard let facts = facts(of: key) else { return true }
            do throws(ConfigurationError) {
                try facts.parse(value)
                return true
            } catch {
                rejected(error)
                return false
            }
        }
    }

    // MARK: Reading

    /// The value that counts, as text; nil where there is none.
    package func text(_ key: BrokerKey) -> String? { explicitText(key) ?? key.facts.defaultText(in: keys) }

    /// The same without Kafka's default.
    package func explicitText(_ key: BrokerKey) -> String? {
        let name = key.name
        if let value = dynamicValues[name] ?? dynamicDefaults[name] { return value }
        // A dynamic value of another key for the same thing (log.retention.ms for log.retention.hours) displaces it.
        if let group = SynonymGroup(of: key) {
            for other in group.keys where other != key {
                if dynamicValues[other.name] != nil || dynamicDefaults[other.name] != nil { return nil }
            }
        }
        return staticValues[name]
    }

    package func isSet(_ key: BrokerKey) -> Bool { explicitText(key) != nil }

    package func value(_ key: BrokerKey) -> ConfigurationValue? {
        // Values were checked on their way in, defaults are Kafka's own.
        explicitText(key).map { try? key.facts.parse($0) } ?? key.facts.parsedDefault(in: keys)
    }

    package func integer(_ key: BrokerKey) -> Int64 { optionalInteger(key) ?? 0 }
    package func int(_ key: BrokerKey) -> Int { Int(integer(key)) }

    package func optionalInteger(_ key: BrokerKey) -> Int64? {
        guard case .integer(let value)? = value(key) else { return nil }
        return value
    }

    package func bool(_ key: BrokerKey) -> Bool { value(key) == .boolean(true) }

    package func double(_ key: BrokerKey) -> Double {
        guard case .double(let value)? = value(key) else { return 0 }
        return value
    }

    package func string(_ key: BrokerKey) -> String? {
        guard case .string(let value)? = value(key) else { return nil }
        return value
    }

    package func list(_ key: BrokerKey) -> [String] {
        guard case .list(let value)? = value(key) else { return [] }
        return value
    }

    /// The value for one listener: `listener.name.LISTENER.KEY` before KEY.
    package func string(_ key: BrokerKey, listener: String) -> String? {
        let prefixed = "listener.name.\(listener.lowercased()).\(key.name)"
        let own = dynamicValues[prefixed] ?? dynamicDefaults[prefixed] ?? staticValues[prefixed]
        return own?.trimmingBlanks ?? string(key)
    }

    package func list(_ key: BrokerKey, listener: String) -> [String] {
        let prefixed = "listener.name.\(listener.lowercased()).\(key.name)"
        let own = dynamicValues[prefixed] ?? dynamicDefaults[prefixed] ?? staticValues[prefixed]
        return own?.configurationList ?? list(key)
    }

    // MARK: Keys

    /// The row of a key, with or without a `listener.name.NAME.` (and a SASL mechanism) before it.
    static func facts(of name: String) -> ConfigurationFacts? {
        if let facts = ConfigurationScope.broker.keys.facts(ofKey: name) { return facts }
        if let facts = ConfigurationScope.brokerQuota.keys.facts(ofKey: name) { return facts }
        guard name.hasPrefix("listener.name.") else { return nil }
        // Which dots belong to the names is not written down: the shortest names for which the rest is a key.
        var rest = name.dropFirst("listener.name.".utf8.count)
        while let dot = rest.firstIndex(of: ".") {
            rest = rest[rest.index(after: dot)...]
            if let facts = ConfigurationScope.broker.keys.facts(ofKey: String(rest)) { return facts }
        }
        return nil
    }

    private static func note(onRemoved key: String) -> String? {
        switch key {
        case "zookeeper.connect":
            "zookeeper.connect is ignored: the metadata are kept in the data directory, without ZooKeeper"
        case let key where key.hasPrefix("zookeeper."): nil
        default: "\(key) is ignored: Kafka 4 no longer has it"
        }
    }
}

/// Keys for one thing in different units: the first that is set counts.
struct SynonymGroup {
    /// Each key and what its unit is in the first key's.
    let members: [(key: BrokerKey, factor: Int64)]
    var keys: [BrokerKey] { members.map(\.key) }

    static let retention = SynonymGroup(members: [
        (.logRetentionMs, 1), (.logRetentionMinutes, 60_000), (.logRetentionHours, 3_600_000),
    ])
    static let roll = SynonymGroup(members: [(.logRollMs, 1), (.logRollHours, 3_600_000)])
    static let rollJitter = SynonymGroup(members: [(.logRollJitterMs, 1), (.logRollJitterHours, 3_600_000)])
    static let flush = SynonymGroup(members: [(.logFlushIntervalMs, 1), (.logFlushSchedulerIntervalMs, 1)])

    init(members: [(key: BrokerKey, factor: Int64)]) { self.members = members }

    init?(of key: BrokerKey) {
        switch key {
        case .logRetentionMs, .logRetentionMinutes, .logRetentionHours: self = .retention
        case .logRollMs, .logRollHours: self = .roll
        case .logRollJitterMs, .logRollJitterHours: self = .rollJitter
        case .logFlushIntervalMs, .logFlushSchedulerIntervalMs: self = .flush
        default: return nil
        }
    }
}

extension BrokerConfiguration {
    /// The group's value in its first key's unit: the finest key that is set, else the coarsest key's default.
    func milliseconds(_ group: SynonymGroup) -> Int64 {
        for (key, factor) in group.members {
            if let value = optionalInteger(key) {
                if value < 0 { return -1 }
                let (product, overflow) = value.multipliedReportingOverflow(by: factor)
                return overflow ? .max : product
            }
        }
        return -1
    }
}
