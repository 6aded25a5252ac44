package import Cluster
package import EventLoop
package import Telemetry
internal import KafkaWire
internal import Replication

/// The coordinator at work in a broker: it follows the leadership of `__consumer_offsets`, loads partitions on the workers,
/// runs the groups' timers on one loop and lets offsets expire.
package final class GroupService: Sendable {
    package static let topic = InternalTopics.consumerOffsets

    package let groups: GroupCoordinator
    private let nodeId: Int32
    private let loop: EventLoop
    private let workers: WorkerPool
    private let expiryIntervalMs: Int64
    private let timer: GroupTimer

    /// `partitionCount` where the topic is not there yet: `offsets.topic.num.partitions`.
    package init(
        configuration: GroupConfiguration, partitionCount: Int32, nodeId: Int32, log: any GroupLog,
        metadata: any MetadataStore, loop: EventLoop, workers: WorkerPool, logger: Logger = Logger("groups")
    ) {
        let count = metadata.image.topic(Self.topic).map { Int32($0.partitions.count) } ?? partitionCount
        let timer = GroupTimer(on: loop)
        groups = GroupCoordinator(
            configuration: configuration, partitionCount: count, log: log, clock: loop.clock, logger: logger,
            makeUniqueName: randomUniqueName, announce: { _ in timer.wake() })
        self.nodeId = nodeId
        self.loop = loop
        self.workers = workers
        self.timer = timer
        expiryIntervalMs = configuration.offsetsRetentionCheckIntervalMs
        timer.groups = groups
        loop.post { [self] in scheduleExpiry() }
        // The partitions' logs must be there before the first change is heard: whoever makes them observes earlier.
        metadata.observe { [self] change in follow(change) }
    }

    private func follow(_ change: ClusterChange) {
        var deleted: Set<ByteString> = []
        for (before, after) in change.topics {
            guard let name = (after ?? before)?.name else { continue }
            if name == Self.topic {
                follow(before, after)
            } else if after == nil {
                deleted.insert(ByteString(name))
            }
        }
        guard !deleted.isEmpty else { return }
        let names = deleted
        workers.submit { [groups] in
            for partition in 0..<groups.partitionCount { groups.forgetTopics(names, inPartition: partition) }
        }
    }

    private func follow(_ before: TopicImage?, _ after: TopicImage?) {
        for index in 0..<groups.partitionCount {
            let old = before?.partition(index)
            let new = after?.partition(index)
            let led = old?.leader == nodeId
            let leads = new?.leader == nodeId
            if leads, let epoch = new?.leaderEpoch, !led || old?.leaderEpoch != epoch {
                groups.willLoad(index, leaderEpoch: epoch)
                workers.submit { [groups] in groups.load(index, leaderEpoch: epoch) }
            } else if led, !leads {
                groups.unload(index)
            }
        }
    }

    private func scheduleExpiry() {
        _ = loop.schedule(at: loop.clock.now().advanced(byMs: expiryIntervalMs)) { [self] in
            workers.submit { [groups] in
                for partition in 0..<groups.partitionCount { groups.expireOffsets(ofPartition: partition) }
            }
            scheduleExpiry()
        }
    }
}

/// The one timer of all groups.
private final class GroupTimer: Waiter, @unchecked Sendable {  // `groups` is set before the first wake-up
    weak var groups: GroupCoordinator?

    /// The queue is asked only here, on the loop: what came closer first and what came closer last cannot be mistaken.
    override func woken() {
        guard let next = groups?.nextDeadline, next != .never else { return }
        loop.setDeadline(self, at: next)
    }

    override func expired() { groups?.runTimers() }
}
