import Cluster
import Foundation
import Testing

/// Directories that Apache Kafka wrote.
struct KafkaDirectoryTests {
    @Test(arguments: ["kafka-3.9.1", "kafka-4.4.0"])
    func `what Kafka knew is there`(release: String) throws {
        let place = try Place(copyOf: release)
        let image = try place.open().image
        #expect(image.topics.map(\.name).sorted() == ["keep", "t1", "t2", "t3"])
        let keep = try #require(image.topic("keep"))
        #expect(keep.overrides == ["cleanup.policy": "compact", "flush.ms": "77"])
        #expect(keep.partitions.map(\.id) == [0, 1, 2, 3])
        #expect(keep.partitions.allSatisfy { Array($0.replicas) == [1] })
        #expect(image.topic(keep.id) === keep)
        #expect(image.configuration(.broker(1)) == ["log.cleaner.threads": "2"])
        #expect(image.configuration(.init(type: 16, name: "m1")) == ["interval.ms": "1000", "metrics": "org.apache"])
        #expect(image.metadataVersion == (release == "kafka-3.9.1" ? 21 : 33))
        #expect(image.keptRecordCounts == ["accessControlEntryRecord": 1, "clientQuotaRecord": 1, "registerControllerRecord": 1, "userScramCredentialRecord": 1].merging(release == "kafka-3.9.1" ? ["zkMigrationStateRecord": 1] : [:]) { a, _ in a })
    }

    @Test(arguments: ["kafka-3.9.1", "kafka-4.4.0"])
    func `a snapshot and the log behind it say the same as the whole log`(release: String) throws {
        let withSnapshots = try Place(copyOf: release)
        let logAlone = try Place(copyOf: release)
        let snapshots = logAlone.files.filter { $0.hasSuffix(".checkpoint") && !$0.hasPrefix("00000000000000000000-") }
        #expect(snapshots.count == 2)
        for snapshot in snapshots { try logAlone.remove(snapshot) }
        #expect(try withSnapshots.open().image.summary == logAlone.open().image.summary)
        // Kafka orders some lists otherwise in a snapshot, so the records themselves may differ.
        #expect(try withSnapshots.open().image.keptRecordCounts == logAlone.open().image.keptRecordCounts)
    }

    @Test(arguments: ["kafka-3.9.1", "kafka-4.4.0"])
    func `this node leads what Kafka left without a leader, in a new epoch`(release: String) throws {
        let place = try Place(copyOf: release)
        let before = try place.open().image
        #expect(before.topics.allSatisfy { $0.partitions.allSatisfy { $0.leader == -1 } })
        let store = try place.started()
        for topic in store.image.topics {
            for partition in topic.partitions {
                let old = try #require(before.topic(topic.id)?.partition(partition.id))
                #expect(partition.leader == 1)
                #expect(Array(partition.isr) == [1])
                #expect(partition.leaderEpoch == old.leaderEpoch + 1)
                #expect(partition.eligibleLeaderReplicas.isEmpty)
            }
        }
        // And the next start finds it so.
        #expect(try place.open().image.summary == store.image.summary)
    }

    @Test(arguments: ["kafka-3.9.1", "kafka-4.4.0"])
    func `nothing is written where there is nothing to change`(release: String) throws {
        let place = try Place(copyOf: release)
        _ = try place.started()
        // A store that was not closed: its broker is not fenced.
        let files = try place.files.map { ($0, try place.file($0)) }
        let image = try place.started().image
        for (name, content) in files { #expect(try place.file(name) == content, "\(name)") }
        #expect(image.topicCount == 4)
    }

    @Test(arguments: ["kafka-3.9.1", "kafka-4.4.0"])
    func `a snapshot of ours replaces all of Kafka's files`(release: String) throws {
        let place = try Place(copyOf: release)
        let store = try place.started()
        try store.writeSnapshot()
        try store.writeSnapshot()
        let name = try #require(place.files.last { $0.hasSuffix(".checkpoint") })
        // Only the newest snapshot and an empty segment behind it.
        for file in place.files where file != name && file != "quorum-state" { try place.remove(file) }
        #expect(try place.open().image.summary == store.image.summary)
        #expect(try place.open().image.snapshotRecords == store.image.snapshotRecords)
    }

    @Test(arguments: ["kafka-3.9.1", "kafka-4.4.0"])
    func `damaged records are errors or something else, and never end the process`(release: String) throws {
        let place = try Place(copyOf: release)
        let image = try place.open().image
        let records = image.snapshotRecords
        var refused = 0
        for record in records {
            for position in record.indices {
                for flip in [UInt8(0x01), 0x80, 0xFF] {
                    var damaged = record
                    damaged[position] ^= flip
                    if image.isRefusing(damaged) { refused += 1 }
                }
                if image.isRefusing(Array(record[..<position])) { refused += 1 }
            }
        }
        #expect(refused > records.count * 10)
    }
}
