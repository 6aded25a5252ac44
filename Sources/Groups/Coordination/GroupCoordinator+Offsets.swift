package import KafkaMessages
package import KafkaWire
internal import EventLoop
internal import Telemetry

// Committing offsets and reading them.

/// Who commits.
package struct CommitRequest {
    package var group: WireBytes
    package var member: WireBytes
    package var instance: WireBytes?
    /// -1: a consumer that is no member, or an admin client.
    package var generation: Int32
    /// Milliseconds; -1: as the broker has it.
    package var retentionMs: Int64
    /// What a member of a group that is not there hears: GROUP_ID_NOT_FOUND from version 9 on, ILLEGAL_GENERATION before.
    package var unknownGroup: ErrorCode

    package init(
        group: WireBytes, member: WireBytes, instance: WireBytes?, generation: Int32, retentionMs: Int64 = -1,
        unknownGroup: ErrorCode
    ) {
        self.group = group
        self.member = member
        self.instance = instance
        self.generation = generation
        self.retentionMs = retentionMs
        self.unknownGroup = unknownGroup
    }
}

/// One partition's offset on its way in. Where `error` is set already the partition is passed over.
package struct PartitionCommit {
    package var topic: WireBytes
    package var topicId: Uuid
    package var partition: Int32
    package var offset: Int64
    package var leaderEpoch: Int32
    package var metadata: WireBytes?
    /// -1: now. Version 1 of OffsetCommit names a time.
    package var commitTimestampMs: Int64
    package var error: ErrorCode

    package init(
        topic: WireBytes, topicId: Uuid, partition: Int32, offset: Int64, leaderEpoch: Int32 = -1,
        metadata: WireBytes? = nil, commitTimestampMs: Int64 = -1, error: ErrorCode = .none
    ) {
        self.topic = topic
        self.topicId = topicId
        self.partition = partition
        self.offset = offset
        self.leaderEpoch = leaderEpoch
        self.metadata = metadata
        self.commitTimestampMs = commitTimestampMs
        self.error = error
    }
}

/// What became of records: there is nothing to wait for, or `whenCommitted` tells.
package enum Stored: Sendable {
    case done
    case appended(to: Group, lastOffset: Int64)
}

extension GroupCoordinator {
    /// Commits; each partition's error stands in it afterwards. The answer leaves once the outcome is committed.
    package func commit(_ request: CommitRequest, _ commits: inout [PartitionCommit]) -> Stored {
        let hash = ByteString.javaHash(request.group.buffer)
        let home = home(ofHash: hash)
        while true {
            var found = home.find(request.group.buffer, hash: hash)
            if case .nothing = found, request.generation < 0 {
                // A consumer that assigns partitions to itself: the group exists for its offsets alone.
                found = home.findOrMake(request.group.buffer, hash: hash) {
                    ClassicGroup(ByteString(request.group), at: Moment(now: clock.now(), wallMs: clock.wallMs()))
                }.found
            }
            switch found {
            case .refused(let error):
                fail(&commits, error)
                return .done
            case .nothing:
                fail(&commits, request.unknownGroup)
                return .done
            case .group(let group):
                if let stored = commit(to: group, request, &commits) { return stored }
                forget(group)
            }
        }
    }

    private func fail(_ commits: inout [PartitionCommit], _ error: ErrorCode) {
        for place in commits.indices where commits[place].error == .none { commits[place].error = error }
    }

    private func commit(to group: Group, _ request: CommitRequest, _ commits: inout [PartitionCommit]) -> Stored? {
        event(of: group) { state, moment in
            let error = state.machine.admitCommit(
                request.member.buffer, instance: request.instance?.buffer, generation: request.generation,
                isTransactional: false, now: moment.now)
            guard error == .none else {
                fail(&commits, error)
                return (.done, GroupEffects())
            }
            return (store(&commits, of: group, request, &state, moment), GroupEffects())
        }
    }

    private func store(
        _ commits: inout [PartitionCommit], of group: Group, _ request: CommitRequest, _ state: inout Group.State,
        _ moment: Moment
    ) -> Stored {
        for place in commits.indices where commits[place].error == .none {
            let metadata = commits[place].metadata ?? .empty
            if metadata.count > configuration.offsetMetadataMaxBytes,
                ByteString.javaLength(metadata.buffer) > configuration.offsetMetadataMaxBytes
            {
                commits[place].error = .offsetMetadataTooLarge
            }
        }
        // An empty commit is done at once.
        guard commits.contains(where: { $0.error == .none }) else { return .done }
        let expireMs = request.retentionMs == -1 ? -1 : moment.wallMs.addingSaturated(request.retentionMs)
        do throws(GroupLogError) {
            let valid = commits
            let appended = try append(to: group.partition, at: moment) { batch throws(EncodeError) in
                for commit in valid where commit.error == .none {
                    let value = commit.value(nowMs: moment.wallMs, expireMs: expireMs)
                    try batch.offset(group: request.group, topic: commit.topic, partition: commit.partition, value)
                }
            }
            guard appended.isCommitted else {
                replayLater(commits, appended, &state, nowMs: moment.wallMs, expireMs: expireMs)
                return .appended(to: group, lastOffset: appended.lastOffset)
            }
            state.replayDeferred(upTo: appended.baseOffset)
            var recordOffset = appended.baseOffset
            for commit in commits where commit.error == .none {
                let value = commit.value(nowMs: moment.wallMs, expireMs: expireMs)
                state.replay(commit.topic, commit.partition, value, recordOffset: recordOffset)
                recordOffset += 1
            }
            return .done
        } catch {
            provoked.say(of: "group \(group.id)", "storing", "group \(group.id): offsets could not be stored: \(error.message)")
            fail(&commits, error.forClients)
            return .done
        }
    }

