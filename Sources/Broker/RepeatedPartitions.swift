internal import KafkaMessages
internal import KafkaWire

// A partition or a topic that one request names twice. Kafka collects a request's partitions in a map: the last mention counts, and the answer
// has the partition once; DeleteRecords too. ListOffsets refuses it, once. Requests that make or delete topics refuse such a topic, and
// answer it once. One thing Kafka does that is not done here: where one mention is no well-formed record batch, and another
// is, it appends that one and answers with the error of the other; here the last mention counts whatever it is.

/// By id or by name: the other of the two has its default value in every version.
struct TopicKey: Hashable {
    let id: Uuid
    let name: WireBytes
}

extension RandomAccessCollection where Index == Int {
    /// Whether two elements have the same key. Most requests have few topics.
    func hasRepeats<Key: Hashable>(by key: (Element) -> Key) -> Bool {
        if count <= 8 {
            for later in indices.dropFirst() {
                for earlier in startIndex..<later where key(self[earlier]) == key(self[later]) { return true }
            }
            return false
        }
        var seen = Set<Key>(minimumCapacity: count)
        return contains { !seen.insert(key($0)).inserted }
    }

    /// Where each key stands first.
    func firstMentions<Key: Hashable>(by key: (Element) -> Key) -> [Int] {
        var seen: Set<Key> = []
        return indices.filter { seen.insert(key(self[$0])).inserted }
    }

    /// Like `hasRepeats`, for partition indexes, which most clients send in ascending order.
    func hasRepeatedIndexes(_ index: (Element) -> Int32) -> Bool {
        let isAscending = indices.dropFirst().allSatisfy { index(self[$0 - 1]) < index(self[$0]) }
        return !isAscending && hasRepeats(by: index)
    }
}

extension ProduceRequest {
    /// Each topic once, and each partition of it once: in the order of the first mention, with the last one's records.
    func distinctTopics(in arena: Arena) -> WireArray<TopicProduceData> {
        let hasRepeats =
            topicData.hasRepeats { TopicKey(id: $0.topicId, name: $0.name) }
            || topicData.contains { $0.partitionData.hasRepeatedIndexes { $0.index } }
        return hasRepeats ? lastMentions(in: arena) : topicData
    }

    private func lastMentions(in arena: Arena) -> WireArray<TopicProduceData> {
        var topics: [TopicProduceData] = [], topicPlaces: [TopicKey: Int] = [:]
        var partitions: [[PartitionProduceData]] = [], partitionPlaces: [[Int32: Int]] = []
        for topic in topicData {
            let key = TopicKey(id: topic.topicId, name: topic.name)
            let place = topicPlaces[key] ?? topics.count
            if place == topics.count {
                topicPlaces[key] = place
                topics.append(topic)
                partitions.append([])
                partitionPlaces.append([:])
            }
            for data in topic.partitionData {
                if let earlier = partitionPlaces[place][data.index] {
                    partitions[place][earlier] = data
                } else {
                    partitionPlaces[place][data.index] = partitions[place].count
                    partitions[place].append(data)
                }
            }
        }
        for place in topics.indices { topics[place].partitionData = WireArray(copying: partitions[place], in: arena) }
        return WireArray(copying: topics, in: arena)
    }
}

extension FetchRequest {
    /// Whether `targets` may name a partition twice.
    var mayHaveRepeats: Bool {
        topics.hasRepeats { TopicKey(id: $0.topicId, name: $0.topic) }
            || topics.contains { $0.partitions.hasRepeatedIndexes { $0.partition } }
    }
}

extension [FetchTarget] {
    /// Each partition once: where it was named first, as it was named last.
    func lastMentions() -> [FetchTarget] {
        var places: [FetchKey: Int] = [:]
        var distinct: [FetchTarget] = []
        for target in self {
            if let place = places[target.key] {
                distinct[place] = target
            } else {
                places[target.key] = distinct.count
                distinct.append(target)
            }
        }
        return distinct
    }
}
