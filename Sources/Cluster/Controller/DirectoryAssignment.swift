package import KafkaWire
internal import Telemetry

/// In which log directory a replica of this broker's stands, as Kafka's AssignReplicasToDirs says it to the controller.
package struct ReplicaPlace: Sendable, Equatable {
    package var topicId: Uuid
    package var partition: Int32
    package var directory: Uuid

    package init(topicId: Uuid, partition: Int32, directory: Uuid) {
        self.topicId = topicId
        self.partition = partition
        self.directory = directory
    }
}

extension EmbeddedMetadataStore {
    /// Writes down where replicas stand that the metadata know nothing, or something else, of. Nobody waits for it: a start finds a
    /// partition wherever it is.
    package func assign(_ places: [ReplicaPlace]) {
        let node = options.nodeId
        for start in stride(from: 0, to: places.count, by: ClusterLimits.recordsPerChange) {
            let some = Array(places[start..<min(start + ClusterLimits.recordsPerChange, places.count)])
            change { image in
                (DirectoryAssignment.records(some, node: node, in: image), ())
            } completion: { result in
                if case .failure(let error) = result, error.kind != .closed {
                    Self.logger.warn("could not note the log directories of new partitions", ["error": error])
                }
            }
        }
    }
}

enum DirectoryAssignment {
    static func records(_ places: [ReplicaPlace], node: Int32, in image: ClusterImage) -> [[UInt8]] {
        let version = MetadataVersion.partitionChangeRecordVersion(image.metadataVersion)
        // Older metadata know of no directories.
        guard version >= 1, let broker = image.broker(node) else { return [] }
        var list = RecordList()
        for place in places where broker.logDirectories.contains(place.directory) {
            guard let partition = image.topic(place.topicId)?.partition(place.partition),
                let slot = partition.replicas.firstIndex(of: node)
            else { continue }
            var directories = partition.directories
            // Records of before 3.7 have none: the others' are unassigned.
            if directories.count != partition.replicas.count {
                directories = Array(repeating: .zero, count: partition.replicas.count)
            }
            guard directories[slot] != place.directory else { continue }
            directories[slot] = place.directory
            list.assign(place, directories, version: version)
        }
        return list.records
    }
}

extension PartitionImage {
    /// The log directory that the metadata have for this broker's replica; zero: none.
    package func directory(ofReplica node: Int32) -> Uuid {
        let directories = directories
        guard directories.count == replicas.count, let slot = replicas.firstIndex(of: node) else { return .zero }
        return directories[slot]
    }
}
