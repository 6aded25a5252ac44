import Cluster
import Configuration
import Foundation
import KafkaMessages
import KafkaWire
import TestKit
import Testing

/// When snapshots of the metadata are made and when old ones go: Kafka's keys and rules.
struct SnapshotTests {
    private let place: Place
    private let creation = TopicCreation(configuration: BrokerConfiguration())

    init() throws { place = try Place() }

    private func store(_ change: (inout EmbeddedMetadataStore.Options) -> Void) throws -> EmbeddedMetadataStore {
        var options = place.options()
        change(&options)
        let store = try EmbeddedMetadataStore.open(options)
        try store.start(Place.registration, raisesLeaderEpochs: false)
        return store
    }

    private func create(_ name: String, in store: EmbeddedMetadataStore) throws {
        let outcomes = try store.decided(at: place) { [creation] image in
            let decision = creation.decide([NewTopic(name, partitions: 1)], in: image)
            return (decision.records, decision.outcomes)
        }
        for outcome in outcomes { _ = try outcome.get() }
    }

    private var snapshots: [String] { place.files.filter { $0.hasSuffix(".checkpoint") } }
    private var segments: [String] { place.files.filter { $0.hasSuffix(".log") } }

    private func maintain(_ store: EmbeddedMetadataStore) {
        store.maintain()
        place.runJobs()
    }

    @Test func `after an hour there is a snapshot, where something has changed`() throws {
        let store = try store { _ in }
        try create("a", in: store)
        place.clock.advance(ms: 3_599_000)
        maintain(store)
        #expect(snapshots.isEmpty)
        place.clock.advance(ms: 1000)
        maintain(store)
        #expect(snapshots.count == 1)
        place.clock.advance(ms: 10 * 3_600_000)
        maintain(store)
        #expect(snapshots.count == 1)
        try create("b", in: store)
        maintain(store)
        #expect(snapshots.count == 2)
        #expect(try place.open().image.summary == store.image.summary)
    }

    @Test func `an interval of zero makes none`() throws {
        let store = try store { $0.snapshotIntervalMs = 0 }
        try create("a", in: store)
        place.clock.advance(ms: 100 * 3_600_000)
        maintain(store)
        #expect(snapshots.isEmpty)
    }

    @Test func `old snapshots go with the log before the next one, and the latest stays`() throws {
        let store = try store { $0.retentionMs = 5 * 3_600_000 }
        for number in 0..<4 {
            try create("t\(number)", in: store)
            place.clock.advance(ms: 3_600_000)
            maintain(store)
        }
        #expect(snapshots.count == 4)
        let first = snapshots
        #expect(segments.contains("00000000000000000000.log"))
        // The first two are older than five hours then; a snapshot's age is that of its last record.
        place.clock.advance(ms: 2 * 3_600_000 + 1000)
        maintain(store)
        #expect(snapshots == Array(first.dropFirst(2)))
        #expect(!segments.contains("00000000000000000000.log"))
        place.clock.advance(ms: 1000 * 3_600_000)
        maintain(store)
        #expect(snapshots == [first[3]])
        #expect(try place.open().image.summary == store.image.summary)
    }

    @Test func `log and snapshots together keep to metadata.max.retention.bytes`() throws {
        let store = try store {
            $0.bytesBetweenSnapshots = 3000
            $0.retentionBytes = 20_000
        }
        for number in 0..<100 { try create("t\(number)", in: store) }
        var bytes = 0
        for file in snapshots + segments { bytes += try place.file(file).count }
        // One more interval may have come since they were looked at.
        #expect(bytes <= 20_000 + 2 * 3000)
        #expect(try place.open().image.summary == store.image.summary)
        #expect(store.image.topicCount == 100)
    }

