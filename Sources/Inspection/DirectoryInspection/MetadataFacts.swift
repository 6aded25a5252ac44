internal import Cluster
internal import KafkaWire

/// What the metadata say: of the cluster, its brokers, its topics, and of what is only kept.
struct MetadataFacts {
    let image: ClusterImage
    let findings: Findings

    init(_ image: ClusterImage, _ findings: Findings) {
        self.image = image
        self.findings = findings
    }

    func tell() {
        var fact = Fact(
            "metadata",
            [
                "offset": Shown(image.offset), "epoch": Shown(image.epoch), "topics": Shown(image.topicCount),
                "partitions": Shown(image.topics.reduce(0) { $0 + $1.partitions.count }),
                "brokers": Shown(image.brokers.count),
            ])
        fact.add("features", .fields(image.features.sorted { $0.key < $1.key }.map { Field($0.key, Shown($0.value)) }))
        fact.add(
            "kept", .fields(image.keptRecordCounts.sorted { $0.key < $1.key }.map { Field($0.key, Shown($0.value)) }))
        findings.tell(fact)
        for broker in image.brokers {
            findings.tell(
                Fact(
                    "broker", depth: 1,
                    [
                        "id": Shown(broker.id), "epoch": Shown(broker.epoch), "fenced": .flag(broker.isFenced),
                        "endpoints": .list(broker.endpoints.map { .text("\($0.name)://\($0.host):\($0.port)") }),
                        "logDirectories": .list(broker.logDirectories.map { .text("\($0)") }),
                    ]))
        }
        let others = image.configurations.filter { $0.key.type != ConfigurationResource.topicType }
        for (resource, values) in others.sorted(by: { ($0.key.type, $0.key.name) < ($1.key.type, $1.key.name) }) {
            findings.tell(
                Fact(
                    "configuration", depth: 1,
                    [
                        "type": .text(Self.name(ofType: resource.type)), "name": .text(resource.name),
                        "values": Self.shown(values),
                    ]))
        }
        for topic in image.topics.sorted(by: { $0.name < $1.name }) {
            findings.tell(
                Fact(
                    "topic", depth: 1,
                    [
                        "name": .text(topic.name), "id": .text("\(topic.id)"),
                        "partitions": Shown(topic.partitions.count),
                        "configuration": Self.shown(topic.overrides),
                    ]))
        }
    }

    private static func name(ofType type: Int8) -> String {
        switch type {
        case ConfigurationResource.brokerType: "broker"
        case ConfigurationResource.brokerLoggerType: "broker-logger"
        case ConfigurationResource.clientMetricsType: "client-metrics"
        case ConfigurationResource.groupType: "group"
        default: "\(type)"
        }
    }

    private static func shown(_ values: [String: String]) -> Shown {
        .fields(
            values.sorted { $0.key < $1.key }.map {
                Field($0.key, .text(MetadataRecords.isSecret($0.key) ? "hidden" : $0.value))
            })
    }
}
