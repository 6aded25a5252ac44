internal import EventLoop
internal import KafkaMessages
internal import KafkaRecords
internal import KafkaWire
internal import Telemetry

// A partition of `__consumer_offsets` comes and goes.

extension GroupCoordinator {
    var moment: Moment { Moment(now: clock.now(), wallMs: clock.wallMs()) }

    /// This broker leads the partition from now on. Its groups are refused until `load` has read the log.
    package func willLoad(_ partition: Int32, leaderEpoch: Int32) {
        unload(partition)
        partitions[Int(partition)].withState { $0.status = .loading(leaderEpoch: leaderEpoch) }
    }

    /// Reads the partition's log and serves its groups. For a worker: it waits for the disk. False where the partition went
    /// elsewhere meanwhile, or its log cannot be read; then it does not serve.
    @discardableResult
    package func load(_ partition: Int32, leaderEpoch: Int32) -> Bool {
        let home = partitions[Int(partition)]
        let start = clock.now()
        var loader = GroupLoader(self, home)
        do {
            var offset = log.logStartOffset(partition)
            var more = true
            while more, isLoading(home, leaderEpoch) {
                var next = offset
                more = try log.read(partition, from: offset, maxBytes: configuration.offsetsLoadBufferBytes) { batches in
                    next = try loader.replay(batches) ?? offset
                }
                guard more else { break }
                guard next > offset else {
                    throw RecordError(.corruptMessage, "nothing can be read at offset \(offset), which is not the end")
                }
                offset = next
            }
        } catch {
            logger.error("partition \(partition) of __consumer_offsets cannot be loaded: \(error)")
            unload(partition)
            return false
        }
        guard activate(home, leaderEpoch) else { return false }
        let ms = clock.now().milliseconds(since: start)
        if loader.recordCount > 0 {
            logger.info("partition \(partition) of __consumer_offsets: \(loader.recordCount) records loaded in \(ms) ms")
        }
        for (type, count) in loader.foreign {
            logger.warn("partition \(partition) of __consumer_offsets: \(count) records of key type \(type) passed over")
        }
        return true
    }

    private func isLoading(_ home: GroupPartition, _ leaderEpoch: Int32) -> Bool {
        home.withState { if case .loading(leaderEpoch) = $0.status { true } else { false } }
    }

    private func activate(_ home: GroupPartition, _ leaderEpoch: Int32) -> Bool {
        let groups: [Group]? = home.withState { state in
            guard case .loading(leaderEpoch) = state.status else { return nil }
            return state.groups.all
        }
        guard let groups else { return false }
        for group in groups {
            group.withState { state in
                state.machine.startSessions(clock.now())
                arm(group, &state)
            }
        }
        let isActive = home.withState { state in
            guard case .loading(leaderEpoch) = state.status else { return false }
            state.status = .active(leaderEpoch: leaderEpoch)
            return true
        }
        guard isActive else { return false }
        for group in groups {
            _ = event(of: group) { state, moment in
                ((), state.machine.shrink(toMaxSize: configuration.maxSize, at: moment))
            }
        }
        return true
    }

    /// This broker does not lead the partition any more: whoever waits is sent to look for the coordinator.
    package func unload(_ partition: Int32) {
        let groups = partitions[Int(partition)].withState { state in
            let groups = state.groups.all
            state = GroupPartition.State()
            return groups
        }
        for group in groups {
            _ = event(of: group) { state, moment in
                let effects = state.machine.unload(error: .notCoordinator, at: moment)
                state.isRemoved = true
                return ((), effects)
            }
        }
    }
}
