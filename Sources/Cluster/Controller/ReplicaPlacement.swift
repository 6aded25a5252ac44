internal import Configuration
internal import KafkaMessages
internal import KafkaWire

/// Which brokers hold a new partition.
struct ReplicaPlacement {
    /// Brokers that may get replicas, by id.
    let brokers: [BrokerImage]
    /// All that are registered.
    let registered: [BrokerImage]

    init(_ image: ClusterImage) {
        registered = image.brokers
        brokers = image.brokers.filter { !$0.isFenced && !$0.isInControlledShutdown }
    }

    /// In the words of the releases that are meant: log directories can be cordoned from 4.x on.
    func check(replicationFactor: Int, keys: KeyList = .since4) throws(ControllerError) {
        if replicationFactor > registered.count {
            let cordoned = keys == .before4 ? "" : " or some brokers have all their log directories cordoned"
            throw ControllerError(
                .invalidReplicationFactor,
                "Unable to replicate the partition \(replicationFactor) time(s): The target replication factor of "
                    + "\(replicationFactor) cannot be reached because only \(registered.count) broker(s) are registered\(cordoned).")
        }
        if brokers.isEmpty {
            throw ControllerError(
                .invalidReplicationFactor,
                "Unable to replicate the partition \(replicationFactor) time(s): All brokers are currently fenced.")
        }
    }

    /// Each partition begins with the next broker, and each round skips one, so that a broker's partitions have their
    /// followers on different ones.
    func replicas(partition: Int, replicationFactor: Int, start: Int) -> [Int32] {
        let all = brokers + registered.filter { broker in !brokers.contains { $0.id == broker.id } }
        guard replicationFactor > 0 else { return [] }
        let first = (partition + start) % max(1, brokers.count)
        let shift = 1 + (partition / max(1, brokers.count)) % max(1, all.count - 1)
        var result = [all[first].id]
        var place = first
        while result.count < min(replicationFactor, all.count) {
            place = (place + (result.count == 1 ? shift : 1)) % all.count
            if !result.contains(all[place].id) { result.append(all[place].id) }
        }
        return result
    }

    /// Those of the replicas that are up: the ISR of a new partition.
    func isr(_ replicas: [Int32]) -> [Int32] { replicas.filter { id in brokers.contains { $0.id == id } } }

    /// The log directory of each replica: a broker's only one, or not assigned yet (Kafka's DirectoryId.UNASSIGNED).
    func directories(_ replicas: [Int32]) -> [Uuid] {
        replicas.map { id in
            guard let broker = registered.first(where: { $0.id == id }), broker.logDirectories.count == 1 else { return .zero }
            return broker.logDirectories[0]
        }
    }

    /// What is wrong with replicas that a client has chosen, in Kafka's words.
    func check(assigned replicas: [Int32], expectedCount: Int?) throws(ControllerError) {
        func refuse(_ message: String) -> ControllerError { ControllerError(.invalidReplicaAssignment, message) }
        if replicas.isEmpty { throw refuse("The manual partition assignment includes an empty replica list.") }
        for (index, id) in replicas.enumerated() {
            if replicas[..<index].contains(id) {
                throw refuse("The manual partition assignment includes the broker \(id) more than once.")
            }
            if !registered.contains(where: { $0.id == id }) {
                throw refuse("The manual partition assignment includes broker \(id), but no such broker is registered.")
            }
        }
        if let expectedCount, replicas.count != expectedCount {
            throw refuse(
                "The manual partition assignment includes a partition with \(replicas.count) replica(s), but this is not "
                    + "consistent with previous partitions, which have \(expectedCount) replica(s).")
        }
    }
}
