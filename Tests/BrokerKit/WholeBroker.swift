package import Broker
package import Cluster
internal import Configuration
package import EventLoop
internal import Exchange
internal import Files
internal import Foundation
package import PartitionLog
internal import Replication
internal import Server

/// A whole broker on loopback over a temporary directory, its loop on a thread of its own.
package final class WholeBroker: @unchecked Sendable {  // the loop is one thread's, or the test turns it
    package let loop = EventLoop()!
    package let store: EmbeddedMetadataStore
    package let port: UInt16
    private let workers = WorkerPool(threads: 2)
    package let logs: LogManager
    package let services: BrokerServices
    package let broker: Broker
    private let server: Server
    private let path: String
    private var thread: WorkerThread?

    /// Without `turns` the loop stands still, and the test turns it.
    package init(_ settings: KeyValuePairs<String, String> = [:], turns: Bool = true, listeners: ListenerSecurity? = nil) throws {
        path = FileManager.default.temporaryDirectory.appending(path: "jackdaw-test-\(UUID().uuidString)").path
        let configuration = try BrokerConfiguration(settings)
        let live = LiveConfiguration(configuration)
        let workers = workers
        let submit: @Sendable (@escaping @Sendable () -> Void) -> Void = { workers.submit($0) }
        let disk = PosixFileSystem()
        let (directories, owner) = try LogDirectory.open([path], nodeId: 1, clusterId: nil, fileSystem: disk)
        logs = LogManager(
            directories: directories, environment: LogEnvironment(fileSystem: disk, clock: Clock(), submit: submit))
        try logs.load { _ in LogConfiguration(live.topic([:])) }
        store = try EmbeddedMetadataStore.open(
            .init(directory: path, nodeId: 1, fileSystem: disk, clock: Clock(), submit: submit))
        let registration = BrokerRegistration(nodeId: 1, endpoints: [], rack: nil, logDirectories: directories.map(\.id))
        try store.start(registration, raisesLeaderEpochs: false)
        let replicas = ReplicaManager(logs: logs, nodeId: 1, configured: configuration, live: live)
        store.observe { replicas.apply($0) }
        let identity = BrokerIdentity(clusterId: owner.clusterId, nodeId: 1)
        services = BrokerServices(
            identity: identity, store: store, replicas: replicas, live: live, workers: workers, listeners: listeners)
        broker = Broker(
            registry: APIRegistry(services), identity: identity, features: { [store] in BrokerFeatures(store.image, emulating: nil) })
        server = Server(broker: broker, loops: [loop], limits: ServerLimits(), queuedMaxRequestBytes: nil, workers: workers)
        let descriptor = try Socket.listen(on: SocketAddress.resolve(host: "127.0.0.1", port: 0)[0])
        let listener = ListenerIdentity(
            name: "PLAINTEXT", securityProtocol: "PLAINTEXT", advertisedHost: "127.0.0.1", advertisedPort: 9)
        port = server.listen(on: descriptor, as: listener).address.port
        guard turns else { return }
        let loop = loop
        thread = WorkerThread("loop") { loop.run() }
    }

    package func stop() {
        if let thread {
            loop.post { [self] in server.stop { [self] in loop.stop() } }
            thread.join()
        }
        workers.stop()
        store.close()
        logs.shutdown()
        try? FileManager.default.removeItem(atPath: path)
    }
}
