internal import Cluster
package import Files
internal import KafkaWire
internal import PartitionLog

/// `jackdaw inspect DIR...`: one broker's log directories, what is in them, and what a start would do with them.
package struct DirectoryInspection {
    let paths: [String]
    let fileSystem: FileSystem
    let options: InspectionOptions
    let findings: Findings

    package init(_ paths: [String], _ fileSystem: FileSystem, _ options: InspectionOptions, _ findings: Findings) {
        self.paths = paths
        self.fileSystem = fileSystem
        self.options = options
        self.findings = findings
    }

    package func run() {
        do throws(FileError) {
            if paths.count == 1, try isPartition(paths[0]) { return try inspectPartition(paths[0]) }
            try inspect()
        } catch {
            findings.unreadable("\(error)")
        }
    }

    private static let metadataFolder = "__cluster_metadata-0"

    private func isPartition(_ path: String) throws(FileError) -> Bool {
        try fileSystem.list(path).contains { SegmentFileName($0)?.kind == ".log" }
    }

    private func inspectPartition(_ path: String) throws(FileError) {
        let isInUse = DirectoryLock(path.parentPath, fileSystem).isHeld
        let reader = PartitionReader(
            path: path, fileSystem: fileSystem, options: options, findings: findings, isInUse: isInUse)
        let contents = try reader.read()
        tell(of: path.lastPathComponent, in: path.parentPath, contents, Checkpoints())
        if options.verifies {
            let folder = path.lastPathComponent
            try reader.verify(contents, topic: folder.lastIndex(of: "-").map { String(folder[..<$0]) } ?? folder)
        }
    }

    // MARK: log directories

    private func inspect() throws(FileError) {
        var directories: [LogDirectoryFacts] = []
        for path in paths {
            let facts = try LogDirectoryFacts(path, fileSystem, findings)
            guard facts.isDataDirectory else {
                findings.unreadable(
                    "\(path): not a data directory: it has no meta.properties, and no folder of a partition")
                continue
            }
            findings.tell(facts.fact)
            directories.append(facts)
        }
        guard !directories.isEmpty else { return }
        let metadata = directories.first { $0.names.contains(Self.metadataFolder) }?.path ?? directories[0].path
        let rehearsal = StartRehearsal(
            directories: directories.map(\.path), nodeId: directories.compactMap(\.properties?.nodeId).first ?? 1,
            metadataDirectory: metadata, fileSystem: fileSystem)
        let outcome = rehearsal.run()
        if let image = outcome.image { MetadataFacts(image, findings).tell() }
        for directory in directories { try inspectPartitions(of: directory, outcome.image) }
        if let image = outcome.image { compare(directories, with: image, nodeId: rehearsal.nodeId) }
        try StartReport(outcome, directories, fileSystem, findings).tell()
        findings.tell(
            Fact(
                "summary",
                [
                    "directories": Shown(directories.count), "partitions": Shown(outcome.partitions.count),
                    "problems": Shown(findings.problems),
                ]))
    }

    private func inspectPartitions(of directory: LogDirectoryFacts, _ image: ClusterImage?) throws(FileError) {
        for (name, partition) in directory.partitions {
            let path = directory.path + "/" + name
            let reader = PartitionReader(
                path: path, fileSystem: fileSystem, options: options, findings: findings, isInUse: directory.lock.isHeld
            )
            let contents: PartitionReader.Contents
            do throws(FileError) {
                contents = try reader.read()
            } catch  where error.isNotFound && directory.lock.isHeld {
                // The broker that runs there has deleted it meanwhile.
                continue
            }
            tell(of: name, in: directory.path, contents, directory.checkpoints, partition)
            if let image { check(contents, partition, path, image) }
            if options.verifies { try reader.verify(contents, topic: partition.topic) }
        }
    }

    private func tell(
        of name: String, in directory: String, _ contents: PartitionReader.Contents, _ checkpoints: Checkpoints,
        _ partition: TopicPartition? = nil
    ) {
        let start = partition.flatMap { checkpoints.logStarts[$0] } ?? contents.segments.first?.baseOffset ?? 0
        var fact = Fact(
            "partition", depth: 1,
            [
                "name": .text(name), "directory": .text(directory), "logStartOffset": Shown(start),
                "logEndOffset": Shown(contents.segments.last?.nextOffset ?? 0),
            ])
        if let partition {
            fact.add("highWatermark", checkpoints.highWatermarks[partition].map { Shown($0) } ?? .nothing)
            fact.add("recoveryPoint", checkpoints.recoveryPoints[partition].map { Shown($0) } ?? .nothing)
            if let cleaned = checkpoints.cleaned[partition] { fact.add("cleanedUpTo", Shown(cleaned)) }
        }
        fact.add("leaderEpoch", contents.latestEpoch.map { Shown($0) } ?? .nothing)
        fact.add("segments", Shown(contents.segments.count))
        fact.add("bytes", Shown(contents.bytes))
        fact.add("producerSnapshots", Shown(contents.producerSnapshots))
        findings.tell(fact)
        for segment in contents.segments { findings.tell(segment.fact) }
        for name in contents.unfinished {
            findings.note("unfinished, a start resolves it", depth: 2, ["file": .text(name)])
        }
        for name in contents.unknown {
            findings.note("a file that is none of Kafka's, left alone", depth: 2, ["file": .text(name)])
        }
    }

    // MARK: metadata and folders

    private func check(
        _ contents: PartitionReader.Contents, _ partition: TopicPartition, _ path: String, _ image: ClusterImage
    ) {
        guard let topic = image.topic(partition.topic) else {
            return findings.problem(
                "the metadata know no such topic; a start leaves the folder alone", depth: 1, ["directory": .text(path)]
            )
        }
        if let id = contents.topicId, id != topic.id.description {
            findings.problem(
                "the folder belongs to the topic id \(id), the metadata say \(topic.id): to an earlier topic of that name",
                depth: 1,
                ["directory": .text(path)])
        }
        if topic.partition(partition.partition) == nil {
            findings.problem("the topic has no such partition", depth: 1, ["directory": .text(path)])
        }
    }

    /// Partitions that should be here and are not.
    private func compare(_ directories: [LogDirectoryFacts], with image: ClusterImage, nodeId: Int32) {
        let given = Set(directories.compactMap(\.properties?.directoryId))
        if let broker = image.broker(nodeId), broker.logDirectories.contains(where: { !given.contains($0) }) {
            return findings.note(
                "the broker has \(broker.logDirectories.count) log directories, \(directories.count) are looked at: name them all to know "
                    + "whether a partition is missing")
        }
        let found = Set(directories.flatMap(\.partitions).map(\.partition))
        for topic in image.topics.sorted(by: { $0.name < $1.name }) {
            for partition in topic.partitions where partition.replicas.contains(nodeId) {
                let name = TopicPartition(topic.name, partition.id)
                if !found.contains(name) { findings.problem("no folder for \(name); a start makes an empty one") }
            }
        }
    }
}
