internal import KafkaWire

/// Topics by name and by id: buckets that images share, so that a change copies one bucket and the list of buckets.
struct TopicTable: Sendable {
    private var byName: [[TopicImage]]
    private var byId: [[TopicImage]]
    private(set) var count = 0

    /// Topics in a bucket before the number of buckets doubles.
    private static let perBucket = 4

    init() {
        byName = Array(repeating: [], count: 16)
        byId = byName
    }

    func find(_ name: WireBytes) -> TopicImage? {
        let hash = name.nameHash
        for topic in byName[place(hash)] where topic.nameHash == hash && topic.nameBytes == name { return topic }
        return nil
    }

    func find(_ name: String) -> TopicImage? {
        var name = name
        return name.withUTF8 { find(WireBytes(UnsafeRawBufferPointer($0))) }
    }

    func find(_ id: Uuid) -> TopicImage? {
        for topic in byId[place(id)] where topic.id == id { return topic }
        return nil
    }

    /// In no order.
    var all: Topics { Topics(buckets: byName) }

    mutating func set(_ topic: TopicImage) {
        remove(named: topic.nameBytes)
        remove(topic.id)
        if count >= byName.count * Self.perBucket { grow() }
        byName[place(topic.nameHash)].append(topic)
        byId[place(topic.id)].append(topic)
        count += 1
    }

    mutating func remove(_ id: Uuid) {
        guard let topic = find(id) else { return }
        byId[place(id)].removeAll { $0 === topic }
        byName[place(topic.nameHash)].removeAll { $0 === topic }
        count -= 1
    }

    private mutating func remove(named name: WireBytes) {
        if let topic = find(name) { remove(topic.id) }
    }

    private mutating func grow() {
        let topics = Array(all)
        byName = Array(repeating: [], count: byName.count * 2)
        byId = byName
        for topic in topics {
            byName[place(topic.nameHash)].append(topic)
            byId[place(topic.id)].append(topic)
        }
    }

    private func place(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash) & (byName.count - 1) }

    private func place(_ id: Uuid) -> Int {
        // Random ids; the multiplication is for those that people make up.
        place((id.mostSignificantBits ^ id.leastSignificantBits) &* 0x9E37_79B9_7F4A_7C15 >> 32)
    }
}

/// All topics of an image, one after the other.
///
/// A type of its own rather than a chain of lazy sequences: the runtime would have to put their types together when a broker starts.
package struct Topics: Sequence, IteratorProtocol {
    private let buckets: [[TopicImage]]
    private var bucket = 0
    private var place = 0

    init(buckets: [[TopicImage]]) { self.buckets = buckets }

    package mutating func next() -> TopicImage? {
        while bucket < buckets.count {
            if place < buckets[bucket].count {
                place += 1
                return buckets[bucket][place - 1]
            }
            bucket += 1
            place = 0
        }
        return nil
    }
}
