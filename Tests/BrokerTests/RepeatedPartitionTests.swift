import Broker
import BrokerKit
import Cluster
import KafkaMessages
import KafkaRecords
import KafkaWire
import TestKit
import Testing

/// A partition that one request names twice, and what becomes of sessions. What is expected here is what Apache Kafka 4.4.0
/// answered to the same requests (3.9.1 for Produce 0 to 2), with one thing left out: Kafka gives the partitions of a produce in the
/// order of a hash.
@Suite struct RepeatedPartitionTests {
    /// Topics `a` and `b` of three partitions with four records each; `x` there is none.
    private final class Scene {
        let broker = try! WholeBroker()
        let peer: Peer
        let arena = Arena()
        var ids: [String: Uuid] = ["x": Uuid(1, 2)]

        init(records: Int = 4) throws {
            peer = try Peer(port: broker.port)
            var request = CreateTopicsRequest()
            request.timeoutMs = 10_000
            request.topics = WireArray(count: 2, in: arena) { index, topic in
                topic.name = index == 0 ? "a" : "b"
                topic.numPartitions = 3
                topic.replicationFactor = 1
            }
            try peer.ask(request, version: 5) { answer in #expect(answer.topics.allSatisfy { $0.errorCode == 0 }) }
            for topic in ["a", "b"] { ids[topic] = broker.store.image.topic(topic)?.id }
            for _ in 0..<records {
                let all: [(Int32, Int)] = [(0, 1), (1, 1), (2, 1)]
                _ = try produce([("a", all), ("b", all)], version: 9)
            }
        }

        deinit { broker.stop() }

        private func name(_ name: WireBytes, _ id: Uuid) -> String {
            name.isEmpty ? ids.first { $0.value == id }?.key ?? "?" : name.string
        }

        /// Partitions with so many records each (0: an empty batch list, -1: a broken batch). `a 0+4 1+4`: the base offset; `a 0!2`: the
        /// error.
        func produce(_ topics: [(String, [(Int32, Int)])], version: Int16, acks: Int16 = -1) throws -> String {
            var request = ProduceRequest()
            request.acks = acks
            request.timeoutMs = 1000
            request.topicData = try WireArray(count: topics.count, in: arena) { index, topic in
                let (name, partitions) = topics[index]
                if version >= 13 { topic.topicId = ids[name]! } else { topic.name = WireBytes(copying: name, in: arena) }
                topic.partitionData = try WireArray(count: partitions.count, in: arena) { place, data in
                    data.index = partitions[place].0
                    data.records = .bytes(WireBytes(copying: try batch(partitions[place].1, version), in: arena))
                }
            }
            if acks == 0 {
                try peer.send(request, version: version)
                return ""
            }
            return try peer.ask(request, version: version) { answer in
                answer.responses.map { topic in
                    let partitions = topic.partitionResponses.map { "\($0.index)" + ($0.errorCode == 0 ? "+\($0.baseOffset)" : "!\($0.errorCode)") }
                    return name(topic.name, topic.topicId) + " " + partitions.joined(separator: " ")
                }.joined(separator: ", ")
            }
        }

        private func batch(_ records: Int, _ version: Int16) throws -> [UInt8] {
            if records == 0 { return [] }
            var builder = RecordBatchBuilder()
            for number in 0..<max(1, records) {
                builder.append(timestamp: 1_700_000_000_000, key: nil, value: [UInt8(number)])
            }
            var bytes = try builder.build()
            if records < 0 { bytes[bytes.count - 1] ^= 1 }
            return bytes
        }

        /// Partitions from so far on. `a 0@3 1!3, b 2-`: the first offset that came, an error, nothing; behind it ` session` where there
        /// is one, or the error of the whole.
        func fetch(
            _ topics: [(String, [(Int32, Int64)])], version: Int16, session: Int32 = 0, epoch: Int32 = -1,
            forget: [(String, [Int32])] = [], partitionMaxBytes: Int32 = 1 << 20
        ) throws -> (answer: String, session: Int32) {
            var request = FetchRequest()
            request.maxBytes = 1 << 20
            request.sessionId = session
            request.sessionEpoch = epoch
            request.topics = WireArray(count: topics.count, in: arena) { index, topic in
                let (name, partitions) = topics[index]
                if version >= 13 { topic.topicId = ids[name]! } else { topic.topic = WireBytes(copying: name, in: arena) }
                topic.partitions = WireArray(count: partitions.count, in: arena) { place, partition in
                    (partition.partition, partition.fetchOffset) = partitions[place]
                    partition.partitionMaxBytes = partitionMaxBytes
                }
            }
            request.forgottenTopicsData = WireArray(count: forget.count, in: arena) { index, topic in
                let (name, partitions) = forget[index]
                if version >= 13 { topic.topicId = ids[name]! } else { topic.topic = WireBytes(copying: name, in: arena) }
                topic.partitions = WireIntegers(copying: partitions, in: arena)
            }
            return try peer.ask(request, version: version) { answer in
                var text = answer.responses.map { topic in
                    let partitions = topic.partitions.map { "\($0.partitionIndex)" + Self.outcome(of: $0) }
                    return name(topic.topic, topic.topicId) + " " + partitions.joined(separator: " ")
                }.joined(separator: ", ")
                if answer.sessionId != 0 { text += " session" }
                if answer.errorCode != 0 { text += "!\(answer.errorCode)" }
                return (text, answer.sessionId)
            }
        }

        private static func outcome(of partition: FetchResponse.PartitionData) -> String {
            if partition.errorCode != 0 { return "!\(partition.errorCode)" }
            guard case .bytes(let bytes) = partition.records, let head = RecordBatchHeader(bytes.buffer) else { return "-" }
            return "@\(head.baseOffset)"
        }
    }