    @Test func `what is examined and refused leaves every file as it was`() throws {
        let before = try store { _ in }
        try create("a", in: before)
        let log = "00000000000000000000.log"
        try place.write(place.file(log) + Data([1, 2, 3]), to: log)
        try place.write(Data([1]), to: "00000000000000009999-0000000001.checkpoint.part")
        let files = try place.files.map { ($0, try place.file($0)) }
        var options = place.options()
        options.nodeId = 2
        options.examine = { _ in MetadataError(.foreign, "no") }
        let error = #expect(throws: MetadataError.self) { try EmbeddedMetadataStore.open(options) }
        #expect(error?.message == "no")
        #expect(place.files == files.map(\.0))
        for (name, content) in files { #expect(try place.file(name) == content, "\(name)") }
        options.examine = { _ in nil }
        _ = try EmbeddedMetadataStore.open(options)
        #expect(!place.files.contains { $0.hasSuffix(".part") })
    }
}

/// What of another broker's directory is not taken over.
struct TakeoverTests {
    @Test func `copies elsewhere and tiered topics are named`() throws {
        let place = try Place()
        let store = try place.started()
        let topic = Uuid(1, 2), other = Uuid(3, 4)
        _ = try store.decided(at: place) { _ in
            var list = RecordList()
            for (name, id) in [("alone", topic), ("shared", other)] {
                var record = TopicRecord()
                record.name = WireBytes(copying: name, in: list.arena)
                record.topicId = id
                list.append(record)
            }
            for (id, replicas) in [(topic, [Int32(1)]), (other, [2, 1])] {
                var record = PartitionRecord()
                record.partitionId = 0
                record.topicId = id
                record.replicas = WireIntegers(copying: replicas, in: list.arena)
                record.isr = record.replicas
                record.leader = replicas[0]
                list.append(record)
            }
            var record = ConfigRecord()
            record.resourceType = ConfigurationResource.topicType
            record.resourceName = "alone"
            record.name = "remote.storage.enable"
            record.value = .some("true")
            list.append(record)
            return (list.records, ())
        }
        let obstacles = Takeover.obstacles(in: store.image, nodeId: 1)
        #expect(obstacles == [.init(kind: .replicas, what: ["shared-0"]), .init(kind: .tiered, what: ["alone"])])
        #expect(
            obstacles.map(\.description) == [
                "partitions with replicas on other brokers: shared-0",
                "topics with data in a remote store (remote.storage.enable): alone",
            ])
        #expect(Takeover.obstacles(in: store.image, nodeId: 3).first?.what == ["alone-0", "shared-0"])
    }

    @Test func `a replica's log directory is written down once`() throws {
        let place = try Place()
        let store = try EmbeddedMetadataStore.open(place.options())
        let directories = [Uuid(7, 7), Uuid(8, 8)]
        try store.start(
            BrokerRegistration(
                nodeId: 1, endpoints: [.init(name: "PLAINTEXT", host: "localhost", port: 9092, securityProtocol: 0)],
                rack: nil,
                logDirectories: directories), raisesLeaderEpochs: false)
        let creation = TopicCreation(configuration: BrokerConfiguration())
        _ = try store.decided(at: place) { image in
            let decision = creation.decide([NewTopic("a", partitions: 2)], in: image)
            return (decision.records, decision.outcomes)
        }
        let id = try #require(store.image.topic("a")?.id)
        func directory(_ partition: Int32, in image: ClusterImage) -> Uuid? {
            // A partition is a view into its topic, which has to stay as long.
            withExtendedLifetime(image) { image.topic("a")?.partition(partition)?.directory(ofReplica: 1) }
        }
        func directory(_ partition: Int32) -> Uuid? { directory(partition, in: store.image) }
        #expect(directory(0) == .zero && directory(1) == .zero)
        let wanted = [
            ReplicaPlace(topicId: id, partition: 1, directory: directories[1]),
            ReplicaPlace(topicId: id, partition: 0, directory: Uuid(9, 9)),
        ]
        store.assign(wanted)
        place.runJobs()
        // An unknown directory is none of the broker's.
        #expect(directory(0) == .zero && directory(1) == directories[1])
        let offset = store.image.offset
        store.assign(wanted)
        place.runJobs()
        #expect(store.image.offset == offset)
        #expect(directory(1, in: try place.open().image) == directories[1])
    }
}
