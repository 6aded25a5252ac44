import Cluster
import Configuration
import Foundation
import KafkaMessages
import KafkaWire
import Synchronization
import Testing

struct EmbeddedStoreTests {
    private let creation = TopicCreation(configuration: BrokerConfiguration())

    private func create(_ names: String..., in store: EmbeddedMetadataStore, _ place: Place) throws {
        let topics = names.map { NewTopic($0, partitions: 2) }
        let outcomes = try store.decided(at: place) { [creation] image in
            let decision = creation.decide(topics, in: image)
            return (decision.records, decision.outcomes)
        }
        for outcome in outcomes { _ = try outcome.get() }
    }

    @Test func `a fresh directory is laid out as Kafka's and has metadata version 3_9-IV0`() throws {
        let place = try Place()
        let store = try place.started()
        #expect(store.image.metadataVersion == 21)
        #expect(place.files == ["00000000000000000000.log", "partition.metadata", "quorum-state"])
        #expect(FileManager.default.fileExists(atPath: place.path + "/bootstrap.checkpoint"))
        #expect(
            String(decoding: try place.file("quorum-state"), as: UTF8.self)
                == #"{"clusterId":"","leaderId":1,"leaderEpoch":1,"votedId":-1,"appliedOffset":0,"currentVoters":[{"voterId":1}],"data_version":0}"#)
        let broker = try #require(store.image.broker(1))
        #expect(!broker.isFenced)
        #expect(broker.endpoint("PLAINTEXT")?.port == 9092)
        // A broker's epoch is the offset of its registration: behind the leader's record and the feature.
        #expect(broker.epoch == 2)
        #expect(try place.open().image.summary == store.image.summary)
    }

    @Test func `a change is answered once it is on the disk, and not before`() throws {
        let place = try Place()
        let store = try place.started()
        let generation = store.generation
        let answers = Mutex<[String]>([])
        for name in ["a", "b"] {
            store.change { [creation] image in
                let decision = creation.decide([NewTopic(name, partitions: 1)], in: image)
                return (decision.records, name)
            } completion: { result in
                let name = (try? result.get()) ?? "failed"
                answers.withLock { $0.append(name) }
            }
        }
        #expect(answers.withLock { $0 } == [])
        #expect(store.image.topicCount == 0)
        #expect(store.generation == generation)
        // Both share one fsync.
        #expect(place.jobs.withLock { $0.count } == 1)
        place.runJobs()
        #expect(answers.withLock { $0 } == ["a", "b"])
        #expect(store.image.topicCount == 2)
        #expect(store.generation > generation)
    }

    @Test func `a decision sees the changes before it, and waits for them`() throws {
        let place = try Place()
        let store = try place.started()
        let answers = Mutex<[String]>([])
        for _ in 0..<2 {
            store.change { [creation] image in
                let decision = creation.decide([NewTopic("a", partitions: 1)], in: image)
                return (decision.records, decision.outcomes[0])
            } completion: { result in
                let outcome = result.map { outcome -> String in
                    if case .failure(let error) = outcome { return error.code.name ?? "" }
                    return "made"
                }
                answers.withLock { $0.append((try? outcome.get()) ?? "failed") }
            }
        }
        #expect(answers.withLock { $0 } == [])
        place.runJobs()
        #expect(answers.withLock { $0 } == ["made", "TOPIC_ALREADY_EXISTS"])
    }

    @Test func `observers hear of every change in order, before its answer`() throws {
        let place = try Place()
        let store = try place.started()
        try create("early", in: store, place)
        let heard = Mutex<[String]>([])
        store.observe { change in
            for (before, after) in change.topics {
                heard.withLock { $0.append("\(before?.name ?? "-")>\(after?.name ?? "-")") }
            }
            for resource in change.configurations { heard.withLock { $0.append("config \(resource.name)") } }
        }
        try create("late", in: store, place)
        _ = try store.decided(at: place) { image in
            let decision = TopicDeletion.decide([.name("early")], in: image)
            return (decision.records, true)
        }
        let edit = ConfigurationAlteration(.topic("late"), .change([.init(.set, "flush.ms", "5")]))
        _ = try store.decided(at: place) { image in
            let decision = ConfigurationAlteration.decide([edit], in: image, configuration: BrokerConfiguration())
            return (decision.records, true)
        }
        #expect(heard.withLock { $0 } == ["->early", "->late", "early>-", "late>late", "config late"])
        #expect(store.image.topic("late")?.overrides == ["flush.ms": "5"])
        #expect(store.image.topic("early") == nil)
    }

    @Test func `everything is there after a start`() throws {
        let place = try Place()
        let store = try place.started()
        try create("a", "b.c", in: store, place)
        let ids = ProducerIds(store: store, nodeId: 1)
        let given = Mutex<[Int64]>([])
        for _ in 0..<3 { ids.next { result in given.withLock { $0.append((try? result.get()) ?? -1) } } }
        place.runJobs()
        #expect(given.withLock { $0 } == [0, 1, 2])
        let again = try place.started()
        #expect(again.image.summary == store.image.summary)
        #expect(again.image.nextProducerId == 1000)
        // A start never gives an id out again.
        let later = ProducerIds(store: again, nodeId: 1)
        later.next { result in given.withLock { $0.append((try? result.get()) ?? -1) } }
        place.runJobs()
        #expect(given.withLock { $0.last } == 1000)
    }

