internal import Files
internal import KafkaWire

/// `partition.metadata`: to which topic, by its id, the directory belongs.
enum PartitionMetadataFile {
    static let name = "partition.metadata"

    static func text(_ topicId: Uuid) -> [UInt8] { Array("version: 0\ntopic_id: \(topicId)".utf8) }

    static func parse(_ bytes: [UInt8]) -> Uuid? {
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 1).map { $0.filter { $0 != " " } }
            if parts.count == 2, parts[0] == "topic_id" { return Uuid(parts[1]) }
        }
        return nil
    }
}
