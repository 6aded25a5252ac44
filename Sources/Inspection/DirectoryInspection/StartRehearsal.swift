internal import Cluster
internal import Configuration
internal import EventLoop
internal import Files
internal import PartitionLog
internal import Replication
internal import Synchronization
internal import Telemetry

/// What a start would do, found out by the code of the start itself, on a disk that keeps every change in memory.
struct StartRehearsal {
    let directories: [String]
    let nodeId: Int32
    let metadataDirectory: String
    let fileSystem: FileSystem

    struct Outcome {
        /// Why there would be no start.
        var refusal: String?
        var image: ClusterImage?
        var obstacles: [Takeover.Obstacle] = []
        var changes: [DryRunLedger.Change] = []
        var partitions: [Recovered] = []
        /// Warnings and errors in the start's own words.
        var words: [LogEvent] = []
    }

    struct Recovered {
        var partition: TopicPartition
        var path: String
        var startOffset: Int64
        var endOffset: Int64
        /// What would be read of its segments.
        var bytesRead: Int64
    }

    func run() -> Outcome {
        let disk = DryRunDisk(over: fileSystem)
        let words = Words()
        var outcome = Outcome()
        Log.shared.divert { event in
            words.add(event)
        } during: {
            rehearse(on: disk, &outcome)
        }
        outcome.changes = disk.ledger.changes
        outcome.words = words.all
        return outcome
    }

    private func rehearse(on disk: DryRunDisk, _ outcome: inout Outcome) {
        let clock = Clock()
        do throws(LogError) {
            let (directories, _) = try LogDirectory.open(
                self.directories, nodeId: nodeId, clusterId: nil, fileSystem: disk)
            do throws(MetadataError) {
                let store = try EmbeddedMetadataStore.open(
                    .init(directory: metadataDirectory, nodeId: nodeId, fileSystem: disk, clock: clock) { _ in })
                outcome.image = store.image
            } catch {
                outcome.refusal = error.description
                return
            }
            let image = outcome.image ?? .empty
            outcome.obstacles = Takeover.obstacles(in: image, nodeId: nodeId)
            let live = LiveConfiguration(BrokerConfiguration())
            let environment = LogEnvironment(fileSystem: disk, clock: clock) { _ in }
            let manager = LogManager(directories: directories, environment: environment)
            try manager.load { topic in LogConfiguration(live.topic(image.topic(topic)?.overrides ?? [:])) }
            outcome.partitions = manager.logs.map { log in
                Recovered(
                    partition: log.partition, path: log.path, startOffset: log.logStartOffset,
                    endOffset: log.logEndOffset,
                    bytesRead: disk.ledger.bytesRead(below: log.path))
            }.sorted { $0.partition < $1.partition }
        } catch {
            outcome.refusal = error.description
        }
    }

    private final class Words: Sendable {
        private let events = Mutex<[LogEvent]>([])
        func add(_ event: LogEvent) { events.withLock { $0.append(event) } }
        var all: [LogEvent] { events.withLock { $0 } }
    }
}
