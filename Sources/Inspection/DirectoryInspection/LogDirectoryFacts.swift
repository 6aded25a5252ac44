internal import Files
internal import KafkaWire
internal import PartitionLog

/// The offsets that a log directory's checkpoint files say.
struct Checkpoints {
    var recoveryPoints: [TopicPartition: Int64] = [:]
    var logStarts: [TopicPartition: Int64] = [:]
    var highWatermarks: [TopicPartition: Int64] = [:]
    var cleaned: [TopicPartition: Int64] = [:]

    init() {}

    init(of directory: String, _ fileSystem: FileSystem, _ findings: Findings) throws(FileError) {
        func read(_ name: String) throws(FileError) -> [TopicPartition: Int64] {
            let path = directory + "/" + name
            guard let bytes = try fileSystem.contents(path, limit: InspectionLimits.smallFileBytes), !bytes.isEmpty
            else { return [:] }
            let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
            guard lines.count >= 2, lines[0] == "0", Int(lines[1]) == lines.count - 2 else {
                findings.problem("not a checkpoint; a start goes on without it", ["file": .text(path)])
                return [:]
            }
            var offsets: [TopicPartition: Int64] = [:]
            for line in lines.dropFirst(2) {
                let words = line.split(separator: " ")
                guard words.count == 3, let partition = Int32(words[1]), let offset = Int64(words[2]) else {
                    findings.problem("not `topic partition offset`: \(line)", ["file": .text(path)])
                    continue
                }
                offsets[TopicPartition(String(words[0]), partition)] = offset
            }
            return offsets
        }
        recoveryPoints = try read("recovery-point-offset-checkpoint")
        logStarts = try read("log-start-offset-checkpoint")
        highWatermarks = try read("replication-offset-checkpoint")
        cleaned = try read("cleaner-offset-checkpoint")
    }
}

/// A log directory: whose it is, how it was left, and which folders it has.
struct LogDirectoryFacts {
    let path: String
    let names: [String]
    let properties: MetaProperties?
    let lock: DirectoryLock
    let wasStoppedCleanly: Bool
    let partitions: [(name: String, partition: TopicPartition)]
    /// Waiting to be removed, copies of a move, and what no cluster knows of.
    let others: [String]
    let checkpoints: Checkpoints

    init(_ path: String, _ fileSystem: FileSystem, _ findings: Findings) throws(FileError) {
        self.path = path
        names = try fileSystem.list(path)
        lock = DirectoryLock(path, fileSystem)
        wasStoppedCleanly = names.contains(".kafka_cleanshutdown")
        var properties: MetaProperties?
        if let bytes = try fileSystem.contents(path + "/" + MetaProperties.fileName, limit: 64 * 1024) {
            do throws(MetaProperties.Malformed) {
                properties = try MetaProperties(bytes)
            } catch {
                findings.problem(error.reason, ["file": .text(path + "/" + MetaProperties.fileName)])
            }
        }
        self.properties = properties
        var partitions: [(name: String, partition: TopicPartition)] = [], others: [String] = []
        for name in names where try fileSystem.status(path + "/" + name)?.isDirectory == true {
            switch PartitionDirectoryName(name) {
            case .partition(let partition): partitions.append((name, partition))
            case .clusterMetadata, .notOurs: break
            case .deleted, .future, .stray, .foreign: others.append(name)
            }
        }
        self.partitions = partitions
        self.others = others
        checkpoints = try Checkpoints(of: path, fileSystem, findings)
    }

    var isDataDirectory: Bool { properties != nil || !partitions.isEmpty || names.contains("__cluster_metadata-0") }

    var fact: Fact {
        var fact = Fact("directory", ["path": .text(path), "state": .text(state)])
        if case .held(let process) = lock.state { fact.add("process", Shown(process)) }
        fact.add("nodeId", properties?.nodeId.map { Shown($0) } ?? .nothing)
        fact.add("clusterId", properties?.clusterId.map { .text($0) } ?? .nothing)
        fact.add("directoryId", properties?.directoryId.map { .text("\($0)") } ?? .nothing)
        fact.add("partitions", Shown(partitions.count))
        if !others.isEmpty { fact.add("otherFolders", .list(others.map { .text($0) })) }
        return fact
    }

    private var state: String {
        if lock.isHeld { return "in use by a broker" }
        return wasStoppedCleanly ? "stopped cleanly" : "not stopped cleanly"
    }
}