    /// The commits count when their records are committed; the request will be gone by then, so they are copied.
    private func replayLater(
        _ commits: [PartitionCommit], _ appended: GroupLogAppend, _ state: inout Group.State, nowMs: Int64, expireMs: Int64
    ) {
        var recordOffset = appended.baseOffset
        let offsets = commits.filter { $0.error == .none }.map { commit in
            defer { recordOffset += 1 }
            let committed = CommittedOffset(commit.value(nowMs: nowMs, expireMs: expireMs), recordOffset: recordOffset)
            return (topic: ByteString(commit.topic), partition: commit.partition, committed)
        }
        state.deferReplay(upTo: appended.lastOffset) { state in
            for (topic, partition, committed) in offsets {
                topic.withWire { state.offsets.set($0.buffer, partition, to: committed) }
            }
        }
    }

    /// Calls `body` once the records are committed, or with the error that clients are to hear.
    package func whenCommitted(_ stored: Stored, _ body: @escaping @Sendable (ErrorCode) -> Void) {
        switch stored {
        case .done:
            body(.none)
        case .appended(let group, let lastOffset):
            log.whenCommitted(group.partition, lastOffset: lastOffset, timeoutMs: configuration.commitTimeoutMs) { error in
                group.withState { state in
                    if error == .none { state.replayDeferred(upTo: lastOffset) } else { state.dropDeferred(lastOffset) }
                }
                body(error.asCoordinatorError)
            }
        }
    }

    /// The same for several: `body` gets one error for each, once all are settled.
    package func whenAllCommitted(_ stored: [Stored], _ body: @escaping @Sendable ([ErrorCode]) -> Void) {
        let barrier = CommitBarrier(count: stored.count, body)
        for (index, one) in stored.enumerated() { whenCommitted(one) { barrier.settle(index, $0) } }
    }

    // MARK: Reading

    /// What a group has committed, lent to `body` under the group's lock: copy and return.
    package struct OffsetsReader {
        let offsets: GroupOffsets
        let pending: [Int64: GroupOffsets]

        package var topics: [GroupOffsets.Topic] { offsets.topics }

        /// Whether a transaction that has not ended commits this partition too: such an offset is not stable.
        package func isUnstable(_ topic: WireBytes, _ partition: Int32) -> Bool {
            !pending.isEmpty && pending.values.contains { $0.find(topic.buffer, partition) != nil }
        }

        /// Nil where nothing is committed, or only for a topic of this name that has been deleted since.
        package func offset(_ topic: WireBytes, id: Uuid, _ partition: Int32) -> CommittedOffset? {
            guard let committed = offsets.find(topic.buffer, partition), !committed.isOfAnotherTopic(than: id) else {
                return nil
            }
            return committed
        }
    }

    /// Runs `body` on the group's offsets, on none where there is no such group; or returns why it cannot.
    package func readOffsets(of id: WireBytes, _ body: (OffsetsReader) -> Void) -> ErrorCode {
        let hash = ByteString.javaHash(id.buffer)
        switch home(ofHash: hash).find(id.buffer, hash: hash) {
        case .refused(let error):
            return error
        case .nothing:
            body(OffsetsReader(offsets: GroupOffsets(), pending: [:]))
        case .group(let group):
            group.withState { state in
                body(
                    state.isRemoved
                        ? OffsetsReader(offsets: GroupOffsets(), pending: [:])
                        : OffsetsReader(offsets: state.offsets, pending: state.pending))
            }
        }
        return .none
    }
}

extension PartitionCommit {
    func value(nowMs: Int64, expireMs: Int64) -> OffsetCommitValue {
        var value = OffsetCommitValue()
        value.offset = offset
        value.leaderEpoch = leaderEpoch
        value.metadata = metadata ?? .empty
        value.commitTimestamp = commitTimestampMs == -1 ? nowMs : commitTimestampMs
        value.expireTimestamp = expireMs
        value.topicId = topicId
        return value
    }
}
