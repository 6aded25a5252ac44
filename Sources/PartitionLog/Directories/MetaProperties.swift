internal import Configuration
package import KafkaWire

/// `meta.properties` of a log directory: whose it is. Version 1 (KRaft) says node.id and directory.id, version 0 (ZooKeeper) broker.id.
package struct MetaProperties: Sendable, Equatable {
    package static let fileName = "meta.properties"

    package var version = 1
    package var clusterId: String?
    package var nodeId: Int32?
    package var directoryId: Uuid?

    package init(clusterId: String?, nodeId: Int32?, directoryId: Uuid?) {
        self.clusterId = clusterId
        self.nodeId = nodeId
        self.directoryId = directoryId
    }

    /// A word about what is wrong, where it is not such a file.
    package struct Malformed: Error {
        package var reason: String
    }

    package init(_ bytes: [UInt8]) throws(Malformed) {
        let properties: Properties
        do throws(ConfigurationError) {
            properties = try Properties(parsing: String(decoding: bytes, as: UTF8.self))
        } catch {
            throw Malformed(reason: error.description)
        }
        guard let version = properties["version"].flatMap({ Int($0) }), 0...1 ~= version else {
            throw Malformed(reason: "version=\(properties["version"] ?? "") where 0 or 1 is expected")
        }
        self.version = version
        clusterId = properties["cluster.id"]
        let idKey = version == 0 ? "broker.id" : "node.id"
        if let text = properties[idKey] {
            guard let id = Int32(text) else { throw Malformed(reason: "\(idKey)=\(text) is no number") }
            nodeId = id
        }
        if let text = properties["directory.id"] {
            guard let id = Uuid(text) else { throw Malformed(reason: "directory.id=\(text) is no uuid") }
            directoryId = id
        }
    }

    var bytes: [UInt8] {
        var text = "#\n"
        if let nodeId { text += "\(version == 0 ? "broker.id" : "node.id")=\(nodeId)\n" }
        if let directoryId { text += "directory.id=\(directoryId)\n" }
        text += "version=\(version)\n"
        if let clusterId { text += "cluster.id=\(Self.escaped(clusterId))\n" }
        return Array(text.utf8)
    }

    private static func escaped(_ value: String) -> String {
        value.reduce(into: "") { text, character in
            if "=:#!\\".contains(character) { text.append("\\") }
            text.append(character)
        }
    }
}
