internal import EventLoop
internal import Files
internal import KafkaMessages
internal import KafkaRecords
internal import KafkaWire
internal import Synchronization
internal import Telemetry

extension EmbeddedMetadataStore {
    /// Reads the last snapshot and the log behind it. A directory without metadata is made, with the records that Kafka's
    /// storage tool left in it, or our own.
    package static func open(_ options: Options) throws(MetadataError) -> EmbeddedMetadataStore {
        let directory = MetadataDirectory(parent: options.directory, fileSystem: options.fileSystem)
        try directory.make()
        // The one at offset 0 is the bootstrap of Kafka 4, whose records come again in the log.
        let snapshots = try directory.snapshots().filter { $0.endOffset > 0 }
        var replay = try snapshots.last.map { snapshot throws(MetadataError) in try directory.replay(snapshot) }
            ?? MetadataReplay()
        let log = MetadataLog(
            directory: directory.path, fileSystem: options.fileSystem, segmentBytes: options.segmentBytes)
        try log.open(from: snapshots.last?.endOffset ?? 0) { batch throws(MetadataError) in try replay.apply(batch) }
        if log.startOffset > snapshots.last?.endOffset ?? 0 {
            throw MetadataError(
                .unreadable,
                "\(directory.path): the log begins at offset \(log.startOffset), and no snapshot has what was before it")
        }
        let quorum = try directory.quorumState()
        let epoch = max(replay.epoch, quorum?.leaderEpoch ?? 0)
        let abortsTransaction = replay.hasOpenTransaction
        let (kraftVersion, voters) = (replay.kraftVersion, replay.voters)
        let timestamp = replay.timestamp, endOffset = log.endOffset
        let image = try replay.image()
        if let refusal = options.examine(image) { throw refusal }
        try log.settle()
        try directory.removeUnfinished()
        logger.debug("read the metadata", ["offset": image.offset, "topics": image.topicCount, "epoch": epoch])
        let store = EmbeddedMetadataStore(
            options: options, directory: directory, log: log,
            state: State(
                pending: image, endOffset: endOffset, epoch: epoch, kraftVersion: kraftVersion, voters: voters, snapshots: snapshots,
                lastTimestamp: timestamp, lastSnapshotMs: options.clock.wallMs(), lastCleaningMs: options.clock.wallMs()))
        if quorum?.leaderId != options.nodeId || epoch == 0 { try store.beginEpoch(epoch + 1) }
        if abortsTransaction {
            var list = RecordList()
            list.append(AbortTransactionRecord())
            try store.changeNow { _ in list.records }
        }
        if store.image.metadataVersion == 0 { try store.bootstrap() }
        return store
    }

    /// A directory that is new to us, or that another node led last.
    private func beginEpoch(_ epoch: Int32) throws(MetadataError) {
        try directory.write(QuorumState(leaderId: options.nodeId, leaderEpoch: epoch))
        let (batch, offset) = try state.withLock { state throws(MetadataError) in
            let offset = state.endOffset
            let batch = try MetadataBatch.build(
                control: [ControlRecord.leaderChange(node: options.nodeId)], at: offset, epoch: epoch,
                timestamp: options.clock.wallMs())
            state.epoch = epoch
            state.endOffset = offset + 1
            state.pending = try ClusterDelta(state.pending).image(offset: offset, epoch: epoch)
            return (batch, offset)
        }
        try log.withLock { log throws(MetadataError) in try log.append(batch, lastOffset: offset) }
    }

    private func bootstrap() throws(MetadataError) {
        let records = try directory.bootstrapRecords()
        try directory.writeBootstrap(records, timestamp: options.clock.wallMs())
        // The registration that follows at every first start brings it to the disk.
        try changeNow(durably: false) { _ in records }
    }