    // MARK: Produce

    @Test(arguments: [3, 7, 9, 12, 13] as [Int16])
    func `the last mention of a partition is appended, and answered once`(version: Int16) throws {
        let scene = try Scene(records: 0)
        let unknown = version >= 13 ? 100 : 3
        #expect(try scene.produce([("a", [(0, 1), (0, 2)])], version: version) == "a 0+0")
        #expect(try scene.produce([("a", [(0, 1)]), ("a", [(0, 3)])], version: version) == "a 0+2")
        #expect(
            try scene.produce([("a", [(0, 1), (1, 1)]), ("b", [(0, 1)]), ("a", [(0, 2), (2, 1)])], version: version)
                == "a 0+5 1+0 2+0, b 0+0")
        #expect(try scene.produce([("a", [(0, 1)]), ("b", [(0, 1)]), ("a", [(2, 2)])], version: version) == "a 0+7 2+1, b 0+1")
        #expect(try scene.produce([("a", [(0, 1), (0, -1)])], version: version) == "a 0!2")
        #expect(try scene.produce([("a", [(0, -1), (0, 1)])], version: version) == "a 0+8")
        #expect(try scene.produce([("a", [(7, 1), (7, 1)])], version: version) == "a 7!3")
        #expect(
            try scene.produce([("x", [(0, 1), (0, 1)]), ("a", [(0, 1)]), ("x", [(0, 1)])], version: version)
                == "x 0!\(unknown), a 0+9")
        #expect(try scene.produce([("a", [(0, 1), (0, 2)])], version: version, acks: 5) == "a 0!21")
        #expect(try scene.produce([("a", [(0, 1)])], version: version) == "a 0+10")
    }

    @Test func `without acknowledgement the last mention counts too`() throws {
        let scene = try Scene(records: 0)
        _ = try scene.produce([("a", [(0, -1), (0, 1)])], version: 9, acks: 0)
        #expect(try scene.produce([("a", [(0, 1)])], version: 9) == "a 0+1")
        _ = try scene.produce([("a", [(0, 1), (0, -1)])], version: 9, acks: 0)
        #expect(try scene.peer.frame() == nil)
    }

    @Test func `of many partitions in any order, the one that is there twice is found`() throws {
        let scene = try Scene(records: 0)
        let descending = (0..<20).reversed().map { (Int32($0), 1) }
        let answer = try scene.produce([("a", descending + [(1, 3)])], version: 9)
        #expect(answer.hasSuffix("2+0 1+0 0+0"))
        #expect(try scene.produce([("a", [(0, 1), (1, 1)])], version: 9) == "a 0+1 1+3")
    }

    // MARK: Fetch

    @Test(arguments: [4, 7, 12, 13, 18] as [Int16])
    func `the last mention of a partition is read, where the first one stood`(version: Int16) throws {
        let scene = try Scene()
        func fetch(_ topics: [(String, [(Int32, Int64)])], partitionMaxBytes: Int32 = 1 << 20) throws -> String {
            try scene.fetch(topics, version: version, partitionMaxBytes: partitionMaxBytes).answer
        }
        #expect(try fetch([("a", [(0, 1), (0, 3)])]) == "a 0@3")
        #expect(try fetch([("a", [(0, 1)]), ("a", [(0, 3)])]) == "a 0@3")
        #expect(try fetch([("a", [(0, 0), (1, 0)]), ("b", [(0, 0)]), ("a", [(0, 3), (2, 2)])]) == "a 0@3 1@0, b 0@0, a 2@2")
        #expect(try fetch([("a", [(0, 0)]), ("b", [(0, 0)]), ("a", [(2, 2)])]) == "a 0@0, b 0@0, a 2@2")
        #expect(try fetch([("a", [(0, 0)]), ("a", [(2, 2)])]) == "a 0@0 2@2")
        #expect(try fetch([("a", [(0, 99), (0, 1)])]) == "a 0@1")
        #expect(try fetch([("a", [(0, 1), (0, 99)])]) == "a 0!1")
        #expect(try fetch([("a", [(7, 1), (7, 1)])]) == "a 7!3")
        #expect(try fetch([("a", [(0, 1), (1, 0), (0, 3)])], partitionMaxBytes: 1) == "a 0@3 1-")
        // What is not known is answered behind the rest.
        let unknown = version >= 13 ? 100 : 3
        #expect(try fetch([("x", [(0, 1), (0, 1)]), ("a", [(0, 2)]), ("x", [(0, 1)])]) == "a 0@2, x 0!\(unknown)")
    }

    @Test(arguments: [7, 12, 13, 18] as [Int16])
    func `a session takes each partition once, and ends with its last one`(version: Int16) throws {
        let scene = try Scene()
        let (first, id) = try scene.fetch(
            [("a", [(0, 1), (0, 3), (1, 4)]), ("b", [(0, 0)]), ("a", [(0, 2)])], version: version, epoch: 0)
        #expect(first == "a 0@2 1-, b 0@0 session")
        var epoch: Int32 = 0
        func next(_ topics: [(String, [(Int32, Int64)])] = [], forget: [(String, [Int32])] = []) throws -> String {
            epoch += 1
            return try scene.fetch(topics, version: version, session: id, epoch: epoch, forget: forget).answer
        }
        let unknown = version >= 13 ? 100 : 3
        #expect(try next() == "a 0@2, b 0@0 session")
        #expect(try next([("a", [(0, 3), (0, 1)])]) == "a 0@1, b 0@0 session")
        #expect(try next([("b", [(2, 3), (2, 1)])]) == "a 0@1, b 0@0 2@1 session")
        #expect(try next([("b", [(2, 0)])], forget: [("b", [2, 2])]) == "a 0@1, b 0@0 session")
        #expect(try next([("b", [(1, 0)])], forget: [("b", [1])]) == "a 0@1, b 0@0 session")
        #expect(try next(forget: [("b", [1, 9]), ("x", [0])]) == "a 0@1, b 0@0 session")
        #expect(try next([("x", [(0, 0), (0, 1)])]) == "a 0@1, b 0@0, x 0!\(unknown) session")
        #expect(try next() == "a 0@1, b 0@0, x 0!\(unknown) session")
        #expect(try scene.fetch([], version: version, session: id, epoch: epoch).answer == "!71")
        #expect(try next() == "a 0@1, b 0@0, x 0!\(unknown) session")
        #expect(try scene.fetch([], version: version, session: id, epoch: epoch + 2).answer == "!71")
        #expect(try next(forget: [("a", [0, 1]), ("b", [0]), ("x", [0])]) == "")
        #expect(try next() == "!70")
    }

    @Test(arguments: [7, 12, 13, 18] as [Int16])
    func `sessions are opened, renewed and left as Kafka's are`(version: Int16) throws {
        let scene = try Scene()
        let read: [(String, [(Int32, Int64)])] = [("a", [(0, 3)])]
        func fetch(_ topics: [(String, [(Int32, Int64)])], session: Int32 = 0, epoch: Int32) throws -> String {
            try scene.fetch(topics, version: version, session: session, epoch: epoch).answer
        }
        #expect(try fetch([], epoch: 0) == " session")
        #expect(try fetch(read, session: 12_345, epoch: 0) == "a 0@3 session")
        #expect(try fetch(read, session: 12_345, epoch: -1) == "a 0@3")
        #expect(try fetch(read, epoch: 5) == "!70")
        #expect(try fetch(read, epoch: -2) == "!70")
        // Who opens another one gives the old one up.
        let old = try scene.fetch(read, version: version, epoch: 0).session
        #expect(try fetch([("a", [(0, 2)])], session: old, epoch: 0) == "a 0@2 session")
        #expect(try fetch([], session: old, epoch: 1) == "!70")
        // Who changes between names and ids has to open another one, and does not harm the old one.
        let id = try scene.fetch([("a", [(0, 4)])], version: version, epoch: 0).session
        #expect(try scene.fetch([], version: version >= 13 ? 12 : 13, session: id, epoch: 1).answer == "!106")
        #expect(try fetch([], session: id, epoch: 1) == " session")
    }

    // MARK: Others

    @Test(arguments: [1, 5, 9] as [Int16])
    func `offsets of a partition that is named twice are refused, and those of the others listed`(version: Int16) throws {
        let scene = try Scene()
        func list(_ topics: [(String, [(Int32, Int64)])]) throws -> String {
            var request = ListOffsetsRequest()
            request.topics = WireArray(count: topics.count, in: scene.arena) { index, topic in
                topic.name = WireBytes(copying: topics[index].0, in: scene.arena)
                topic.partitions = WireArray(count: topics[index].1.count, in: scene.arena) { place, partition in
                    (partition.partitionIndex, partition.timestamp) = topics[index].1[place]
                }
            }
            return try scene.peer.ask(request, version: version) { answer in
                answer.topics.map { topic in
                    topic.name.string + " "
                        + topic.partitions.map { "\($0.partitionIndex)" + ($0.errorCode == 0 ? "@\($0.offset)" : "!\($0.errorCode)") }
                        .joined(separator: " ")
                }.joined(separator: ", ")
            }
        }
        #expect(try list([("a", [(0, -1)]), ("b", [(0, -1)]), ("a", [(0, -2)])]) == "a 0!42, b 0@4")
        #expect(try list([("a", [(0, -1)]), ("b", [(0, -1)]), ("a", [(1, -2)])]) == "a 0@4, b 0@4, a 1@0")
        #expect(try list([("b", [(0, -1), (0, -1), (0, -1)]), ("b", [(0, -1)])]) == "b 0!42")
        #expect(try list([("x", [(0, -1), (0, -1)]), ("b", [(1, -1)])]) == "x 0!42, b 1@4")
    }

    @Test func `records of a partition that is named twice are deleted once, up to the last offset`() throws {
        let scene = try Scene()
        func delete(_ topics: [(String, [(Int32, Int64)])]) throws -> String {
            var request = DeleteRecordsRequest()
            request.timeoutMs = 1000
            request.topics = WireArray(count: topics.count, in: scene.arena) { index, topic in
                topic.name = WireBytes(copying: topics[index].0, in: scene.arena)
                topic.partitions = WireArray(count: topics[index].1.count, in: scene.arena) { place, partition in
                    (partition.partitionIndex, partition.offset) = topics[index].1[place]
                }
            }
            return try scene.peer.ask(request, version: 1) { answer in
                answer.topics.map { topic in
                    topic.name.string + " "
                        + topic.partitions.map { "\($0.partitionIndex)" + ($0.errorCode == 0 ? "@\($0.lowWatermark)" : "!\($0.errorCode)") }
                        .joined(separator: " ")
                }.joined(separator: ", ")
            }
        }
        #expect(try delete([("a", [(0, 3), (0, 0)]), ("b", [(0, 0)]), ("a", [(0, 1)])]) == "a 0@1, b 0@0")
        #expect(try delete([("x", [(0, 1), (0, 0)]), ("b", [(0, 99), (0, 1)])]) == "x 0!3, b 0@1")
    }

    @Test func `a topic that is to be made or deleted twice is refused, and answered once`() throws {
        let scene = try Scene(records: 0)
        let twice = "42 Duplicate topic name."
        var creation = CreateTopicsRequest()
        creation.timeoutMs = 10_000
        creation.topics = WireArray(count: 3, in: scene.arena) { index, topic in
            topic.name = index == 1 ? "once" : "twice"
            topic.numPartitions = 1
            topic.replicationFactor = 1
        }
        try scene.peer.ask(creation, version: 5) { answer in
            #expect(answer.topics.map { "\($0.name) \($0.errorCode) \($0.errorMessage?.string ?? "")" } == ["twice \(twice)", "once 0 "])
        }
        var growth = CreatePartitionsRequest()
        growth.timeoutMs = 10_000
        growth.topics = WireArray(count: 2, in: scene.arena) { index, topic in
            topic.name = "a"
            topic.count = Int32(4 + index)
        }
        try scene.peer.ask(growth, version: 1) { answer in
            #expect(answer.results.map { "\($0.name) \($0.errorCode) \($0.errorMessage?.string ?? "")" } == ["a \(twice)"])
        }
        func delete(_ targets: [(name: String?, id: String?)]) throws -> [String] {
            var deletion = DeleteTopicsRequest()
            deletion.timeoutMs = 10_000
            deletion.topics = WireArray(count: targets.count, in: scene.arena) { index, topic in
                topic.name = targets[index].name.map { WireBytes(copying: $0, in: scene.arena) }
                topic.topicId = targets[index].id.map { scene.ids[$0]! } ?? .zero
            }
            return try scene.peer.ask(deletion, version: 6) { answer in
                answer.responses.map { "\($0.errorCode) \($0.errorMessage?.string ?? "")" }
            }
        }
        #expect(try delete([("a", nil), ("b", nil), ("a", nil)]) == [twice, "0 "])
        #expect(try delete([(nil, "a"), (nil, "a")]) == ["42 Duplicate topic id."])
        #expect(try delete([(nil, nil), (nil, nil)]).count == 2)
        let both = "42 The provided topic name maps to an ID that was already supplied."
        #expect(try delete([("a", nil), (nil, "a")]) == [both, both])
        #expect(try delete([("a", nil)]) == ["0 "])
    }
}
