import Cluster
import EventLoop
import Files
import Foundation
import KafkaWire
import Synchronization
import TestKit

/// A log directory in a temporary folder, which goes when the test ends, and jobs that run when the test says so.
final class Place: Sendable {
    let path: String
    let clock = ManualClock()
    let jobs = Mutex<[@Sendable () -> Void]>([])

    init() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "jackdaw-cluster-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// With the files of a directory that Apache Kafka made.
    convenience init(copyOf release: String) throws {
        try self.init()
        let root = URL(filePath: #filePath).deletingLastPathComponent()
        let source = root.appending(path: "../../compat/vectors/cluster/\(release)").standardized
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.copyItem(atPath: source.path, toPath: path)
    }

    var metadata: String { path + "/__cluster_metadata-0" }
    var files: [String] { (try? FileManager.default.contentsOfDirectory(atPath: metadata).sorted()) ?? [] }

    func file(_ name: String) throws -> Data { try Data(contentsOf: URL(filePath: metadata + "/" + name)) }
    func write(_ data: Data, to name: String) throws { try data.write(to: URL(filePath: metadata + "/" + name)) }
    func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: metadata + "/" + name) }

    func options() -> EmbeddedMetadataStore.Options {
        EmbeddedMetadataStore.Options(directory: path, nodeId: 1, fileSystem: PosixFileSystem(), clock: clock) { job in
            self.jobs.withLock { $0.append(job) }
        }
    }

    func open() throws -> EmbeddedMetadataStore { try EmbeddedMetadataStore.open(options()) }

    /// Opened, with this broker registered.
    func started(raisesLeaderEpochs: Bool = false) throws -> EmbeddedMetadataStore {
        let store = try open()
        try store.start(Place.registration, raisesLeaderEpochs: raisesLeaderEpochs)
        return store
    }

    static let registration = BrokerRegistration(
        nodeId: 1, endpoints: [.init(name: "PLAINTEXT", host: "localhost", port: 9092, securityProtocol: 0)], rack: nil,
        logDirectories: [Uuid(7, 7)])

    /// Runs what waits for a worker, and what that starts.
    func runJobs() {
        while true {
            let waiting = jobs.withLock { jobs in
                defer { jobs = [] }
                return jobs
            }
            if waiting.isEmpty { return }
            for job in waiting { job() }
        }
    }
}

extension EmbeddedMetadataStore {
    /// A change whose outcome is there when this returns.
    func decided<Outcome: Sendable>(
        at place: Place, _ decide: @escaping @Sendable (ClusterImage) -> (records: [[UInt8]], outcome: Outcome)
    ) throws -> Outcome {
        let result = Mutex<Result<Outcome, MetadataError>?>(nil)
        change(decide) { answer in result.withLock { $0 = answer } }
        place.runJobs()
        guard let answer = result.withLock({ $0 }) else { throw MetadataError(.closed, "no completion came") }
        return try answer.get()
    }
}

/// An image in words, to compare and to read.
extension ClusterImage {
    var summary: [String] {
        var lines = features.sorted { $0.key < $1.key }.map { "feature \($0.key)=\($0.value)" }
        for topic in topics.sorted(by: { $0.name < $1.name }) {
            lines.append("topic \(topic.name) \(topic.id) \(topic.overrides.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" })")
            for partition in topic.partitions {
                lines.append(
                    "  \(partition.id) leader=\(partition.leader)/\(partition.leaderEpoch) replicas=\(Array(partition.replicas)) "
                        + "isr=\(Array(partition.isr)) elr=\(Array(partition.eligibleLeaderReplicas)) epoch=\(partition.partitionEpoch)")
            }
        }
        for (resource, values) in configurations.sorted(by: { ($0.key.type, $0.key.name) < ($1.key.type, $1.key.name) }) {
            lines.append("config \(resource.type):\(resource.name) \(values.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" })")
        }
        for broker in brokers { lines.append("broker \(broker.id) \(broker.endpoints.map { "\($0.name)://\($0.host):\($0.port)" }) fenced=\(broker.isFenced)") }
        lines.append("producer ids from \(nextProducerId)")
        return lines
    }
}
