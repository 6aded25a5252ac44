/// The type of a key's value; raw values are those of DescribeConfigs (KIP-569).
package enum ConfigurationType: Int8, Sendable {
    case boolean = 1, string, int, short, long, double, list, `class`, password

    /// As Kafka's error texts spell it.
    package var name: String {
        switch self {
        case .boolean: "BOOLEAN"
        case .string: "STRING"
        case .int: "INT"
        case .short: "SHORT"
        case .long: "LONG"
        case .double: "DOUBLE"
        case .list: "LIST"
        case .class: "CLASS"
        case .password: "PASSWORD"
        }
    }
}

/// What a key belongs to.
package enum ConfigurationScope: Sendable {
    case broker, topic, group, clientMetrics, userClientQuota, ipQuota, brokerQuota

    /// The keys of this scope, sorted by name.
    package var keys: [ConfigurationFacts] {
        switch self {
        case .broker: ConfigurationTable.broker
        case .topic: ConfigurationTable.topic
        case .group: ConfigurationTable.group
        case .clientMetrics: ConfigurationTable.clientMetrics
        case .userClientQuota: ConfigurationTable.userClientQuota
        case .ipQuota: ConfigurationTable.ipQuota
        case .brokerQuota: ConfigurationTable.brokerQuota
        }
    }
}

/// How a key may be changed while the broker runs.
package enum UpdateMode: Sendable {
    case readOnly, perBroker, clusterWide
    /// Keys of topics, groups, quotas: they exist only as dynamic configuration.
    case dynamic
}

/// What is allowed beyond the type.
package enum AllowedValues: Sendable {
    case any
    case nonEmpty
    case integer(Int64, Int64)
    /// A range, and one value outside of it.
    case integerOr(Int64, Int64, Int64)
    case ratio(Double, Double)
    /// The choices, separated by a comma and a space.
    case oneOf(StaticString)
    case oneOfIgnoringCase(StaticString)
    /// No element twice, none empty.
    case list(mayBeEmpty: Bool, of: StaticString?)
    /// `*`, or a list of partition:broker.
    case throttledReplicas
    /// earliest, latest, or by_duration: and an ISO 8601 duration.
    case offsetReset
}

/// The releases of Apache Kafka that know a key.
package enum KeyReleases: Sendable {
    case all, before4, since4
}

/// One row of the table of Kafka's configuration keys.
package struct ConfigurationFacts: Sendable {
    /// What releases changed of a key.
    struct Form: Sendable {
        let type: ConfigurationType
        let defaultValue: StaticString?
        let update: UpdateMode
        let isInternal: Bool

        init(
            _ type: ConfigurationType, _ defaultValue: StaticString?, _ update: UpdateMode, isInternal: Bool = false
        ) {
            self.type = type
            self.defaultValue = defaultValue
            self.update = update
            self.isInternal = isInternal
        }
    }

    package let name: StaticString
    package let type: ConfigurationType
    package let defaultValue: StaticString?
    package let allowed: AllowedValues
    package let update: UpdateMode
    package let isInternal: Bool
    package let releases: KeyReleases
    /// For a topic's key: the broker's key that stands behind it, as an index into the broker's table; -1 for none.
    let brokerKey: Int
    /// As Kafka 3.9 had it, where that differs.
    private let before4: Form?

    init(
        _ name: StaticString, _ type: ConfigurationType, _ defaultValue: StaticString?, _ allowed: AllowedValues,
        _ update: UpdateMode, isInternal: Bool = false, releases: KeyReleases = .all, brokerKey: Int = -1,
        before4: Form? = nil
    ) {
        self.name = name
        self.type = type
        self.defaultValue = defaultValue
        self.allowed = allowed
        self.update = update
        self.isInternal = isInternal
        self.releases = releases
        self.brokerKey = brokerKey
        self.before4 = before4
    }

    package var isSensitive: Bool { type == .password }

    /// Type, default, how it may be updated and whether it is shown, in the releases of that list.
    private func form(in list: KeyList) -> Form {
        if list == .before4, let before4 { return before4 }
        return Form(type, defaultValue, update, isInternal: isInternal)
    }

    package func defaultText(in list: KeyList) -> String? { form(in: list).defaultValue.map { String(describing: $0) } }
    /// Not held against what is allowed: of some keys 3.9's default is no longer.
    func parsedDefault(in list: KeyList) -> ConfigurationValue? {
        defaultText(in: list).flatMap { try? ConfigurationValue(parsing: $0, as: type, key: String(describing: name)) }
    }

    func isInternal(in list: KeyList) -> Bool { form(in: list).isInternal }
    func type(in list: KeyList) -> ConfigurationType { form(in: list).type }
    func update(in list: KeyList) -> UpdateMode { form(in: list).update }
}

/// The generated rows; see `Generated/`.
enum ConfigurationTable {}

/// A key of the broker's table; the generated members are its keys (`BrokerKey.logRetentionMs`).
package struct BrokerKey: Sendable, Hashable {
    let index: Int

    init(index: Int) { self.index = index }

    /// The key of this name, if Kafka has it.
    package init?(_ name: String) {
        guard let index = ConfigurationTable.broker.index(ofKey: name) else { return nil }
        self.index = index
    }

    package var facts: ConfigurationFacts { ConfigurationTable.broker[index] }
    package var name: String { String(describing: facts.name) }
}

/// A key of the topics' table; the generated members are its keys (`TopicKey.retentionMs`).
package struct TopicKey: Sendable, Hashable {
    let index: Int

    init(index: Int) { self.index = index }

    /// The key of this name, if Kafka has it.
    package init?(_ name: String) {
        guard let index = ConfigurationTable.topic.index(ofKey: name) else { return nil }
        self.index = index
    }

    package var facts: ConfigurationFacts { ConfigurationTable.topic[index] }
    package var name: String { String(describing: facts.name) }
    /// The broker's key whose value counts where a topic has none of its own.
    package var brokerKey: BrokerKey? { facts.brokerKey < 0 ? nil : BrokerKey(index: facts.brokerKey) }
}

extension [ConfigurationFacts] {
    /// Binary search by name: nothing is built at start-up for it.
    package func index(ofKey name: String) -> Int? {
        var name = name
        return name.withUTF8 { wanted in
            var low = 0
            var high = count
            while low < high {
                let middle = (low + high) / 2
                let order = compare(UnsafeBufferPointer(self[middle].name), wanted)
                if order == 0 { return middle }
                if order < 0 { low = middle + 1 } else { high = middle }
            }
            return nil
        }
    }

    package func facts(ofKey name: String) -> ConfigurationFacts? { index(ofKey: name).map { self[$0] } }
}

/// Byte order: negative, zero, positive.
private func compare(_ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>) -> Int {
    for (a, b) in zip(left, right) where a != b { return a < b ? -1 : 1 }
    return left.count - right.count
}

extension UnsafeBufferPointer<UInt8> {
    /// The table's names are written as string literals, whose bytes live as long as the program.
    fileprivate init(_ literal: StaticString) {
        precondition(literal.hasPointerRepresentation)
        self.init(start: literal.utf8Start, count: literal.utf8CodeUnitCount)
    }
}
