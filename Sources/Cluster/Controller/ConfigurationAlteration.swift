package import Configuration
internal import KafkaMessages

/// What one resource's configuration shall become.
package struct ConfigurationAlteration: Sendable {
    package enum Edit: Sendable {
        /// AlterConfigs: these values and no others.
        case replace([(name: String, value: String?)])
        /// IncrementalAlterConfigs.
        case change([ConfigurationChange])
    }

    package var resource: ConfigurationResource
    package var edit: Edit
    /// What somebody else has found against it, who knows more of its values than their types.
    package var refusal: ControllerError?

    package init(_ resource: ConfigurationResource, _ edit: Edit) {
        self.resource = resource
        self.edit = edit
    }

    /// The records of all alterations that are allowed, and for each what comes of it (Kafka's ConfigAdminManager and
    /// ConfigurationControlManager).
    package static func decide(
        _ alterations: [ConfigurationAlteration], in image: ClusterImage, configuration: BrokerConfiguration
    ) -> (records: [[UInt8]], outcomes: [Result<Void, ControllerError>]) {
        var list = RecordList()
        let repeated = alterations.map(\.resource).repeated
        let outcomes = alterations.map { alteration in
            Result { () throws(ControllerError) in
                if repeated.contains(alteration.resource) {
                    throw ControllerError(.invalidRequest, "Each resource must appear at most once.")
                }
                try alteration.decide(in: image, configuration, &list)
            }
        }
        return (list.records, outcomes)
    }

    private func decide(
        in image: ClusterImage, _ configuration: BrokerConfiguration, _ list: inout RecordList
    ) throws(ControllerError) {
        try checkNames()
        try checkResource(in: image, configuration)
        let before = image.configuration(resource)
        let after: [String: String]
        do {
            after = try edited(before, configuration.keys)
        } catch {
            throw ControllerError(.invalidConfig, error.message)
        }
        // Appending may have made a list that is too long.
        for (name, value) in after { try Self.checkLength(name, value) }
        try check(after, before, configuration)
        if let refusal { throw refusal }
        for name in Set(before.keys).union(after.keys).sorted() where before[name] != after[name] {
            list.configuration(resource, name, after[name])
        }
    }

    /// Whether certificates, or what else belongs to a listener, may be other ones afterwards.
    package var mayConcernListeners: Bool {
        guard resource.type == ConfigurationResource.brokerType else { return false }
        switch edit {
        case .replace: return true
        case .change(let changes): return changes.contains { $0.name.hasPrefix("listener.name.") || $0.name.hasPrefix("ssl.") }
        }
    }

    /// This broker's configuration as it would be afterwards; nil where the alteration is about something else, or is wrong.
    package func brokerConfiguration(in image: ClusterImage, _ configuration: BrokerConfiguration) -> BrokerConfiguration? {
        guard resource.type == ConfigurationResource.brokerType,
            let after = try? edited(image.configuration(resource), configuration.keys)
        else { return nil }
        if resource.name.isEmpty { return configuration.with(dynamicDefaults: after, dynamicValues: configuration.dynamicValues) }
        guard Int32(resource.name) == configuration.nodeId else { return nil }
        return configuration.with(dynamicDefaults: configuration.dynamicDefaults, dynamicValues: after)
    }

    private var scope: ConfigurationScope {
        switch resource.type {
        case ConfigurationResource.topicType: .topic
        case ConfigurationResource.groupType: .group
        case ConfigurationResource.clientMetricsType: .clientMetrics
        default: .broker
        }
    }

    private func edited(_ before: [String: String], _ keys: KeyList) throws(ConfigurationError) -> [String: String] {
        switch edit {
        case .replace(let values):
            Dictionary(values.compactMap { entry in entry.value.map { (entry.name, $0) } }) { _, last in last }
        case .change(let changes): try before.applying(changes, scope: scope, keys: keys)
        }
    }

    /// A record's strings have at most 32,767 bytes.
    static func checkLength(_ name: String, _ value: String?) throws(ControllerError) {
        if name.utf8.count > ClusterLimits.configurationValueBytes || value?.utf8.count ?? 0 > ClusterLimits.configurationValueBytes {
            throw ControllerError(
                .invalidConfig,
                "The configuration \(name.prefix(100)) is longer than the \(ClusterLimits.configurationValueBytes) bytes that can be stored.")
        }
    }

    private func checkNames() throws(ControllerError) {
        switch edit {
        case .replace(let values): for (name, value) in values { try Self.checkLength(name, value) }
        case .change(let changes): for change in changes { try Self.checkLength(change.name, change.value) }
        }
        let names: [String]
        var withoutValue: [String] = []
        switch edit {
        case .replace(let values):
            names = values.map(\.name)
            withoutValue = values.filter { $0.value == nil }.map(\.name)
        case .change(let changes):
            names = changes.map(\.name)
            withoutValue = changes.filter { $0.value == nil && $0.operation != .delete }.map(\.name)
        }
        if Set(names).count < names.count {
            throw ControllerError(.invalidRequest, "Error due to duplicate config keys")
        }
        if !withoutValue.isEmpty {
            throw ControllerError(
                .invalidRequest, "Null value not supported for : \(withoutValue.joined(separator: ", "))")
        }
        if names.contains("") { throw ControllerError(.invalidRequest, "Missing value not supported for : ") }
    }

    private func checkResource(in image: ClusterImage, _ configuration: BrokerConfiguration) throws(ControllerError) {
        switch resource.type {
        case ConfigurationResource.topicType:
            if let problem = TopicName.problem(resource.name) { throw ControllerError(.invalidTopicException, problem) }
            if image.topic(resource.name) == nil {
                throw ControllerError(.unknownTopicOrPartition, "The topic '\(resource.name)' does not exist.")
            }
        case ConfigurationResource.brokerType:
            if resource.name.isEmpty { return }
            guard let id = Int32(resource.name) else {
                throw ControllerError(.invalidRequest, "Node id must be an integer, but it is: \(resource.name)")
            }
            if id != configuration.nodeId && image.broker(id) == nil {
                throw ControllerError(
                    .invalidRequest,
                    "Unexpected broker id, expected \(configuration.nodeId) or empty string, but received \(resource.name)")
            }
        case ConfigurationResource.groupType, ConfigurationResource.clientMetricsType:
            if resource.name.isEmpty { throw ControllerError(.invalidRequest, "Default resource name must not be empty.") }
        default:
            throw ControllerError(.invalidRequest, "Unknown resource type \(resource.type).")
        }
    }

    private func check(
        _ after: [String: String], _ before: [String: String], _ configuration: BrokerConfiguration
    ) throws(ControllerError) {
        do throws(ConfigurationError) {
            switch resource.type {
            case ConfigurationResource.topicType: try TopicConfiguration.validate(after, broker: configuration)
            case ConfigurationResource.brokerType:
                try configuration.validateDynamic(after, forAllBrokers: resource.name.isEmpty)
            default:
                for (name, value) in after.sorted(by: { $0.key < $1.key }) where before[name] != value {
                    guard let facts = scope.keys.facts(ofKey: name) else {
                        throw ConfigurationError(key: name, value: value, message: "Unknown config name: \(name)")
                    }
                    try facts.parse(value)
                }
            }
        } catch {
            // Kafka answers an impossible broker configuration as an invalid request, that of a topic as what it is.
            throw ControllerError(
                resource.type == ConfigurationResource.brokerType ? .invalidRequest : .invalidConfig, error.message)
        }
    }
}
