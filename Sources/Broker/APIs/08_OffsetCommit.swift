internal import Cluster
internal import Exchange
internal import Groups
internal import KafkaMessages
internal import KafkaWire

// OffsetCommit, versions 0-10: how far a group, or a consumer by itself, has come.
//   0  was for ZooKeeper: a KRaft broker of 3.9 answers UNSUPPORTED_VERSION for partitions that exist
//   1  into __consumer_offsets, with member and generation, and a time of the client's
//   2  a retention of the client's instead of the time, until 4
//   3  throttle time in the answer
//   6  leader epoch (KIP-320)
//   7  group.instance.id (KIP-345)
//   8  flexible
//   9  GROUP_ID_NOT_FOUND in place of ILLEGAL_GENERATION for a group that is not there (KIP-848; from Kafka 4 on)
//  10  topics by id

struct OffsetCommit: APIHandler {
    static let versions: ClosedRange<Int16> = 0...10
    let groups: GroupCoordinator
    let metadata: any MetadataStore
    let release: EmulatedRelease?

    func handle(_ request: OffsetCommitRequest, from caller: Caller, reply: consuming Reply) {
        let image = metadata.image
        // Names of topics asked for by id are views into the image.
        defer { withExtendedLifetime(image) {} }
        var commits = commits(of: request, in: image, version: caller.version)
        let commit = CommitRequest(
            group: request.groupId, member: request.memberId, instance: request.groupInstanceId,
            generation: request.generationIdOrMemberEpoch, retentionMs: request.retentionTimeMs,
            unknownGroup: caller.version >= 9 && release?.isBefore4 != true ? .groupIdNotFound : .illegalGeneration)
        // Where no partition is left the group is not asked.
        let isAnyLeft = commits.contains { $0.error == .none }
        let stored = isAnyLeft ? groups.commit(commit, &commits) : .done
        guard case .appended = stored else {
            reply.send(Self.response(to: request, commits.map(\.error), in: caller.arena))
            return
        }
        answerOnceCommitted(stored, request, commits, reply)
    }

    private func commits(
        of request: OffsetCommitRequest, in image: ClusterImage, version: Int16
    ) -> [PartitionCommit] {
        var commits: [PartitionCommit] = []
        for asked in request.topics {
            let topic = version >= 10 ? image.topic(asked.topicId) : image.topic(asked.name)
            for partition in asked.partitions {
                var error = ErrorCode.none
                if topic?.partition(partition.partitionIndex) == nil {
                    error = topic == nil && version >= 10 ? .unknownTopicId : .unknownTopicOrPartition
                } else if version == 0 {
                    error = .unsupportedVersion
                }
                commits.append(
                    PartitionCommit(
                        topic: version >= 10 ? topic?.nameBytes ?? .empty : asked.name, topicId: topic?.id ?? .zero,
                        partition: partition.partitionIndex, offset: partition.committedOffset,
                        leaderEpoch: partition.committedLeaderEpoch, metadata: partition.committedMetadata,
                        commitTimestampMs: partition.commitTimestamp, error: error))
            }
        }
        return commits
    }

    private static func response(
        to request: OffsetCommitRequest, _ errors: [ErrorCode], in arena: Arena
    ) -> OffsetCommitResponse {
        var response = OffsetCommitResponse()
        var next = 0
        response.topics = WireArray(count: request.topics.count, in: arena) { index, topic in
            let asked = request.topics[index]
            topic.name = asked.name
            topic.topicId = asked.topicId
            topic.partitions = WireArray(count: asked.partitions.count, in: arena) { index, partition in
                partition.partitionIndex = asked.partitions[index].partitionIndex
                partition.errorCode = errors[next].rawValue
                next += 1
            }
        }
        return response
    }

    /// Other replicas are waited for: the request will be gone by then, so its topics are copied.
    private func answerOnceCommitted(
        _ stored: Stored, _ request: OffsetCommitRequest, _ commits: [PartitionCommit], _ reply: consuming Reply
    ) {
        let topics = request.topics.map { topic in
            (name: ByteString(topic.name), id: topic.topicId, partitions: topic.partitions.map(\.partitionIndex))
        }
        let errors = commits.map(\.error)
        let waiting = WaitingReply(reply)
        groups.whenCommitted(stored) { error in
            let arena = Arena(capacity: 512)
            defer { arena.staysUntilHere() }
            var response = OffsetCommitResponse()
            var next = 0
            response.topics = WireArray(count: topics.count, in: arena) { index, topic in
                topic.name = topics[index].name.wire(in: arena)
                topic.topicId = topics[index].id
                topic.partitions = WireArray(count: topics[index].partitions.count, in: arena) { place, partition in
                    partition.partitionIndex = topics[index].partitions[place]
                    partition.errorCode = (errors[next] == .none ? error : errors[next]).rawValue
                    next += 1
                }
            }
            waiting.take()?.send(response)
        }
    }
}
