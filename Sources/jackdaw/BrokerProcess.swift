internal import Broker
internal import Cluster
internal import CommandLineOptions
internal import Configuration
internal import EventLoop
internal import Exchange
internal import Files
internal import Glibc
internal import Groups
internal import Inspection
internal import KafkaWire
internal import PartitionLog
internal import Replication
internal import Server
internal import Telemetry

/// A broker and its threads: puts the rooms together, starts them from the bottom up, and stops them from the top down.
final class BrokerProcess {
    private let configuration: BrokerConfiguration
    private let live: LiveConfiguration
    private let release: EmulatedRelease?
    private let log = Logger("jackdaw")
    private let loops: [EventLoop]
    private let workers: WorkerPool
    /// For compaction alone (`log.cleaner.threads`).
    private let cleaners: WorkerPool
    private let logs: LogManager
    private let store: EmbeddedMetadataStore
    private let identity: BrokerIdentity
    private let replicas: ReplicaManager
    private let lateFailure = LateFailure()
    private var threads: [WorkerThread] = []

    /// Reads what is in the data directories; nothing is served yet.
    init(
        _ configuration: BrokerConfiguration, clusterId: String?, emulating release: EmulatedRelease?,
        leavingBehind left: Set<String> = []
    ) throws(StartFailure) {
        self.configuration = configuration
        self.release = release
        for note in configuration.notes { log.warn(note) }
        live = LiveConfiguration(configuration)
        let clock = Clock()
        let workers = WorkerPool(threads: max(1, configuration.numIoThreads))
        self.workers = workers
        let cleaners = WorkerPool(threads: max(1, configuration.logCleanerThreads))
        self.cleaners = cleaners
        let submit: @Sendable (@escaping @Sendable () -> Void) -> Void = { workers.submit($0) }
        let count = configuration.numNetworkThreads ?? max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)) / 2)
        loops = (0..<count).compactMap { EventLoop(index: $0, clock: clock) }
        guard loops.count == count else { throw StartFailure("no file descriptors are left for \(count) network threads") }

        let fileSystem = PosixFileSystem()
        do throws(LogError) {
            let (directories, owner) = try LogDirectory.open(
                configuration.logDirectories, nodeId: configuration.nodeId, clusterId: clusterId, fileSystem: fileSystem)
            identity = BrokerIdentity(clusterId: owner.clusterId, nodeId: owner.nodeId, rack: configuration.rack)
            let environment = LogEnvironment(
                fileSystem: fileSystem, clock: clock, producerIdExpirationMs: configuration.producerIdExpirationMs,
                submit: submit, submitCleaning: { cleaners.submit($0) }, resizeCleaning: { cleaners.resize(to: $0) })
            logs = LogManager(
                directories: directories, environment: environment, intervals: .init(configuration),
                cleaner: .init(configuration))
        } catch {
            throw StartFailure(error.description)
        }
        do throws(MetadataError) {
            var options = EmbeddedMetadataStore.Options(
                directory: configuration.metadataLogDirectory, nodeId: configuration.nodeId, fileSystem: fileSystem,
                clock: clock, submit: submit)
            options.segmentBytes = Int64(configuration.metadataLogSegmentBytes)
            options.bytesBetweenSnapshots = configuration.metadataLogMaxRecordBytesBetweenSnapshots
            options.snapshotIntervalMs = configuration.metadataLogMaxSnapshotIntervalMs
            options.retentionBytes = configuration.metadataMaxRetentionBytes
            options.retentionMs = configuration.metadataMaxRetentionMs
            options.examine = { image in
                TakeoverCheck(
                    directories: configuration.logDirectories, nodeId: configuration.nodeId, leftBehind: left,
                    fileSystem: fileSystem
                ).refusal(of: image)
            }
            store = try EmbeddedMetadataStore.open(options)
        } catch {
            throw StartFailure(error.description)
        }
        replicas = ReplicaManager(logs: logs, nodeId: configuration.nodeId, configured: configuration, live: live)
    }

    /// Recovers the logs, registers with the cluster's metadata, and listens.
    func start(_ options: ServeOptions) throws(StartFailure) {
        try loadLogs()
        let sockets = try bindListeners()
        do throws(MetadataError) {
            try store.start(
                registration(sockets), raisesLeaderEpochs: logs.startedUnclean, mayLackSync: logs.lacksCleanMark)
        } catch {
            throw StartFailure(error.description)
        }
        replicas.placesReplicas { [store] places in store.assign(places) }
        store.observe { [replicas] change in replicas.apply(change) }
        let secure = SecureListeners(
            sockets.filter { $0.identity.securityProtocol == SecurityProtocol.ssl.rawValue }, live, options)
        let server = makeServer(secure.security)
        for topic in options.topics { create(topic) }
        let plain = sockets.filter { $0.identity.securityProtocol == SecurityProtocol.plaintext.rawValue }
        for (descriptor, identity) in plain { announceListening(server.listen(on: descriptor, as: identity)) }
        secure.open(on: server, loops[0], workers: workers) { [log, identity, dataDirectories] in
            log.info(
                "jackdaw is ready", ["node": identity.nodeId, "cluster": identity.clusterId, "data": dataDirectories])
        } failed: { [lateFailure, loops] failure in
            lateFailure.value = failure
            loops[0].post { server.stop { loops[0].stop() } }
        }
        Housekeeping(loop: loops[0], workers: workers, logs: logs, store: store, server: server).begin()
        watchSignals(server)
    }

    private var dataDirectories: String {
        let paths = configuration.logDirectories
        return paths.dropFirst().reduce(paths.first ?? "") { $0 + "," + $1 }
    }

    private func loadLogs() throws(StartFailure) {
        let image = store.image
        let broker = live
        do throws(LogError) {
            try logs.load(threads: max(1, configuration.numRecoveryThreadsPerDataDir)) { topic in
                let overrides = image.topic(topic)?.overrides ?? [:]
                return LogConfiguration(broker.topic(overrides))
            }
        } catch {
            throw StartFailure(error.description)
        }
    }

    // MARK: listeners

    private func bindListeners() throws(StartFailure) -> [(descriptor: Int32, identity: ListenerIdentity)] {
        do throws(ConfigurationError) {
            let listeners = try configuration.listeners()
            let advertised = try configuration.advertisedListeners(of: listeners)
            var sockets: [(descriptor: Int32, identity: ListenerIdentity)] = []
            for listener in listeners {
                let told = advertised.first { $0.name == listener.name } ?? listener
                do throws(StartFailure) {
                    sockets += try bind(listener, advertised: told)
                } catch {
                    return try fail(error)
                }
            }
            return sockets
        } catch {
            throw StartFailure(error.description)
        }
    }

    private func fail<Result>(_ failure: StartFailure) throws(ConfigurationError) -> Result {
        throw ConfigurationError(key: "listeners", message: failure.description)
    }

    /// One socket for each address of the listener's host; all of them with the same port, also where it is a free one.
    private func bind(
        _ listener: Configuration.Listener, advertised: Configuration.Listener
    ) throws(StartFailure) -> [(descriptor: Int32, identity: ListenerIdentity)] {
        var port = UInt16(listener.port)
        var bound: [Int32] = []
        let addresses = SocketAddress.resolve(host: listener.host, port: port)
        for address in addresses {
            do throws(SystemError) {
                let descriptor = try Socket.listen(on: SocketAddress.resolve(host: address.host, port: port)[0])
                if port == 0 { port = Socket.localAddress(of: descriptor).port }
                bound.append(descriptor)
            } catch {
                // A machine without IPv6 still has a localhost.
                if error.code == EADDRNOTAVAIL || error.code == EAFNOSUPPORT, !bound.isEmpty { continue }
                throw StartFailure("listener \(listener): \(error)")
            }
        }
        guard !bound.isEmpty else { throw StartFailure("listener \(listener): the host has no address") }
        let host = advertised.host.isEmpty || advertised.host == "0.0.0.0" || advertised.host == "::" ? hostName() : advertised.host
        let identity = ListenerIdentity(
            name: listener.name, securityProtocol: listener.securityProtocol.rawValue, advertisedHost: host,
            advertisedPort: advertised.port == 0 ? Int32(port) : advertised.port)
        return bound.map { ($0, identity) }
    }

    private func hostName() -> String {
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, name.count - 1)
        return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private func registration(_ sockets: [(descriptor: Int32, identity: ListenerIdentity)]) -> BrokerRegistration {
        var endpoints: [BrokerImage.Endpoint] = []
        for (_, identity) in sockets where !endpoints.contains(where: { $0.name == identity.name }) {
            endpoints.append(
                BrokerImage.Endpoint(
                    name: identity.name, host: identity.advertisedHost, port: identity.advertisedPort,
                    securityProtocol: SecurityProtocol(rawValue: identity.securityProtocol)?.id ?? 0))
        }
        return BrokerRegistration(
            nodeId: configuration.nodeId, endpoints: endpoints, rack: configuration.rack,
            logDirectories: logs.directories.filter(\.isOnline).map(\.id))
    }

    // MARK: serving

    private func makeServer(_ listeners: ListenerSecurity?) -> Server {
        let services = BrokerServices(
            identity: identity, store: store, replicas: replicas, live: live, workers: workers, listeners: listeners)
        var registry = APIRegistry(services, emulating: release)
        let groups = GroupService(
            configuration: GroupConfiguration(configuration), partitionCount: Int32(configuration.offsetsTopicNumPartitions),
            nodeId: configuration.nodeId, log: PartitionGroupLog(replicas.served), metadata: store, loop: loops[0],
            workers: workers)
        registry.registerGroupAPIs(groups.groups, nodeId: configuration.nodeId, metadata: store) {
            services.autoCreation.createInternal(InternalTopics.consumerOffsets)
        }
        let broker = Broker(
            registry: registry, identity: identity, features: { [store, release] in BrokerFeatures(store.image, emulating: release) })
        let queued = configuration.queuedMaxRequestBytes
        return Server(
            broker: broker, loops: loops, limits: ServerLimits(configuration), bounds: { [live] in ConnectionBounds(live.current) },
            queuedMaxRequestBytes: queued > 0 ? Int(queued) : nil, workers: workers)
    }

    private func create(_ topic: ServeOptions.Topic) {
        guard store.image.topic(topic.name) == nil else { return }
        let creation = TopicCreation(configuration: live.current)
        let wanted = NewTopic(topic.name, partitions: topic.partitions)
        store.change { image in
            let decision = creation.decide([wanted], in: image)
            return (records: decision.records, outcome: decision.outcomes)
        } completion: { [log] result in
            guard case .success(let outcomes) = result else { return log.error("--topic=\(topic.name): not created") }
            for case .failure(let error) in outcomes {
                log.error("--topic=\(topic.name): not created: \(error.message ?? "\(error.code)")")
            }
        }
    }

    /// Turns the loops until the broker is stopped, then closes what is open.
    func run() throws(StartFailure) {
        for loop in loops.dropFirst() {
            if let thread = WorkerThread("loop-\(loop.index)", { loop.run() }) { threads.append(thread) }
        }
        loops[0].run()
        for loop in loops.dropFirst() { loop.stop() }
        for thread in threads { thread.join() }
        logs.stopCleaning()
        cleaners.stop()
        workers.stop()
        // The logs give their directories' locks back: the metadata lie there too.
        let isComplete = store.close()
        logs.shutdown(brokerEpoch: store.image.broker(identity.nodeId)?.epoch ?? -1, isComplete: isComplete)
        if let failure = lateFailure.value { throw failure }
        log.info("stopped")
    }

    /// The first signal stops gracefully, a second one at once.
    private func watchSignals(_ server: Server) {
        let loop = loops[0]
        var isStopping = false
        let signals = SignalChannel([SIGTERM, SIGINT]) { [log] signal in
            if isStopping {
                log.warn("stopping at once")
                return loop.stop()
            }
            isStopping = true
            log.info("stopping", ["signal": signal == SIGTERM ? "SIGTERM" : "SIGINT"])
            server.stop { loop.stop() }
        }
        signals?.register(on: loop)
    }
}

