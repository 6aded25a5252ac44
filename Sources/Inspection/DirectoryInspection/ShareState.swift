internal import Cluster
package import Files
internal import KafkaMessages
internal import KafkaRecords
internal import KafkaWire
internal import PartitionLog

/// Share groups whose state lies in log directories, by their records.
package enum ShareState {
    /// The groups that have state which was not deleted, in order; reads the partitions of `__share_group_state` alone.
    package static func groups(in directories: [String], _ fileSystem: FileSystem) throws(FileError) -> [String] {
        var groups: Set<String> = []
        for directory in directories {
            for name in try fileSystem.list(directory) {
                guard case .partition(let partition) = PartitionDirectoryName(name),
                    partition.topic == Takeover.shareStateTopic
                else { continue }
                groups.formUnion(try self.groups(ofPartition: directory + "/" + name, fileSystem))
            }
        }
        return groups.sorted()
    }

    private static func groups(ofPartition path: String, _ fileSystem: FileSystem) throws(FileError) -> Set<String> {
        /// By the key's bytes: group, topic, partition.
        var live: [[UInt8]: String] = [:]
        for name in try fileSystem.list(path) {
            guard let segment = SegmentFileName(name), segment.kind == ".log", segment.suffix.isEmpty else { continue }
            let file = try fileSystem.open(path + "/" + name, .read)
            let stream = BatchStream(file, size: try file.size())
            let scratch = RecordScratch()
            while case .batch(let batch, _) = try stream.next() {
                guard let header = batch.header, !header.isControl else { continue }
                do throws(RecordError) {
                    var records = try batch.records(scratch: scratch)
                    while let record = try records.next() { note(record, &live) }
                } catch {
                    // A torn end: what a start cuts off counts for nothing here.
                    break
                }
            }
        }
        return Set(live.values)
    }

    private static func note(_ record: RecordView, _ live: inout [[UInt8]: String]) {
        guard let key = record.key, key.count >= 2 else { return }
        let arena = Arena(capacity: 256)
        defer { arena.staysUntilHere() }
        let body = UnsafeRawBufferPointer(rebasing: key.dropFirst(2))
        let decoded = Result { () throws(DecodeError) in try ShareSnapshotKey(wholeOf: body, version: 0, arena: arena) }
        guard case .success(let name) = decoded else { return }
        // Snapshots and updates have keys of the same fields.
        let identity = Array(body)
        if record.value == nil { live[identity] = nil } else { live[identity] = name.groupId.string }
    }
}