    /// Makes the cluster ready to serve: registers this broker, gives it the partitions that it can lead, and, after a stop
    /// that was not clean, raises every leader epoch, since records that were not flushed may be gone. Waits for the disk
    /// where there is something to write; after a clean stop there is not. `mayLackSync`: the log may end with changes that were
    /// never committed, since whoever wrote them was killed, or its disk failed. They are committed now, before anybody sees them.
    package func start(
        _ registration: BrokerRegistration, raisesLeaderEpochs: Bool, mayLackSync: Bool = true
    ) throws(MetadataError) {
        if mayLackSync { try log.withLock { log throws(MetadataError) in try log.sync() } }
        let offset = state.withLock { $0.endOffset }
        try changeNow { image in
            var list = RecordList()
            if !registration.isKnown(as: image.broker(registration.nodeId)) {
                registration.append(to: &list, brokerEpoch: offset, level: image.metadataVersion)
            }
            return list.records
        }
        // A clean stop left this broker fenced. That it is up again need not be on the disk before it serves: lost, it
        // would be written again by the next start.
        try changeNow(durably: false) { image in
            guard let broker = image.broker(registration.nodeId), broker.isFenced else { return [] }
            return BrokerRegistration.fence(broker, -1)
        }
        let elections = Election(node: registration.nodeId, raisesLeaderEpochs: raisesLeaderEpochs)
        let records = elections.records(for: image)
        // One batch may not have them all; each of them is good by itself.
        for start in stride(from: 0, to: records.count, by: ClusterLimits.recordsPerChange) {
            try changeNow { _ in Array(records[start..<min(start + ClusterLimits.recordsPerChange, records.count)]) }
        }
    }

    /// A change at start, on the caller's thread.
    private func changeNow(
        durably: Bool = true, _ decide: (ClusterImage) -> [[UInt8]]
    ) throws(MetadataError) {
        let appended = try state.withLock { state throws(MetadataError) in
            let records = decide(state.pending)
            return records.isEmpty ? nil : try append(records, to: &state)
        }
        guard let appended else { return }
        try log.withLock { log throws(MetadataError) in
            try log.append(appended.batch, lastOffset: appended.lastOffset)
            if durably { try log.sync() }
        }
        publisher.publish(appended.change)
    }
}

/// Who leads after a start: with one node, this one, wherever it has a copy that counts.
struct Election {
    let node: Int32
    let raisesLeaderEpochs: Bool

    func records(for image: ClusterImage) -> [[UInt8]] {
        let version = MetadataVersion.partitionChangeRecordVersion(image.metadataVersion)
        var list = RecordList()
        for topic in image.topics {
            for partition in topic.partitions where partition.replicas.contains(node) {
                if partition.leader == node && !raisesLeaderEpochs { continue }
                guard mayLead(partition) else {
                    EmbeddedMetadataStore.logger.warn(
                        "a partition without a leader: this broker's copy is not in sync",
                        ["partition": "\(topic.name)-\(partition.id)", "isr": partition.isr.map { "\($0)" }.joined(separator: ",")])
                    continue
                }
                var record = PartitionChangeRecord()
                record.partitionId = partition.id
                record.topicId = topic.id
                record.leader = node
                if !partition.isr.elementsEqual([node]) { record.isr = WireIntegers(copying: [node], in: list.arena) }
                if version >= 2 {
                    if !partition.eligibleLeaderReplicas.isEmpty { record.eligibleLeaderReplicas = .some(.empty) }
                    if !partition.lastKnownElr.isEmpty { record.lastKnownElr = .some(.empty) }
                }
                list.append(record, version: version)
            }
        }
        return list.records
    }

    /// Its copy has everything that was acknowledged: it is in the ISR, or was the last to be (KIP-966).
    private func mayLead(_ partition: PartitionImage) -> Bool {
        partition.isr.contains(node) || partition.eligibleLeaderReplicas.contains(node)
            || (partition.isr.isEmpty && (partition.lastKnownElr.contains(node) || partition.replicas.count == 1))
    }
}
