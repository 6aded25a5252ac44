import Broker
import Cluster
import Configuration
import EventLoop
import Exchange
import Files
import Glibc
import Groups
import KafkaMessages
import KafkaWire
import PartitionLog
import Replication
import Telemetry
import TestKit

/// One life of a whole broker on one loop: the test's clock, the test's disk, the test's thread. Jobs for workers wait in `jobs`.
/// Requests come without a socket, as frames; answers are looked at when they are there.
final class SimulatedBroker {
    let disk: SimulatedDisk
    let clock: ManualClock
    let jobs = JobQueue()
    let loop: EventLoop
    let store: EmbeddedMetadataStore
    let logs: LogManager
    let replicas: ReplicaManager
    let groups: GroupService
    private let broker: Broker
    let desk: RequestDesk
    /// Of all connections, so that the order of answers can be told.
    fileprivate var answerCount = 0
    private let workers: WorkerPool

    /// Opens the directories, recovers, and serves. Throws what a start throws.
    init(
        directories paths: [String] = ["/a"], disk: SimulatedDisk, clock: ManualClock, unmarkedBytes: Int = LogLimits.unmarkedBytes,
        queuedBytesLimit: Int = LogLimits.queuedBytes,
        log groupLog: (PartitionGroupLog) -> any GroupLog = { $0 }, _ settings: KeyValuePairs<String, String> = [:]
    ) throws {
        self.disk = disk
        self.clock = clock
        let jobs = jobs
        let submit: @Sendable (@escaping @Sendable () -> Void) -> Void = { jobs.submit($0) }
        loop = EventLoop(clock: clock)!
        workers = WorkerPool(divertedTo: submit)
        let configuration = try BrokerConfiguration(settings)
        let live = LiveConfiguration(configuration)
        let (directories, owner) = try LogDirectory.open(paths, nodeId: 1, clusterId: "simulated", fileSystem: disk)
        logs = LogManager(
            directories: directories,
            environment: LogEnvironment(
                fileSystem: disk, clock: clock, unmarkedBytes: unmarkedBytes, queuedBytesLimit: queuedBytesLimit, submit: submit),
            cleaner: CleanerConfiguration(configuration))
        store = try EmbeddedMetadataStore.open(
            .init(directory: paths[0], nodeId: 1, fileSystem: disk, clock: clock, submit: submit))
        let (image, broker) = (store.image, live)
        try logs.load { topic in LogConfiguration(broker.topic(image.topic(topic)?.overrides ?? [:])) }
        let registration = BrokerRegistration(nodeId: 1, endpoints: [], rack: nil, logDirectories: directories.filter(\.isOnline).map(\.id))
        try store.start(registration, raisesLeaderEpochs: logs.startedUnclean, mayLackSync: logs.lacksCleanMark)
        let replicas = ReplicaManager(logs: logs, nodeId: 1, configured: configuration, live: live)
        self.replicas = replicas
        replicas.placesReplicas { [weak store] places in store?.assign(places) }
        store.observe { replicas.apply($0) }
        let identity = BrokerIdentity(clusterId: owner.clusterId, nodeId: 1)
        let services = BrokerServices(identity: identity, store: store, replicas: replicas, live: live, workers: workers)
        var registry = APIRegistry(services)
        groups = GroupService(
            configuration: GroupConfiguration(configuration), partitionCount: 1, nodeId: 1,
            log: groupLog(PartitionGroupLog(replicas.served)), metadata: store, loop: loop, workers: workers, logger: Logger("groups", log: Log { _, _ in }))
        registry.registerGroupAPIs(groups.groups, nodeId: 1, metadata: store) {
            services.autoCreation.createInternal(InternalTopics.consumerOffsets)
        }
        let store = store
        self.broker = Broker(
            registry: registry, identity: identity, features: { BrokerFeatures(store.image, emulating: nil) })
        desk = RequestDesk(loop: loop)
        turn()
    }

    /// One turn of the loop, without waiting.
    func turn() { loop.turn(waitingAtMostMs: 0) }

    /// Jobs and letters, until there are none.
    func settle() {
        repeat {
            jobs.run()
            turn()
        } while jobs.count > 0
        turn()
    }

