internal import Cluster
internal import Exchange
internal import Groups
internal import KafkaMessages
internal import KafkaWire

// OffsetFetch, versions 0-10: what a group, or several, have committed.
//   0  was for ZooKeeper: a KRaft broker of 3.9 answers UNSUPPORTED_VERSION for each partition
//   1  from __consumer_offsets
//   2  null topics ask for all; an error of its own for the group
//   3  throttle time in the answer
//   5  leader epoch (KIP-320)
//   6  flexible
//   7  require stable: a partition that an open transaction commits is UNSTABLE_OFFSET_COMMIT (KIP-447)
//   8  several groups (KIP-709)
//   9  member id and epoch of the new protocol (KIP-848); a classic group does not look at them
//  10  topics by id
// What was never committed, and a group that is not there, is offset -1 without an error.

struct OffsetFetch: APIHandler {
    static let versions: ClosedRange<Int16> = 0...10
    let groups: GroupCoordinator
    let metadata: any MetadataStore

    func handle(_ request: OffsetFetchRequest, from caller: Caller, reply: consuming Reply) {
        reply.send(
            caller.version >= 8
                ? severalGroups(request, version: caller.version, in: caller.arena)
                : oneGroup(request, version: caller.version, in: caller.arena))
    }

    private static func fill(
        _ partition: inout OffsetFetchResponse.OffsetFetchResponsePartitions, _ index: Int32, _ committed: CommittedOffset?,
        error: ErrorCode = .none, in arena: Arena
    ) {
        partition.partitionIndex = index
        partition.errorCode = error.rawValue
        partition.committedOffset = committed?.offset ?? -1
        partition.committedLeaderEpoch = committed?.leaderEpoch ?? -1
        partition.metadata = committed?.metadata.wire(in: arena) ?? .empty
    }

    // MARK: From version 8 on

    private func severalGroups(_ request: OffsetFetchRequest, version: Int16, in arena: Arena) -> OffsetFetchResponse {
        var response = OffsetFetchResponse()
        let image = metadata.image
        // Names of topics asked for by id are views into the image.
        defer { withExtendedLifetime(image) {} }
        response.groups = WireArray(count: request.groups.count, in: arena) { index, group in
            let asked = request.groups[index]
            group.groupId = asked.groupId
            let error = groups.readOffsets(of: asked.groupId) { reader in
                if let topics = asked.topics {
                    group.topics = Self.topics(
                        topics, reader, image, requireStable: request.requireStable, version: version, in: arena)
                } else {
                    group.topics = Self.allTopics(
                        reader, image, requireStable: request.requireStable, version: version, in: arena)
                }
            }
            if error != .none {
                group.errorCode = error.rawValue
                group.topics = .empty
            }
        }
        return response
    }

    private static func topics(
        _ topics: WireArray<OffsetFetchRequest.OffsetFetchRequestTopics>, _ reader: GroupCoordinator.OffsetsReader,
        _ image: ClusterImage, requireStable: Bool, version: Int16, in arena: Arena
    ) -> WireArray<OffsetFetchResponse.OffsetFetchResponseTopics> {
        WireArray(count: topics.count, in: arena) { index, topic in
            let asked = topics[index]
            let known = version >= 10 ? image.topic(asked.topicId) : nil
            let name = version >= 10 ? known?.nameBytes : asked.name
            topic.name = asked.name
            topic.topicId = asked.topicId
            topic.partitions = WireArray(count: asked.partitionIndexes.count, in: arena) { place, partition in
                let index = asked.partitionIndexes[place]
                guard let name else { return fill(&partition, index, nil, error: .unknownTopicId, in: arena) }
                let isUnstable = requireStable && reader.isUnstable(name, index)
                fill(
                    &partition, index, isUnstable ? nil : reader.offset(name, id: asked.topicId, index),
                    error: isUnstable ? .unstableOffsetCommit : .none, in: arena)
            }
        }
    }

