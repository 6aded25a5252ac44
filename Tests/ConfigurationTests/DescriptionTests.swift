import Configuration
import Testing

struct DescriptionTests {
    private static let sources: [ConfigurationSource: String] = [
        .topic: "DYNAMIC_TOPIC_CONFIG", .dynamicBroker: "DYNAMIC_BROKER_CONFIG",
        .dynamicDefaultBroker: "DYNAMIC_DEFAULT_BROKER_CONFIG", .staticBroker: "STATIC_BROKER_CONFIG",
        .default: "DEFAULT_CONFIG",
    ]

    /// As kafka-configs prints it.
    private func line(_ entry: ConfigurationEntry) -> String {
        let synonyms = entry.synonyms.map { "\(Self.sources[$0.source]!):\($0.name)=\($0.value ?? "null")" }
        return "\(entry.name)=\(entry.value ?? "null") sensitive=\(entry.isSensitive) synonyms={\(synonyms.joined(separator: ", "))}"
    }

    private func configuration(_ sections: [String: [String]]) throws -> BrokerConfiguration {
        try BrokerConfiguration(serverProperties: sections["static"]!.joined(separator: "\n")).with(
            dynamicDefaults: [
                "compression.type": "zstd", "log.roll.jitter.ms": "20000", "num.io.threads": "9", "min.insync.replicas": "1",
            ],
            dynamicValues: [
                "compression.type": "lz4", "log.retention.ms": "777777", "foo": "1", "leader.replication.throttled.rate": "100",
                "max.connections": "5",
            ])
    }

    @Test func `a broker's keys are described as Kafka does`() throws {
        let sections = try Vectors.sections("described.txt")
        let ours = try configuration(sections).entries().map(line)
        let expected = sections["broker"]!
        #expect(expected.count > 350)
        let difference = Set(ours).symmetricDifference(expected).sorted()
        #expect(difference == [])
    }

    @Test func `what is set for all brokers is described as Kafka does`() throws {
        let sections = try Vectors.sections("described.txt")
        #expect(try configuration(sections).defaultEntries().map(line) == sections["defaults"])
    }

    @Test func `a topic's keys are described as Kafka does`() throws {
        let sections = try Vectors.sections("described.txt")
        let ours = TopicConfiguration.entries(
            overrides: ["flush.ms": "1000", "segment.jitter.ms": "50", "min.cleanable.dirty.ratio": ".75"],
            broker: try configuration(sections))
        #expect(ours.map(line) == sections["topic"])
        #expect(ours.allSatisfy { !$0.isReadOnly })
    }

    @Test func `a few keys, by name`() throws {
        let configuration = try BrokerConfiguration(["ssl.key.password": "secret"])
        let entries = configuration.entries(names: ["num.partitions", "no.such", "ssl.key.password", "log.segment.bytes"])
        // In the table's order.
        #expect(entries.map(\.name) == ["log.segment.bytes", "num.partitions", "ssl.key.password"])
        #expect(entries.map(\.isReadOnly) == [false, true, false])
        #expect(entries.map(\.value) == ["1073741824", "1", nil])
        #expect(entries.map(\.type) == [.int, .int, .password])
        #expect(TopicConfiguration.entries(overrides: [:], broker: configuration, names: ["x", "retention.ms"]).map(\.name)
            == ["retention.ms"])
    }

    @Test func `Kafka 3 lists its own keys`() {
        let three = TopicConfiguration.entries(overrides: [:], broker: BrokerConfiguration(keys: .before4)).map(\.name)
        let four = TopicConfiguration.entries(overrides: [:], broker: BrokerConfiguration()).map(\.name)
        #expect(three.contains("message.format.version") && !four.contains("message.format.version"))
        #expect(!three.contains("remote.copy.lag.ms") && four.contains("remote.copy.lag.ms"))
    }

    @Test func `Kafka 3 has its own defaults`() throws {
        let three = BrokerConfiguration(keys: .before4)
        #expect(TopicConfiguration(broker: three).messageTimestampAfterMaxMs == .max)
        #expect(TopicConfiguration(broker: BrokerConfiguration()).messageTimestampAfterMaxMs == 3_600_000)
        // Kafka 4 would not take this value any more.
        let threads = try #require(three.entries(names: ["remote.log.manager.copier.thread.pool.size"]).first)
        #expect(threads.value == "-1" && threads.isReadOnly && threads.isDefault)
        #expect(three.entries(names: ["listeners"]).first?.type == .string)
        #expect(BrokerConfiguration().entries(names: ["listeners"]).first?.type == .list)
        let set = try BrokerConfiguration(serverProperties: "log.message.timestamp.after.max.ms=5", keys: .before4)
        #expect(TopicConfiguration(broker: set).messageTimestampAfterMaxMs == 5)
        #expect(set.with(dynamicDefaults: [:], dynamicValues: [:]).keys == .before4)
    }
}

struct ChangeTests {
    private func message(_ body: () throws(ConfigurationError) -> Void) -> String? {
        do throws(ConfigurationError) {
            try body()
            return nil
        } catch {
            return error.message
        }
    }

