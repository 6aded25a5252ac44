package import KafkaMessages
package import KafkaWire
internal import EventLoop
internal import Telemetry

// What ends: deleted offsets and groups, expired ones, those of deleted topics. All of it is tombstones, replayed.

/// One partition whose offset is to be deleted.
package struct OffsetDeletion {
    package var topic: WireBytes
    package var partition: Int32
    /// Set where the partition does not exist, to be passed over; GROUP_SUBSCRIBED_TO_TOPIC afterwards where a member needs it.
    package var error: ErrorCode

    package init(topic: WireBytes, partition: Int32, error: ErrorCode = .none) {
        self.topic = topic
        self.partition = partition
        self.error = error
    }
}

extension GroupCoordinator {
    /// OffsetDelete (KIP-496). The error is the whole request's.
    package func deleteOffsets(
        of id: WireBytes, _ deletions: inout [OffsetDeletion]
    ) -> (error: ErrorCode, stored: Stored) {
        guard !id.isEmpty else { return (.invalidGroupId, .done) }
        var stored = Stored.done
        let error = withGroup(id) { group in
            event(of: group) { state, moment in
                let error = state.machine.mayDeleteOffsets
                guard error == .none else { return (error, GroupEffects()) }
                for place in deletions.indices where deletions[place].error == .none {
                    if state.machine.isSubscribed(to: ByteString(deletions[place].topic)) {
                        deletions[place].error = .groupSubscribedToTopic
                    }
                }
                let tombstones = deletions.compactMap { deletion -> Tombstone? in
                    guard deletion.error == .none,
                        state.offsets.find(deletion.topic.buffer, deletion.partition) != nil
                            || state.hasPending(deletion.topic.buffer, deletion.partition)
                    else { return nil }
                    return .offset(topic: ByteString(deletion.topic), partition: deletion.partition)
                }
                do throws(GroupLogError) {
                    stored = try bury(tombstones, of: group, &state, moment)
                    return (ErrorCode.none, GroupEffects())
                } catch {
                    return (error.forClients, GroupEffects())
                }
            }
        }
        return (error ?? .groupIdNotFound, stored)
    }

    /// DeleteGroups, for one group.
    package func deleteGroup(_ id: WireBytes) -> (error: ErrorCode, stored: Stored) {
        var stored = Stored.done
        var removed: Group?
        let error = withGroup(id) { group in
            event(of: group) { state, moment in
                let error = state.machine.mayBeDeleted
                guard error == .none else { return (error, GroupEffects()) }
                var tombstones = state.offsetTombstones { _ in true }
                for (_, pending) in state.pending {
                    for topic in pending.topics {
                        for partition in topic.partitions {
                            let isStored = topic.name.bytes.withUnsafeBytes {
                                state.offsets.find($0, partition.index) != nil
                            }
                            if !isStored { tombstones.append(.offset(topic: topic.name, partition: partition.index)) }
                        }
                    }
                }
                tombstones.append(.group)
                do throws(GroupLogError) {
                    stored = try bury(tombstones, of: group, &state, moment)
                    removed = group
                    logger.info("group \(group.id): deleted, with \(tombstones.count - 1) offsets")
                    return (ErrorCode.none, GroupEffects())
                } catch {
                    return (error.forClients, GroupEffects())
                }
            }
        }
        if let removed { forget(removed) }
        return (error ?? .groupIdNotFound, stored)
    }

    // MARK: Expiry

    /// Deletes what has outlived its retention in one partition of `__consumer_offsets`. For a worker: it goes over all groups.
    package func expireOffsets(ofPartition partition: Int32) {
        var count = 0
        for group in partitions[Int(partition)].groups().groups {
            var isRemoved = false
            _ = event(of: group) { state, moment in
                let tombstones = expired(&state, moment)
                guard !tombstones.isEmpty else { return ((), GroupEffects()) }
                do throws(GroupLogError) {
                    _ = try bury(tombstones, of: group, &state, moment)
                    count += tombstones.count
                    isRemoved = state.isRemoved
                } catch {
                    logger.warn("group \(group.id): expired offsets could not be deleted: \(error.message)")
                }
                return ((), GroupEffects())
            }
            if isRemoved { forget(group) }
        }
        if count > 0 { logger.info("partition \(partition): \(count) tombstones for expired offsets and groups") }
    }

    private func expired(_ state: inout Group.State, _ moment: Moment) -> [Tombstone] {
        let machine = state.machine
        guard let base = machine.expiryBase else { return [] }
        var kept = false
        let retentionMs = configuration.offsetsRetentionMs
        var tombstones: [Tombstone] = []
        for topic in state.offsets.topics {
            // Offsets of a topic that members consume stay, however old.
            let isConsumed = machine.isSubscribed(to: topic.name)
            for partition in topic.partitions {
                let isUnstable = topic.name.bytes.withUnsafeBytes { state.hasPending($0, partition.index) }
                if !isConsumed, !isUnstable,
                    machine.isExpired(partition.committed, base, nowMs: moment.wallMs, retentionMs: retentionMs)
                {
                    tombstones.append(.offset(topic: topic.name, partition: partition.index))
                } else {
                    kept = true
                }
            }
        }
        if !kept, state.pending.isEmpty, machine.isEmpty, !machine.hasPendingMembers { tombstones.append(.group) }
        return tombstones
    }

    // MARK: Deleted topics

    /// Deletes the offsets of topics that are gone, in one partition of `__consumer_offsets`. For a worker.
    package func forgetTopics(_ names: Set<ByteString>, inPartition partition: Int32) {
        for group in partitions[Int(partition)].groups().groups {
            _ = event(of: group) { state, moment in
                let tombstones = state.offsetTombstones { names.contains($0) }
                do throws(GroupLogError) {
                    _ = try bury(tombstones, of: group, &state, moment)
                } catch {
                    logger.warn("group \(group.id): offsets of deleted topics stay: \(error.message)")
                }
                return ((), GroupEffects())
            }
        }
    }

    package var partitionCount: Int32 { Int32(partitions.count) }

    // MARK: Tombstones

    enum Tombstone {
        case offset(topic: ByteString, partition: Int32)
        case group
    }

    /// Stores tombstones and replays them; the group's lock is held.
    private func bury(
        _ tombstones: [Tombstone], of group: Group, _ state: inout Group.State, _ moment: Moment
    ) throws(GroupLogError) -> Stored {
        guard !tombstones.isEmpty else { return .done }
        let appended = try append(to: group.partition, at: moment) { batch throws(EncodeError) in
            try group.id.withWire { id throws(EncodeError) in
                for tombstone in tombstones {
                    switch tombstone {
                    case .offset(let topic, let partition):
                        try topic.withWire { topic throws(EncodeError) in
                            try batch.offsetTombstone(group: id, topic: topic, partition: partition)
                        }
                    case .group:
                        try batch.groupTombstone(id)
                    }
                }
            }
        }
        // What they bury may not be committed yet: it comes before them in the log, and so here.
        state.replayDeferred(upTo: .max)
        for tombstone in tombstones {
            switch tombstone {
            case .offset(let topic, let partition):
                topic.withWire { state.replayTombstone($0, partition) }
            case .group:
                state.replayTombstone(at: moment)
            }
        }
        return appended.isCommitted ? .done : .appended(to: group, lastOffset: appended.lastOffset)
    }
}

extension Group.State {
    func offsetTombstones(where isMeant: (ByteString) -> Bool) -> [GroupCoordinator.Tombstone] {
        offsets.topics.filter { isMeant($0.name) }.flatMap { topic in
            topic.partitions.map { .offset(topic: topic.name, partition: $0.index) }
        }
    }
}