extension LogManager.Intervals {
    init(_ configuration: BrokerConfiguration) {
        self.init()
        retentionMs = configuration.logRetentionCheckIntervalMs
        checkpointMs = configuration.logFlushOffsetCheckpointIntervalMs
        highWatermarkMs = configuration.replicaHighWatermarkCheckpointIntervalMs
        producerExpirationMs = configuration.producerIdExpirationCheckIntervalMs
    }
}

extension ConnectionBounds {
    init(_ configuration: BrokerConfiguration) {
        self.init()
        maxConnections = configuration.maxConnections
        maxConnectionsPerIp = configuration.maxConnectionsPerIp
        for (host, connections) in configuration.maxConnectionsPerIpOverrides { maxConnectionsPerIpOverrides[host] = connections }
    }
}

extension ServerLimits {
    init(_ configuration: BrokerConfiguration) {
        self.init()
        socketRequestMaxBytes = configuration.socketRequestMaxBytes
        connectionsMaxIdleMs = configuration.connectionsMaxIdleMs
        // Kafka's default of 100 KB would hold the socket's buffers below what the system tunes by itself.
        if configuration.isSet(.socketSendBufferBytes) { socketSendBufferBytes = configuration.socketSendBufferBytes }
        if configuration.isSet(.socketReceiveBufferBytes) { socketReceiveBufferBytes = configuration.socketReceiveBufferBytes }
    }
}