    @Test func `set, delete, append and subtract`() throws {
        let before = ["cleanup.policy": "compact", "retention.ms": "1"]
        let after = try before.applying(
            [
                .init(.append, "cleanup.policy", "delete"), .init(.delete, "retention.ms"), .init(.set, "flush.ms", "5"),
                .init(.subtract, "cleanup.policy", "compact,nothing"),
            ], scope: .topic)
        #expect(after == ["cleanup.policy": "delete", "flush.ms": "5"])
        // A list that is not set begins with its default.
        #expect(try [:].applying([.init(.append, "cleanup.policy", "compact")], scope: .topic)
            == ["cleanup.policy": "delete,compact"])
        #expect(message { () throws(ConfigurationError) in
            _ = try [:].applying([.init(.append, "retention.ms", "1")], scope: .topic)
        } == "Can't APPEND to key retention.ms because its type is not LIST.")
    }

    @Test func `what a running broker may be told, in Kafka's words`() throws {
        let broker = BrokerConfiguration().with(dynamicDefaults: ["num.io.threads": "9"], dynamicValues: [:])
        func verdict(_ key: String, _ value: String, all: Bool = false) -> String? {
            message { () throws(ConfigurationError) in try broker.validateDynamic([key: value], forAllBrokers: all) }
        }
        #expect(verdict("num.partitions", "2") == "Cannot update these configs dynamically: [num.partitions]")
        #expect(verdict("listeners", "PLAINTEXT://:1", all: true)
            == "Cannot update these configs at default cluster level, broker id must be specified: [listeners]")
        #expect(verdict("ssl.keystore.type", "PEM")
            == "These security configs can be dynamically updated only per-listener using the listener prefix: [ssl.keystore.type]")
        #expect(verdict("num.io.threads", "3", all: true)
            == "Dynamic thread count update validation failed for num.io.threads=3, value should be at least half the current value 9")
        #expect(verdict("compression.type", "foo")
            == "Invalid value foo for configuration compression.type: String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer")
        #expect(verdict("log.retention.ms", "0") == "log.retention.ms must be unlimited (-1) or, greater than or equal to 1")
        #expect(verdict("leader.replication.throttled.rate", "-5")
            == "Invalid value -5 for configuration leader.replication.throttled.rate: Value must be at least 0")
        #expect(verdict("leader.replication.throttled.rate", "100") == nil)
        #expect(verdict("max.connections", "5") == nil)
        #expect(verdict("foo", "1") == nil)
    }

    /// As Kafka 4.4.0 answered, tried key by key.
    @Test func `keys for all listeners do not change while one listener has overrides that came while it ran`() throws {
        let own = "listener.name.plaintext."
        let refusal = "Configs cannot be updated dynamically for existing listener ListenerName(PLAINTEXT), "
            + "restart broker or create a new listener for update"
        func verdict(_ values: [String: String], after before: [String: String] = [:], all: Bool = false) throws -> String? {
            let broker = try BrokerConfiguration(["listeners": "PLAINTEXT://:9092", own + "ssl.protocol": "TLSv1.2"])
                .with(dynamicDefaults: [:], dynamicValues: before)
            return message { () throws(ConfigurationError) in try broker.validateDynamic(values, forAllBrokers: all) }
        }
        // Each by itself passes; both together do not, nor one after the other.
        #expect(try verdict(["ssl.client.auth": "required"]) == nil)
        let together = [own + "ssl.client.auth": "requested", "ssl.client.auth": "required"]
        #expect(try verdict([own + "ssl.client.auth": "requested"]) == nil)
        #expect(try verdict(together) == refusal)
        #expect(try verdict(together, after: [own + "ssl.client.auth": "requested"]) == refusal)
        #expect(try verdict([own + "ssl.client.auth": "requested"], after: together) == refusal)
        // The same value as before, the default's too, is no change; and the override may go with it.
        #expect(try verdict(together, after: ["ssl.client.auth": "required"]) == nil)
        #expect(try verdict([own + "ssl.client.auth": "requested", "ssl.client.auth": "none"]) == nil)
        #expect(try verdict(["ssl.client.auth": "none"], after: together) == nil)
        // Which keys concern all listeners.
        for (key, value) in [
            ("ssl.cipher.suites", "TLS_AES_128_GCM_SHA256"), ("ssl.enabled.protocols", "TLSv1.3"), ("max.connections", "100"),
            ("sasl.enabled.mechanisms", "PLAIN"), ("ssl.endpoint.identification.algorithm", ""), ("num.network.threads", "2"),
        ] { #expect(try verdict([own + "ssl.client.auth": "requested", key: value]) == refusal, "\(key)") }
        for (key, value) in [("log.cleaner.threads", "2"), ("num.io.threads", "9"), ("max.connections.per.ip", "100")] {
            #expect(try verdict([own + "ssl.client.auth": "requested", key: value]) == nil, "\(key)")
        }
        #expect(try verdict(["max.connections": "100"], after: [own + "ssl.client.auth": "requested"], all: true) == refusal)
        // Which overrides stand in the way: not those that a listener takes up at once, those of another listener, or what
        // server.properties says already.
        for (key, value) in [("ssl.cipher.suites", "TLS_AES_128_GCM_SHA256"), ("sasl.enabled.mechanisms", "PLAIN"), ("foo.bar", "1")] {
            #expect(try verdict([own + key: value, "ssl.client.auth": "required"]) == refusal, "\(key)")
        }
        for key in [own + "max.connections", own + "max.connection.creation.rate", own + "num.network.threads", "listener.name.other.foo"] {
            #expect(try verdict([key: "50", "ssl.client.auth": "required"]) == nil, "\(key)")
        }
        #expect(try verdict([own + "ssl.keystore.type": "PEM", "ssl.client.auth": "required"]) == nil)
        #expect(try verdict([own + "ssl.protocol": "TLSv1.2", "ssl.client.auth": "required"]) == nil)
        #expect(try verdict([own + "ssl.protocol": "TLSv1.3", "ssl.client.auth": "required"]) == refusal)
    }
}
