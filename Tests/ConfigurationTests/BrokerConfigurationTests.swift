import Configuration
import Testing

struct BrokerConfigurationTests {
    private func listeners(_ values: KeyValuePairs<String, String>) throws -> [String] {
        try BrokerConfiguration(values).listeners().map { "\($0) \($0.securityProtocol.rawValue)" }
    }

    @Test func `without a configuration we are node 1 on localhost:9092 in ./jackdaw-data`() throws {
        let configuration = try BrokerConfiguration(serverProperties: nil)
        #expect(configuration.nodeId == 1)
        #expect(try configuration.listeners().map(\.description) == ["PLAINTEXT://localhost:9092"])
        #expect(configuration.logDirectories == ["./jackdaw-data"])
        #expect(configuration.metadataLogDirectory == "./jackdaw-data")
        #expect(configuration.notes == [])
        #expect(configuration.numNetworkThreads == nil)
    }

    @Test func `the command line wins over the file`() throws {
        let file = "listeners=PLAINTEXT://:1234\nadvertised.listeners=PLAINTEXT://far:1\nlog.dir=/a\nnum.partitions=3"
        let configuration = try BrokerConfiguration(
            serverProperties: file, settings: [("num.partitions", "7")], port: 0, dataDirectory: "/b")
        #expect(try configuration.listeners().map(\.description) == ["PLAINTEXT://localhost:0"])
        #expect(try configuration.advertisedListeners().map(\.description) == ["PLAINTEXT://localhost:0"])
        #expect(configuration.logDirectories == ["/b"])
        #expect(configuration.numPartitions == 7)
        #expect(throws: ConfigurationError.self) {
            try BrokerConfiguration(serverProperties: nil, settings: [("listeners", "PLAINTEXT://:1")], port: 2)
        }
    }

    // The settings of the files that come with Apache Kafka, without their comments.
    private static let network = """
        num.network.threads=3
        num.io.threads=8
        socket.send.buffer.bytes=102400
        socket.receive.buffer.bytes=102400
        socket.request.max.bytes=104857600
        num.partitions=1
        num.recovery.threads.per.data.dir=1
        offsets.topic.replication.factor=1
        transaction.state.log.replication.factor=1
        transaction.state.log.min.isr=1
        log.retention.hours=168
        log.retention.check.interval.ms=300000

        """
    private static let kraft = network + """
        process.roles=broker,controller
        node.id=1
        controller.quorum.voters=1@localhost:9093
        listeners=PLAINTEXT://:9092,CONTROLLER://:9093
        inter.broker.listener.name=PLAINTEXT
        advertised.listeners=PLAINTEXT://localhost:9092
        controller.listener.names=CONTROLLER
        listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL
        log.dirs=/tmp/kraft-combined-logs
        log.segment.bytes=1073741824

        """
    private static let kafka4 = network + """
        process.roles=broker,controller
        node.id=1
        controller.quorum.bootstrap.servers=localhost:9093
        listeners=PLAINTEXT://:9092,CONTROLLER://:9093
        inter.broker.listener.name=PLAINTEXT
        advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093
        controller.listener.names=CONTROLLER
        listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL
        log.dirs=/tmp/kraft-combined-logs
        share.coordinator.state.topic.replication.factor=1
        share.coordinator.state.topic.min.isr=1

        """

    @Test func `--tls adds a listener on the port after the first one, unless there is one that speaks TLS`() throws {
        func listeners(_ file: String?, port: Int32? = nil) throws -> (bound: [String], advertised: [String]) {
            let configuration = try BrokerConfiguration(serverProperties: file, port: port, tls: true)
            return try (configuration.listeners().map(\.description), configuration.advertisedListeners().map(\.description))
        }
        let usual = ["PLAINTEXT://localhost:9092", "SSL://localhost:9093"]
        #expect(try listeners(nil) == (usual, usual))
        #expect(try listeners(nil, port: 0).bound == ["PLAINTEXT://localhost:0", "SSL://localhost:0"])
        let behind = try listeners("listeners=PLAINTEXT://:19092\nadvertised.listeners=PLAINTEXT://outside:29092")
        #expect(behind.bound == ["PLAINTEXT://:19092", "SSL://:19093"])
        #expect(behind.advertised == ["PLAINTEXT://outside:29092", "SSL://outside:29093"])
        let given = "listeners=INSIDE://:1,OUTSIDE://:2\nlistener.security.protocol.map=INSIDE:PLAINTEXT,OUTSIDE:SSL"
        #expect(try listeners(given).bound == ["INSIDE://:1", "OUTSIDE://:2"])
        #expect(throws: ConfigurationError.self) { try listeners(nil, port: 65535) }
    }

    @Test func `Kafka 3's server.properties for ZooKeeper starts as it is`() throws {
        let file = Self.network + """
            broker.id=0
            log.dirs=/tmp/kafka-logs
            zookeeper.connect=localhost:2181
            zookeeper.connection.timeout.ms=18000
            group.initial.rebalance.delay.ms=0
            """
        let configuration = try BrokerConfiguration(serverProperties: file)
        #expect(configuration.nodeId == 0)
        #expect(configuration.logDirectories == ["/tmp/kafka-logs"])
        #expect(configuration.numNetworkThreads == 3)
        #expect(configuration.notes == [
            "zookeeper.connect is ignored: the metadata are kept in the data directory, without ZooKeeper",
            "listeners is not set: only this machine reaches the broker. For every address: "
                + "--set listeners=PLAINTEXT://:9092",
        ])
    }

    @Test(arguments: [kraft, kafka4])
    func `Kafka's server.properties for KRaft starts as it is, without the controller's listener`(file: String) throws {
        let configuration = try BrokerConfiguration(serverProperties: file)
        #expect(configuration.nodeId == 1)
        #expect(try configuration.listeners().map(\.description) == ["PLAINTEXT://:9092"])
        #expect(try configuration.advertisedListeners().map(\.description) == ["PLAINTEXT://localhost:9092"])
        #expect(try configuration.interBrokerListenerName() == "PLAINTEXT")
        #expect(configuration.notes == [
            "controller listeners (CONTROLLER) are left out: this node keeps its metadata itself, without a quorum"
        ])
    }

    @Test func `a controller alone is refused`() {
        let error = #expect(throws: ConfigurationError.self) {
            try BrokerConfiguration(["process.roles": "controller", "controller.listener.names": "C"])
        }
        #expect(error?.key == "process.roles")
    }

    @Test func `unknown keys and Java classes are noted, bad values are errors with key, value and what is allowed`() throws {
        let configuration = try BrokerConfiguration([
            "no.such.key": "1", "client.quota.callback.class": "a.B", "log.message.format.version": "2.8",
        ])
        #expect(configuration.notes == [
            "no.such.key is not a key of Kafka's: ignored",
            "client.quota.callback.class=a.B is ignored: Java classes cannot be loaded here",
            "log.message.format.version is ignored: Kafka 4 no longer has it",
        ])
        let error = #expect(throws: ConfigurationError.self) { try BrokerConfiguration(["num.io.threads": "0"]) }
        #expect(error?.description == "Invalid value 0 for configuration num.io.threads: Value must be at least 1")
        #expect(throws: ConfigurationError.self) { try BrokerConfiguration(["listener.name.x.ssl.client.auth": "maybe"]) }
        #expect(throws: ConfigurationError.self) { try BrokerConfiguration(["node.id": "1", "broker.id": "2"]) }
    }

    @Test func `what would leave the broker more open than it was meant to be stops the start`() throws {
        let acls = "listeners=PLAINTEXT://:9092\nauthorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n"
        let error = #expect(throws: ConfigurationError.self) { try BrokerConfiguration(serverProperties: acls) }
        #expect(error?.key == "authorizer.class.name")
        #expect(error?.description.contains("ACLs are not enforced yet") == true)
        let meant = try BrokerConfiguration(serverProperties: acls, settings: [("authorizer.class.name", "")])
        #expect(meant.notes == [])

        let file = "listeners=IN://:1,OUT://:2\nlistener.security.protocol.map=IN:PLAINTEXT,OUT:SASL_SSL\n"
        let sasl = #expect(throws: ConfigurationError.self) { try BrokerConfiguration(serverProperties: file) }
        #expect(sasl?.description
            == "Invalid value OUT://:2 for configuration listeners: SASL_SSL is not served yet; PLAINTEXT and SSL are")
    }

    @Test func `keys that promise what does not happen here are noted`() throws {
        let configuration = try BrokerConfiguration([
            "port": "9093", "advertised.host.name": "a", "super.users": "User:a", "process.roles": "broker",
            "controller.listener.names": "C", "controller.quorum.voters": "1@a:9", "config.providers": "env",
            "metric.reporters": "a.B", "remote.log.storage.system.enable": "true",
        ])
        #expect(configuration.notes == [
            "port is ignored: Kafka 3 no longer has it; listeners says where to listen",
            "advertised.host.name is ignored: Kafka 3 no longer has it; advertised.listeners says what clients are told",
            "super.users is ignored: it is an authorizer's, and there is none here",
            "controller listeners (C) are left out: this node keeps its metadata itself, without a quorum",
            "remote.log.storage.system.enable is ignored: all data stay in log.dirs",
            "config.providers is ignored: ${...} in a value is taken as it is written",
            "metric.reporters=a.B is ignored: Java classes cannot be loaded here",
            "the controllers of controller.quorum.* are not asked: this node is a cluster of its own",
        ])
    }

    @Test func `listeners of every kind are read`() throws {
        #expect(try listeners(["listeners": "PLAINTEXT://:0"]) == ["PLAINTEXT://:0 PLAINTEXT"])
        #expect(try listeners(["listeners": "plaintext://[::1]:9092, SSL://0.0.0.0:9093"])
            == ["PLAINTEXT://[::1]:9092 PLAINTEXT", "SSL://0.0.0.0:9093 SSL"])
        #expect(try listeners([
            "listeners": "IN://10.0.0.1:1,OUT://a-host:2", "listener.security.protocol.map": "IN:PLAINTEXT,OUT:SASL_SSL",
            "inter.broker.listener.name": "IN",
        ]) == ["IN://10.0.0.1:1 PLAINTEXT", "OUT://a-host:2 SASL_SSL"])
        // One port for IPv4 and IPv6 is fine, as in Kafka.
        #expect(try listeners([
            "listeners": "A://1.2.3.4:9,B://[::2]:9", "listener.security.protocol.map": "A:PLAINTEXT,B:PLAINTEXT",
            "inter.broker.listener.name": "A",
        ]).count == 2)
    }

    @Test(arguments: [
        "", "PLAINTEXT", "PLAINTEXT://", "PLAINTEXT://host", "PLAINTEXT://host:", "PLAINTEXT://host:65536", "://h:1",
        "PLAINTEXT://host:x", "OTHER://host:1", "PLAINTEXT://a:1,PLAINTEXT://b:2", "PLAINTEXT://a:1,SSL://b:1",
        "PLAINTEXT://a b:1", "PLAINTEXT://[::1:1", "PLAINTEXT:/host:1", "PLAINTEXT://h/1:1", ",", "PLAINTEXT://:1,,",
    ])
    func `listeners that cannot be read stop the start`(text: String) {
        let error = #expect(throws: ConfigurationError.self) { try BrokerConfiguration(["listeners": text]) }
        #expect(error?.description.contains("listeners") == true)
    }

    @Test func `advertised addresses must be reachable ones of listeners that exist`() throws {
        for advertised in ["PLAINTEXT://0.0.0.0:1", "SSL://host:1", "PLAINTEXT://[::]:1"] {
            #expect(throws: ConfigurationError.self) {
                try BrokerConfiguration(["listeners": "PLAINTEXT://:1", "advertised.listeners": advertised])
            }
        }
        let configuration = try BrokerConfiguration([
            "listeners": "PLAINTEXT://:1,SSL://:2", "advertised.listeners": "SSL://outside:443,PLAINTEXT://[fd00::1]:1",
        ])
        #expect(try configuration.advertisedListeners().map(\.description) == ["SSL://outside:443", "PLAINTEXT://[fd00::1]:1"])
    }

    @Test func `a listener's own value wins`() throws {
        let configuration = try BrokerConfiguration([
            "listeners": "PLAINTEXT://:1,SSL://:2", "ssl.keystore.location": "/all.pem",
            "listener.name.ssl.ssl.keystore.location": "/one.pem", "listener.name.ssl.ssl.enabled.protocols": "TLSv1.3",
        ])
        #expect(configuration.string(.sslKeystoreLocation, listener: "SSL") == "/one.pem")
        #expect(configuration.string(.sslKeystoreLocation, listener: "OTHER") == "/all.pem")
        #expect(configuration.list(.sslEnabledProtocols, listener: "SSL") == ["TLSv1.3"])
        #expect(configuration.notes == [])
    }

    @Test func `replicas of internal topics are held to the number of brokers`() throws {
        let configuration = BrokerConfiguration()
        #expect(configuration.offsetsTopicReplicationFactor(brokers: 1) == 1)
        #expect(configuration.offsetsTopicReplicationFactor(brokers: 5) == 3)
        #expect(configuration.transactionStateLogMinIsr(brokers: 1) == 1)
    }

    @Test func `connections per address are read`() throws {
        let configuration = try BrokerConfiguration(["max.connections.per.ip.overrides": "10.0.0.1:5, ::1:7"])
        #expect(configuration.maxConnectionsPerIpOverrides.map(\.host) == ["10.0.0.1", "::1"])
        #expect(configuration.maxConnectionsPerIpOverrides.map(\.connections) == [5, 7])
    }
}
