internal import KafkaMessages
internal import KafkaWire
internal import Synchronization

/// Which partition a fetch means: by name up to version 12, by id from 13 on.
struct FetchKey: Hashable, Sendable {
    var topicId: Uuid
    /// Empty from version 13 on.
    var name: [UInt8]
    var partition: Int32
}

/// One partition of a fetch in the broker's own types, and what its last answer said: only what changed is answered again
/// within a session.
struct FetchTarget: Sendable {
    var key: FetchKey
    var currentLeaderEpoch: Int32
    var fetchOffset: Int64
    var lastFetchedEpoch: Int32
    var maxBytes: Int32

    /// What the client knows of it; -2 until an answer has told.
    var knownHighWatermark: Int64 = -2
    var knownLogStartOffset: Int64 = -2

    init(_ request: FetchRequest.FetchPartition, key: FetchKey) {
        self.key = key
        currentLeaderEpoch = request.currentLeaderEpoch
        fetchOffset = request.fetchOffset
        lastFetchedEpoch = request.lastFetchedEpoch
        maxBytes = request.partitionMaxBytes
    }

    mutating func update(from newer: FetchTarget) {
        currentLeaderEpoch = newer.currentLeaderEpoch
        fetchOffset = newer.fetchOffset
        lastFetchedEpoch = newer.lastFetchedEpoch
        maxBytes = newer.maxBytes
    }
}

extension FetchRequest {
    /// The partitions that it names, in its order, each once.
    func targets(version: Int16) -> [FetchTarget] {
        var targets: [FetchTarget] = []
        targets.reserveCapacity(topics.reduce(0) { $0 + $1.partitions.count })
        forEachTarget(version: version) { targets.append($0) }
        return mayHaveRepeats ? targets.lastMentions() : targets
    }

    func forEachTarget(version: Int16, _ body: (FetchTarget) -> Void) {
        for topic in topics {
            var key = FetchKey(topicId: topic.topicId, name: version >= 13 ? [] : topic.topic.array, partition: 0)
            for partition in topic.partitions {
                key.partition = partition.partition
                body(FetchTarget(partition, key: key))
            }
        }
    }

    func forgotten(version: Int16) -> [FetchKey] {
        forgottenTopicsData.flatMap { topic in
            let name = version >= 13 ? [] : topic.topic.array
            return topic.partitions.map { FetchKey(topicId: topic.topicId, name: name, partition: $0) }
        }
    }
}

/// A client's incremental fetch session (KIP-227): the partitions that it fetches, so that it need not name them again.
final class FetchSession: Sendable {
    struct State {
        /// What the client's next request must carry.
        var epoch: Int32
        /// In the order in which they are served: what has just had records goes to the end.
        var targets: [FetchTarget]
        var places: [FetchKey: Int]
    }
    let id: Int32
    /// By topic ids or by names: a client that changes between them starts a new session.
    let usesTopicIds: Bool
    let state: Mutex<State>

    init(id: Int32, usesTopicIds: Bool, targets: [FetchTarget]) {
        self.id = id
        self.usesTopicIds = usesTopicIds
        var places: [FetchKey: Int] = [:]
        for (place, target) in targets.enumerated() { places[target.key] = place }
        state = Mutex(State(epoch: 1, targets: targets, places: places))
    }

    var size: Int { state.withLock { $0.targets.count } }
}

extension FetchSession.State {
    /// What the client names from now on, and what it names no longer.
    mutating func update(_ request: FetchRequest, version: Int16) {
        request.forEachTarget(version: version) { target in
            if let place = places[target.key] {
                targets[place].update(from: target)
            } else {
                places[target.key] = targets.count
                targets.append(target)
            }
        }
        guard !request.forgottenTopicsData.isEmpty else { return }
        let gone = Set(request.forgotten(version: version))
        targets.removeAll { gone.contains($0.key) }
        renumber()
    }

    /// After an answer: what it told is known now, and what had records goes behind the others.
    mutating func answered(_ outcomes: [FetchOutcome], reorders: Bool) {
        for outcome in outcomes {
            guard let place = places[outcome.target.key] else { continue }
            targets[place].knownHighWatermark = outcome.toldHighWatermark
            targets[place].knownLogStartOffset = outcome.logStartOffset
        }
        // Nothing to do where all of them go behind the others.
        guard reorders, outcomes.contains(where: { $0.recordBytes > 0 }) else { return }
        guard outcomes.count < targets.count || outcomes.contains(where: { $0.recordBytes == 0 }) else { return }
        let moved = Set(outcomes.lazy.filter { $0.recordBytes > 0 }.map(\.target.key))
        targets = targets.filter { !moved.contains($0.key) } + targets.filter { moved.contains($0.key) }
        renumber()
    }

    private mutating func renumber() {
        places.removeAll(keepingCapacity: true)
        for (place, target) in targets.enumerated() { places[target.key] = place }
    }

    /// 1, 2, ... and after the largest number 1 again: 0 and -1 mean something else.
    mutating func advanceEpoch() { epoch = epoch == Int32.max ? 1 : epoch + 1 }
}
