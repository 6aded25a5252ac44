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
        let properties = Self.properties(bytes)
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

    /// Java's Properties: `key=value` lines, comments, and a backslash before what would otherwise mean something.
    private static func properties(_ bytes: [UInt8]) -> [String: String] {
        var properties: [String: String] = [:]
        for line in String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline) {
            let line = line.drop { $0 == " " || $0 == "\t" }
            guard let first = line.first, first != "#", first != "!" else { continue }
            var parts = ["", ""], part = 0, isEscaped = false
            for character in line {
                if isEscaped {
                    parts[part].append(character)
                    isEscaped = false
                } else if character == "\\" {
                    isEscaped = true
                } else if part == 0, character == "=" || character == ":" {
                    part = 1
                } else {
                    parts[part].append(character)
                }
            }
            func trimmed(_ text: String) -> String {
                String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
            }
            properties[trimmed(parts[0])] = trimmed(parts[1])
        }
        return properties
    }

    private static func escaped(_ value: String) -> String {
        value.reduce(into: "") { text, character in
            if "=:#!\\".contains(character) { text.append("\\") }
            text.append(character)
        }
    }
}
