internal import Cluster
internal import Configuration
internal import Exchange
internal import KafkaMessages
internal import KafkaWire

// DescribeConfigs, versions 0-4: every key of a topic, a broker, a group or a metrics subscription, with where its value
// comes from. Schema Registry, Connect and consoles look for cleanup.policy and its like and fail where they are left out.
//   1  the source of a value, and its synonyms on request (KIP-226)     3  types, documentation (KIP-569)     4  flexible
// The documentation is not sent: a null is what Kafka's own clients take for none.

struct DescribeConfigs: APIHandler {
    static let versions: ClosedRange<Int16> = 0...4

    let nodeId: Int32
    let store: any MetadataStore
    let live: LiveConfiguration

    func handle(_ request: DescribeConfigsRequest, from caller: Caller, reply: consuming Reply) {
        let image = store.image
        let arena = caller.arena
        var response = DescribeConfigsResponse()
        response.results = WireArray(count: request.resources.count, in: arena) { index, answer in
            let resource = request.resources[index]
            answer.resourceType = resource.resourceType
            answer.resourceName = resource.resourceName
            // An empty list asks for all, as none does: kafkajs sends the one, Java the other.
            let names = resource.configurationKeys.flatMap { $0.isEmpty ? nil : $0.map(\.string) }
            do throws(ControllerError) {
                let found = try entries(
                    of: ConfigurationResource(type: resource.resourceType, name: resource.resourceName.string), names, in: image)
                answer.configs = Self.fill(found, synonyms: request.includeSynonyms, arena)
            } catch {
                answer.errorCode = error.code.rawValue
                answer.errorMessage = WireBytes(copying: error.message ?? "", in: arena)
            }
        }
        reply.send(response)
    }

    private func entries(
        of resource: ConfigurationResource, _ names: [String]?, in image: ClusterImage
    ) throws(ControllerError) -> [ConfigurationEntry] {
        switch resource.type {
        case ConfigurationResource.topicType:
            if let problem = TopicName.problem(resource.name) { throw ControllerError(.invalidTopicException, problem) }
            guard let topic = image.topic(resource.name) else { throw ControllerError(.unknownTopicOrPartition) }
            return TopicConfiguration.entries(overrides: topic.overrides, broker: live.current, names: names)
        case ConfigurationResource.brokerType:
            if resource.name.isEmpty { return live.current.defaultEntries(names: names) }
            try checkNode(resource.name)
            return live.current.entries(names: names)
        case ConfigurationResource.brokerLoggerType:
            // There are no loggers here whose levels could be set one by one.
            try checkNode(resource.name)
            return []
        case ConfigurationResource.groupType, ConfigurationResource.clientMetricsType:
            if resource.name.isEmpty {
                let what = resource.type == ConfigurationResource.groupType ? "Group name" : "Client metrics subscription name"
                throw ControllerError(.invalidRequest, "\(what) must not be empty")
            }
            let isGroup = resource.type == ConfigurationResource.groupType
            let values = image.configuration(resource)
            if !isGroup, live.current.keys == .before4 { return ConfigurationEntry.bare(values, source: .clientMetrics) }
            return ConfigurationEntry.entries(
                of: isGroup ? .group : .clientMetrics, values: values,
                source: isGroup ? .group : .clientMetrics, names: names)
        default: throw ControllerError(.invalidRequest, "Unsupported resource type: \(resource.type)")
        }
    }

    private func checkNode(_ name: String) throws(ControllerError) {
        guard let id = Int32(name) else {
            throw ControllerError(.invalidRequest, "Broker id must be an integer, but it is: \(name)")
        }
        if id != nodeId {
            throw ControllerError(
                .invalidRequest, "Unexpected broker id, expected \(nodeId) or empty string, but received \(name)")
        }
    }

    private static func fill(
        _ entries: [ConfigurationEntry], synonyms: Bool, _ arena: Arena
    ) -> WireArray<DescribeConfigsResponse.DescribeConfigsResourceResult> {
        func text(_ value: String?) -> WireBytes? { value.map { WireBytes(copying: $0, in: arena) } }
        return WireArray(count: entries.count, in: arena) { index, answer in
            let entry = entries[index]
            answer.name = WireBytes(copying: entry.name, in: arena)
            answer.value = text(entry.value)
            answer.readOnly = entry.isReadOnly
            answer.configSource = entry.source.rawValue
            answer.isSensitive = entry.isSensitive
            answer.configType = entry.type?.rawValue ?? 0
            answer.documentation = nil
            guard synonyms else { return }
            answer.synonyms = WireArray(count: entry.synonyms.count, in: arena) { place, answer in
                let synonym = entry.synonyms[place]
                answer.name = WireBytes(copying: synonym.name, in: arena)
                answer.value = text(synonym.value)
                answer.source = synonym.source.rawValue
            }
        }
    }
}
