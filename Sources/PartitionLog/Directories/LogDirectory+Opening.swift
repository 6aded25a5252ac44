package import Files
internal import KafkaWire

/// Who the directories belong to; the same in all of them.
package struct NodeIdentity: Sendable, Equatable {
    package var clusterId: String
    package var nodeId: Int32

    package init(clusterId: String, nodeId: Int32) {
        self.clusterId = clusterId
        self.nodeId = nodeId
    }
}

extension LogDirectory {
    /// Locks the directories and reads whose they are; what is missing is made. `clusterId` nil takes the one that is there, or
    /// makes one at the first start. One of several that cannot be read or written is offline from the beginning, as in Kafka.
    package static func open(
        _ paths: [String], nodeId: Int32, clusterId: String?, fileSystem: FileSystem
    ) throws(LogError) -> (directories: [LogDirectory], identity: NodeIdentity) {
        var found: [String: (lock: FileLock, properties: MetaProperties?)] = [:]
        var broken: [String: LogError] = [:]
        for path in paths {
            do throws(LogError) {
                found[path] = (try lock(path, fileSystem), try properties(of: path, fileSystem))
            } catch where error.kind == .storage {
                broken[path] = error
            }
        }
        var identity: NodeIdentity?
        if let clusterId { identity = NodeIdentity(clusterId: clusterId, nodeId: nodeId) }
        for path in paths {
            if let properties = found[path]?.properties { try check(properties, of: path, nodeId, &identity) }
        }
        var generator = SystemRandomNumberGenerator()
        let owner = identity ?? NodeIdentity(clusterId: Uuid.random(using: &generator).description, nodeId: nodeId)
        var directories: [LogDirectory] = []
        for path in paths {
            guard let (lock, properties) = found[path] else { continue }
            do throws(LogError) {
                var id = properties?.directoryId
                if id == nil { id = try claim(path, for: owner, fileSystem, properties) }
                directories.append(LogDirectory(path: path, id: id ?? .zero, lock: lock))
            } catch where error.kind == .storage {
                broken[path] = error
            }
        }
        // Nothing is left to serve.
        if directories.isEmpty, let failure = paths.compactMap({ broken[$0] }).first {
            throw LogError(.unusableDirectory, failure.message)
        }
        for path in paths {
            if let failure = broken[path] { directories.append(LogDirectory(broken: path, failure)) }
        }
        return (directories, owner)
    }

    private static func lock(_ path: String, _ fileSystem: FileSystem) throws(LogError) -> FileLock {
        do throws(FileError) {
            try fileSystem.makeDirectories(path)
            if let lock = try fileSystem.lock(path + "/.lock") { return lock }
        } catch {
            throw LogError(.storage, "log directory \(path): \(error)")
        }
        throw LogError(
            .unusableDirectory, "log directory \(path): another process holds its .lock (a broker that is running there)")
    }

    private static func properties(of path: String, _ fileSystem: FileSystem) throws(LogError) -> MetaProperties? {
        let file = path + "/" + MetaProperties.fileName
        let bytes = try storage { () throws(FileError) in try fileSystem.contents(file, limit: 64 * 1024) }
        guard let bytes else {
            try checkUnclaimed(path, fileSystem)
            return nil
        }
        try checkFolders(path, fileSystem)
        do throws(MetaProperties.Malformed) {
            return try MetaProperties(bytes)
        } catch {
            throw LogError(.unusableDirectory, "\(file): \(error.reason)")
        }
    }

    /// A folder that is no partition's stops the start, as in Kafka: here already, before anything is written.
    private static func checkFolders(_ path: String, _ fileSystem: FileSystem) throws(LogError) {
        let names = try storage { () throws(FileError) in try fileSystem.list(path) }
        for name in names where PartitionDirectoryName(name) == .foreign {
            if try storage({ () throws(FileError) in try fileSystem.status(path + "/" + name)?.isDirectory == true }) {
                throw foreign(name, in: path)
            }
        }
    }

    static func foreign(_ name: String, in path: String) -> LogError {
        LogError(
            .unusableDirectory,
            "log directory \(path): a folder \(name) that is no partition's (topic-number); not a data directory of this broker")
    }

    /// A directory without meta.properties that has something in it belongs to somebody else.
    private static func checkUnclaimed(_ path: String, _ fileSystem: FileSystem) throws(LogError) {
        let names = try storage { () throws(FileError) in try fileSystem.list(path) }
        for name in names where name != ".lock" && name != "lost+found" {
            guard try storage({ () throws(FileError) in try fileSystem.status(path + "/" + name)?.isDirectory == true }) else {
                continue
            }
            throw LogError(
                .unusableDirectory,
                "log directory \(path): no meta.properties, but a folder \(name): not a data directory of this broker")
        }
    }

    private static func check(
        _ properties: MetaProperties, of path: String, _ nodeId: Int32, _ identity: inout NodeIdentity?
    ) throws(LogError) {
        if let id = properties.nodeId, id != nodeId {
            throw LogError(
                .unusableDirectory, "log directory \(path) belongs to node.id=\(id); this broker's node.id is \(nodeId)")
        }
        guard let clusterId = properties.clusterId else { return }
        if let identity, identity.clusterId != clusterId {
            throw LogError(
                .unusableDirectory,
                "log directory \(path) belongs to cluster.id=\(clusterId), not to \(identity.clusterId)")
        }
        identity = NodeIdentity(clusterId: clusterId, nodeId: nodeId)
    }

    /// Writes meta.properties, and gives a directory its id.
    private static func claim(
        _ path: String, for owner: NodeIdentity, _ fileSystem: FileSystem, _ found: MetaProperties?
    ) throws(LogError) -> Uuid {
        var generator = SystemRandomNumberGenerator()
        let id = Uuid.random(using: &generator)
        // A directory of ZooKeeper's time has no ids and keeps its version.
        if found?.version == 0 { return id }
        let properties = MetaProperties(clusterId: owner.clusterId, nodeId: owner.nodeId, directoryId: id)
        do throws(FileError) {
            try fileSystem.replace(path + "/" + MetaProperties.fileName, with: properties.bytes, durably: true)
        } catch {
            throw LogError(.storage, "log directory \(path): \(error)")
        }
        return id
    }
}