    private static func allTopics(
        _ reader: GroupCoordinator.OffsetsReader, _ image: ClusterImage, requireStable: Bool, version: Int16,
        in arena: Arena
    ) -> WireArray<OffsetFetchResponse.OffsetFetchResponseTopics> {
        // By id only topics that still have one can be told.
        let listed = reader.topics.map { topic in
            (topic: topic, id: version >= 10 ? topic.name.withWire { image.topic($0)?.id } : Uuid.zero)
        }.filter { $0.id != nil }
        return WireArray(count: listed.count, in: arena) { index, topic in
            let stored = listed[index].topic
            topic.name = stored.name.wire(in: arena)
            topic.topicId = listed[index].id ?? .zero
            topic.partitions = WireArray(count: stored.partitions.count, in: arena) { place, partition in
                let entry = stored.partitions[place]
                let isUnstable = requireStable && stored.name.withWire { reader.isUnstable($0, entry.index) }
                fill(
                    &partition, entry.index, isUnstable ? nil : entry.committed,
                    error: isUnstable ? .unstableOffsetCommit : .none, in: arena)
            }
        }
    }

    // MARK: Before version 8

    /// The same in the older form, which has the one group's topics at the top.
    private func oneGroup(_ request: OffsetFetchRequest, version: Int16, in arena: Arena) -> OffsetFetchResponse {
        var response = OffsetFetchResponse()
        guard version > 0 else {
            response.topics = Self.failed(request, .unsupportedVersion, in: arena)
            return response
        }
        let image = metadata.image
        let error = groups.readOffsets(of: request.groupId) { reader in
            let topics: WireArray<OffsetFetchResponse.OffsetFetchResponseTopics>
            if let asked = request.topics {
                let wanted = WireArray<OffsetFetchRequest.OffsetFetchRequestTopics>(
                    count: asked.count, in: arena
                ) { index, topic in
                    topic.name = asked[index].name
                    topic.partitionIndexes = asked[index].partitionIndexes
                }
                topics = Self.topics(
                    wanted, reader, image, requireStable: request.requireStable, version: version, in: arena)
            } else {
                topics = Self.allTopics(
                    reader, image, requireStable: request.requireStable, version: version, in: arena)
            }
            response.topics = Self.flattened(topics, in: arena)
        }
        if error != .none {
            response.errorCode = error.rawValue
            response.topics = version < 2 ? Self.failed(request, error, in: arena) : .empty
        }
        return response
    }

    private static func flattened(
        _ topics: WireArray<OffsetFetchResponse.OffsetFetchResponseTopics>, in arena: Arena
    ) -> WireArray<OffsetFetchResponse.OffsetFetchResponseTopic> {
        WireArray(count: topics.count, in: arena) { index, topic in
            topic.name = topics[index].name
            let partitions = topics[index].partitions
            topic.partitions = WireArray(count: partitions.count, in: arena) { index, partition in
                partition.partitionIndex = partitions[index].partitionIndex
                partition.committedOffset = partitions[index].committedOffset
                partition.committedLeaderEpoch = partitions[index].committedLeaderEpoch
                partition.metadata = partitions[index].metadata
                partition.errorCode = partitions[index].errorCode
            }
        }
    }

    /// Before version 2 a group's error stands in each partition.
    private static func failed(
        _ request: OffsetFetchRequest, _ error: ErrorCode, in arena: Arena
    ) -> WireArray<OffsetFetchResponse.OffsetFetchResponseTopic> {
        let topics = request.topics ?? .empty
        return WireArray(count: topics.count, in: arena) { index, topic in
            let asked = topics[index]
            topic.name = asked.name
            topic.partitions = WireArray(count: asked.partitionIndexes.count, in: arena) { index, partition in
                partition.partitionIndex = asked.partitionIndexes[index]
                partition.committedOffset = -1
                partition.errorCode = error.rawValue
            }
        }
    }
}