    @Test func `a stop that was not clean raises every leader epoch`() throws {
        let place = try Place()
        try create("a", in: try place.started(), place)
        let after = try place.started(raisesLeaderEpochs: true).image
        #expect(after.topic("a")?.partitions.map(\.leaderEpoch) == [1, 1])
        #expect(try place.started().image.topic("a")?.partitions.map(\.leaderEpoch) == [1, 1])
    }

    @Test func `a log that is cut anywhere opens with what is whole`() throws {
        let place = try Place()
        let store = try place.started()
        try create("a", in: store, place)
        let whole = try place.file("00000000000000000000.log")
        try create("b", in: store, place)
        let longer = try place.file("00000000000000000000.log")
        for length in stride(from: longer.count, through: 0, by: -7) {
            try place.write(longer.prefix(length), to: "00000000000000000000.log")
            let image = try place.started().image
            #expect((image.topic("a") != nil) == (length >= whole.count))
            #expect((image.topic("b") != nil) == (length == longer.count))
        }
    }

    @Test func `a flipped bit ends the log before it`() throws {
        let place = try Place()
        let store = try place.started()
        try create("a", in: store, place)
        let good = try place.file("00000000000000000000.log")
        try create("b", in: store, place)
        let log = try place.file("00000000000000000000.log")
        for position in stride(from: good.count, to: log.count, by: 5) {
            var damaged = log
            // The base offset's and the epoch's bytes stand outside of the checksum.
            if position - good.count < 8 || (12..<16).contains(position - good.count) { continue }
            damaged[position] ^= 0x10
            try place.write(damaged, to: "00000000000000000000.log")
            #expect(try place.open().image.topics.map(\.name) == ["a"])
        }
    }

    @Test func `snapshots come as the log grows, and old ones and segments go`() throws {
        let place = try Place()
        var options = place.options()
        options.bytesBetweenSnapshots = 2000
        options.retentionBytes = 10_000
        let store = try EmbeddedMetadataStore.open(options)
        try store.start(Place.registration, raisesLeaderEpochs: false)
        for number in 0..<60 { try create("t\(number)", in: store, place) }
        let snapshots = place.files.filter { $0.hasSuffix(".checkpoint") }
        // The last ones alone are larger than the bound: then the latest stays.
        #expect(snapshots.count == 1)
        #expect(place.files.filter { $0.hasSuffix(".log") }.count <= 2)
        #expect(!place.files.contains("00000000000000000000.log"))
        let again = try EmbeddedMetadataStore.open(options)
        #expect(again.image.summary == store.image.summary)
        #expect(again.image.topicCount == 60)
    }

    @Test func `an unfinished snapshot is removed, a missing one is an error`() throws {
        let place = try Place()
        var options = place.options()
        options.bytesBetweenSnapshots = 1000
        options.retentionBytes = 1000
        let store = try EmbeddedMetadataStore.open(options)
        try store.start(Place.registration, raisesLeaderEpochs: false)
        for number in 0..<40 { try create("t\(number)", in: store, place) }
        try place.write(Data([1, 2, 3]), to: "00000000000000009999-0000000001.checkpoint.part")
        _ = try place.open()
        #expect(!place.files.contains { $0.hasSuffix(".part") })
        for file in place.files where file.hasSuffix(".checkpoint") { try place.remove(file) }
        let error = #expect(throws: MetadataError.self) { try place.open() }
        #expect(error?.message.contains("no snapshot has what was before it") == true)
    }

    @Test func `a clean stop fences the broker, and a start brings it back in the same registration`() throws {
        let place = try Place()
        let store = try place.started()
        let epoch = store.image.broker(1)?.epoch
        store.close()
        place.runJobs()
        #expect(try place.open().image.broker(1)?.isFenced == true)
        let again = try place.started().image
        #expect(again.broker(1)?.isFenced == false)
        #expect(again.broker(1)?.epoch == epoch)
    }

    @Test func `after a stop nothing can be changed`() throws {
        let place = try Place()
        let store = try place.started()
        store.close()
        let error = #expect(throws: MetadataError.self) { try create("a", in: store, place) }
        #expect(error?.kind == .closed)
    }

    @Test func `ten thousand partitions are made at once, and no more`() throws {
        let place = try Place()
        let store = try place.started()
        let outcomes = try store.decided(at: place) { [creation] image in
            let decision = creation.decide(
                [NewTopic("big", partitions: 9_998), NewTopic("more", partitions: 3), NewTopic("fits", partitions: 2)], in: image)
            return (decision.records, decision.outcomes)
        }
        #expect(throws: Never.self) { try outcomes[0].get() }
        #expect(throws: ControllerError(.policyViolation, "Excessively large number of partitions per request.")) {
            try outcomes[1].get()
        }
        #expect(throws: Never.self) { try outcomes[2].get() }
        #expect(store.image.topic("big")?.partitions.count == 9_998)
        #expect(try place.open().image.topic("big")?.partition(9_997)?.leader == 1)
    }
}
