package import Cluster
package import Configuration
internal import KafkaRecords
internal import KafkaWire
package import PartitionLog
internal import Synchronization
internal import Telemetry

/// Makes this broker's partitions what the cluster's metadata say: logs appear and go, leaders take their epochs, and
/// configurations act at once. It hears of committed changes one at a time; `served` shows the outcome.
package final class ReplicaManager: Sendable {
    package let served = ServedPartitions()
    package let logs: LogManager
    private let nodeId: Int32
    private let live: LiveConfiguration
    private let log = Logger("replicas")
    /// Is told where replicas stand that the metadata have elsewhere or nowhere.
    private let place = Mutex<(@Sendable ([ReplicaPlace]) -> Void)?>(nil)
    private let hasStarted = Atomic<Bool>(false)

    /// The broker's configuration without what was changed while it ran.
    private let configured: BrokerConfiguration

    package init(logs: LogManager, nodeId: Int32, configured: BrokerConfiguration, live: LiveConfiguration) {
        self.logs = logs
        self.nodeId = nodeId
        self.configured = configured
        self.live = live
    }

    package func placesReplicas(_ place: @escaping @Sendable ([ReplicaPlace]) -> Void) {
        self.place.withLock { $0 = place }
    }

    /// An observer of the metadata store.
    package func apply(_ change: ClusterChange) {
        let brokerChanged = change.configurations.contains { $0.type == ConfigurationResource.brokerType }
        // Told of all that is there, or of what has changed since.
        let isFirst = !hasStarted.exchange(true, ordering: .acquiringAndReleasing)
        if brokerChanged { applyBrokerConfiguration(change.after) }
        if isFirst { setStraysAside(change.after) }
        if !change.topics.isEmpty { applyTopics(change, isFirst: isFirst) }
        if brokerChanged {
            // More threads, or less time between, are for now. A start has other work.
            if !isFirst { logs.startCleaning() }
            for topic in change.after.topics { configure(topic) }
        }
    }

    /// Partitions on the disk that the cluster does not know, or knows under another id. One without an id is taken for what its name
    /// says, unless nothing of it was ever flushed: the id is flushed with the first records, so that a power loss has taken it, and
    /// they may be a former topic's (Kafka takes each without an id for a stray).
    private func setStraysAside(_ image: ClusterImage) {
        logs.setStraysAside { found in
            guard let topic = image.topic(found.partition.topic), topic.partition(found.partition.partition) != nil else { return false }
            if found.topicId != .zero { return found.topicId == topic.id }
            return found.recoveryPoint > 0
        }
    }

    private func applyBrokerConfiguration(_ image: ClusterImage) {
        live.current = configured.with(
            dynamicDefaults: image.configuration(.allBrokers), dynamicValues: image.configuration(.broker(nodeId))
        ) { log.warn("a dynamic configuration cannot be read and is left out: \($0)") }
        logs.configureCleaner(CleanerConfiguration(live.current))
    }

    // MARK: topics

    private func applyTopics(_ change: ClusterChange, isFirst: Bool) {
        var topics = Dictionary(served.current.topics.map { ($0.id, $0) }) { _, later in later }
        var touched: [ServedTopic] = []
        for (before, after) in change.topics {
            if let before, before.id != after?.id {
                if let gone = topics.removeValue(forKey: before.id) {
                    delete(gone)
                    touched.append(gone)
                }
            }
            if let after {
                let known = topics[after.id]
                topics[after.id] = serve(after, before: known) { index in
                    isFirst || before?.id == after.id && before?.partition(index) != nil
                }
                if let known { touched.append(known) }
            }
        }
        served.publish(PartitionTable(topics.values.sorted { $0.name < $1.name }))
        // Fetches that wait look again now, and find what the table shows: a partition that is gone, another leader.
        for topic in touched {
            for case let partition? in topic.partitions { partition.waiting.wakeAll() }
        }
        let misplaced = misplaced(in: change)
        if !misplaced.isEmpty { place.withLock { $0 }?(misplaced) }
    }

    /// Replicas that stand in another log directory than the metadata say. With one directory there is no other.
    private func misplaced(in change: ClusterChange) -> [ReplicaPlace] {
        guard change.after.broker(nodeId)?.logDirectories.count ?? 0 > 1 else { return [] }
        var places: [ReplicaPlace] = []
        for case let (_, topic?) in change.topics {
            for partition in topic.partitions where partition.replicas.contains(nodeId) {
                guard let id = logs.log(TopicPartition(topic.name, partition.id))?.directory.id,
                    partition.directory(ofReplica: nodeId) != id
                else { continue }
                places.append(ReplicaPlace(topicId: topic.id, partition: partition.id, directory: id))
            }
        }
        return places
    }

    /// The topic's partitions that have a replica here: those that there are already, and new ones. `wasThere` tells of a partition
    /// that the cluster had before the change, whether it is served or not.
    private func serve(_ topic: TopicImage, before: ServedTopic?, wasThere: (Int32) -> Bool) -> ServedTopic {
        let configuration = live.topic(topic.overrides) {
            log.warn("topic \(topic.name): a configuration cannot be read and is left out: \($0)")
        }
        let rules = PartitionRules(configuration), logConfiguration = LogConfiguration(configuration)
        var partitions: [Partition?] = [], leaderships: [PartitionLeadership?] = []
        for image in topic.partitions {
            while partitions.count < Int(image.id) {
                partitions.append(nil)
                leaderships.append(nil)
            }
            let leadership = PartitionLeadership(image, on: nodeId)
            leaderships.append(leadership)
            guard leadership.hasReplicaHere else {
                partitions.append(nil)
                continue
            }
            if let known = before?.partition(image.id) {
                known.take(leadership)
                known.rules = rules
                known.log.configure(logConfiguration)
                partitions.append(known)
                continue
            }
            let mayLieElsewhere = logs.hasOfflineDirectory && wasThere(image.id) && !logs.isOnline(image.directory(ofReplica: nodeId))
            if mayLieElsewhere, logs.log(TopicPartition(topic.name, image.id)) == nil {
                log.warn("partition \(topic.name)-\(image.id) is not made anew: it may lie in a log directory that is offline")
                partitions.append(nil)
                continue
            }
            partitions.append(open(image.id, leadership, of: topic, rules, logConfiguration))
        }
        return ServedTopic(name: topic.name, id: topic.id, partitions: partitions, leaderships: leaderships)
    }

    /// A partition whose log cannot be opened is missing here: clients hear of a failed disk, and the log says why.
    private func open(
        _ index: Int32, _ leadership: PartitionLeadership, of topic: TopicImage, _ rules: PartitionRules,
        _ configuration: LogConfiguration
    ) -> Partition? {
        let name = TopicPartition(topic.name, index)
        do throws(LogError) {
            // A directory of a topic that had the same name and is gone must not come back as the new one's data.
            if let found = logs.log(name), found.topicId != topic.id, found.topicId != .zero { try logs.delete(name) }
            let partitionLog = try logs.create(name, topicId: topic.id, configuration: configuration)
            partitionLog.configure(configuration)
            return Partition(
                topic: topic.name, topicId: topic.id, index: index, leadership: leadership, rules: rules,
                log: partitionLog)
        } catch {
            log.error("partition \(name) cannot be opened: \(error)")
            return nil
        }
    }

    private func delete(_ topic: ServedTopic) {
        for case let partition? in topic.partitions {
            do throws(LogError) {
                try logs.delete(TopicPartition(topic.name, partition.index))
            } catch {
                log.error("partition \(topic.name)-\(partition.index) cannot be deleted: \(error)")
            }
        }
    }

    private func configure(_ topic: TopicImage) {
        guard let serving = served.current.topic(topic.id) else { return }
        let configuration = live.topic(topic.overrides)
        for case let partition? in serving.partitions {
            partition.rules = PartitionRules(configuration)
            partition.log.configure(LogConfiguration(configuration))
        }
    }
}

extension PartitionLeadership {
    fileprivate init(_ image: PartitionImage, on nodeId: Int32) {
        leader = image.leader
        epoch = image.leaderEpoch
        isHere = image.leader == nodeId
        hasReplicaHere = image.replicas.contains(nodeId)
    }
}