    /// It is gone from one moment to the next.
    func die() {
        jobs.drop()
        loop.abandon()
    }

    func connect() -> SimulatedConnection { SimulatedConnection(self) }

    fileprivate func handle(_ frame: UnsafeMutableRawBufferPointer, from connection: SimulatedConnection) {
        broker.handle(frame, from: connection.client, on: connection, desk: desk)
    }
}

/// A client and the broker's end of its connection, in one.
final class SimulatedConnection: AnswerChannel {
    let client: Client
    private let broker: SimulatedBroker
    private var correlationId: Int32 = 0
    /// Answers as frames without their length, in order.
    private(set) var answers: [[UInt8]] = []
    /// When they came, by `answerCount`.
    private var arrivals: [Int] = []
    /// When the oldest came; nil where there is none.
    var firstArrival: Int? { arrivals.first }
    private(set) var wasHeldBack = false
    private(set) var refusal: String?

    init(_ broker: SimulatedBroker) {
        self.broker = broker
        let listener = ListenerIdentity(
            name: "PLAINTEXT", securityProtocol: "PLAINTEXT", advertisedHost: "simulated", advertisedPort: 9)
        client = Client(listener: listener, peer: "simulated:1", host: "simulated")
        super.init()
        // No descriptor: nothing but answers comes by this channel.
        _ = broker.loop.register(self, descriptor: -1, for: .readable)
    }

    func send<Request: RequestMessage>(_ request: Request, version: Int16) throws {
        correlationId += 1
        var writer = WireWriter()
        var header = RequestHeader()
        header.requestApiKey = Request.apiKey.rawValue
        header.requestApiVersion = version
        header.correlationId = correlationId
        header.clientId = "simulated"
        try header.encode(into: &writer, version: Request.apiKey.requestHeaderVersion(for: version))
        try request.encode(into: &writer, version: version)
        let frame = UnsafeMutableRawBufferPointer.allocate(byteCount: writer.count, alignment: 16)
        defer { frame.deallocate() }
        frame.copyMemory(from: writer.bytes)
        wasHeldBack = false
        refusal = nil
        broker.desk.turn = self
        broker.handle(frame, from: self)
        broker.desk.turn = nil
        broker.desk.arena.reset()
    }

    /// Takes the oldest answer, if there is one, and hands it to `body`.
    func take<Request: RequestMessage, Result>(
        _ request: Request.Type, version: Int16, _ body: (Request.Response) throws -> Result
    ) throws -> Result? {
        guard !answers.isEmpty else { return nil }
        arrivals.removeFirst()
        let frame = answers.removeFirst(), arena = Arena()
        defer { arena.staysUntilHere() }
        return try frame.withUnsafeBytes { bytes in
            var reader = WireReader(bytes, arena: arena)
            var header = ResponseHeader()
            try header.decode(from: &reader, version: Request.apiKey.responseHeaderVersion(for: version))
            var response = Request.Response()
            try response.decode(from: &reader, version: version)
            return try body(response)
        }
    }

    /// Asks, and lets the broker work until the answer is there; nil where it has none to give any more.
    func ask<Request: RequestMessage, Result>(
        _ request: Request, version: Int16, _ body: (Request.Response) throws -> Result
    ) throws -> Result? {
        try send(request, version: version)
        var idleTurns = 0
        while answers.isEmpty, refusal == nil, idleTurns < 4 {
            idleTurns = broker.jobs.runOne() ? 0 : idleTurns + 1
            broker.turn()
        }
        return try take(Request.self, version: version, body)
    }

    /// Forgets the oldest answer; false where there is none.
    func dropAnswer() -> Bool {
        guard !answers.isEmpty else { return false }
        answers.removeFirst()
        arrivals.removeFirst()
        return true
    }

    override func answered() {
        arrive(Array(broker.desk.output.bytes.dropFirst(4)))
        broker.desk.clearOutput()
    }

    private func arrive(_ answer: [UInt8]) {
        answers.append(answer)
        broker.answerCount += 1
        arrivals.append(broker.answerCount)
    }

    override func declined() { arrive([]) }
    override func heldBack() { wasHeldBack = true }
    override func refused(_ reason: String) { refusal = reason }
}
