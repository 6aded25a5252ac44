package import Files

/// What is asked of an inspection.
package struct InspectionOptions: Sendable {
    /// Records are shown, not only batches.
    package var showsRecords = true
    /// Of a directory: every batch of every segment is read, and every index held against it.
    package var verifies = false

    package init() {}
}

/// `jackdaw inspect FILE`: one file of a data directory, by its name.
package struct FileInspection {
    let path: String
    let fileSystem: FileSystem
    let options: InspectionOptions
    let findings: Findings

    package init(_ path: String, _ fileSystem: FileSystem, _ options: InspectionOptions, _ findings: Findings) {
        self.path = path
        self.fileSystem = fileSystem
        self.options = options
        self.findings = findings
    }

    /// Everything that a data directory's files may be called.
    static let known =
        ".log, .index, .timeindex, .txnindex, .snapshot, .checkpoint, *-checkpoint, partition.metadata, "
        + "meta.properties, quorum-state, .kafka_cleanshutdown, written-mark"

    package func run() {
        do throws(FileError) {
            try inspect()
        } catch {
            findings.unreadable("\(error)")
        }
    }

    private var name: String { path.lastPathComponent }

    private func inspect() throws(FileError) {
        if let segment = SegmentFileName(name) { return try inspect(segment) }
        switch name {
        case "leader-epoch-checkpoint": try small().readLeaderEpochs()
        case "recovery-point-offset-checkpoint", "log-start-offset-checkpoint", "replication-offset-checkpoint",
            "cleaner-offset-checkpoint":
            try small().readOffsets()
        case "partition.metadata":
            try small().readProperties("partitionMetadata", separator: ":", wanted: ["version", "topic_id"])
        case "meta.properties": try small().readProperties("metaProperties", separator: "=", wanted: ["version"])
        case "quorum-state": try small().readJSON("quorumState")
        case "written-mark": try small().readWrittenMark()
        case ".kafka_cleanshutdown": try small().readJSON("cleanShutdown")
        case _ where name.hasSuffix(".checkpoint"): try readBatches(RecordFamily.clusterMetadata, base: nil)
        default:
            findings.unreadable("\(path): not a file of a Kafka data directory by its name; those are \(Self.known)")
        }
    }

    private func inspect(_ segment: SegmentFileName) throws(FileError) {
        let stem = path.parentPath + "/" + name.prefix(20)
        let index = IndexReader(
            stem: stem, baseOffset: segment.offset, suffix: segment.suffix, fileSystem: fileSystem, findings: findings)
        switch segment.kind {
        case ".log": try readBatches(RecordFamily(topic: topic), base: segment.offset)
        case ".index": _ = try index.readOffsets()
        case ".timeindex": _ = try index.readTimes()
        case ".txnindex": _ = try index.readAborted()
        default: try small().readProducers()
        }
    }

    /// The topic by the folder's name; a file that was copied elsewhere has none.
    private var topic: String {
        let folder = path.parentPath.lastPathComponent
        return folder.lastIndex(of: "-").map { String(folder[..<$0]) } ?? ""
    }

    private func small() throws(FileError) -> SmallFileReader {
        guard let bytes = try fileSystem.contents(path, limit: InspectionLimits.smallFileBytes) else {
            throw FileError(.open, path, code: 2)
        }
        return SmallFileReader(path: path, bytes: bytes, findings: findings)
    }

    private func readBatches(_ family: RecordFamily, base: Int64?) throws(FileError) {
        let file = try fileSystem.open(path, .read)
        let size = try file.size()
        let isGrowing = DirectoryLock(path.parentPath.parentPath, fileSystem).isHeld
        let reading = SegmentReading(
            family: family, showsRecords: options.showsRecords, baseOffset: base, isGrowing: isGrowing)
        let summary = try SegmentReader(file: file, size: size, reading: reading, findings: findings).read()
        findings.tell(
            Fact(
                "summary",
                [
                    "file": .text(path), "bytes": Shown(size), "batches": Shown(summary.batches),
                    "records": Shown(summary.records),
                    "firstOffset": Shown(summary.firstOffset), "nextOffset": Shown(summary.nextOffset),
                    "maxTimestamp": Shown(summary.maxTimestamp), "problems": Shown(findings.problems),
                ]))
    }
}

/// A file of a segment: twenty digits, what it holds, and what became of it (`.deleted`, `.cleaned`, `.swap`).
struct SegmentFileName {
    var offset: Int64
    var kind: String
    var suffix: String

    static let kinds = [".log", ".index", ".timeindex", ".txnindex", ".snapshot"]
    static let suffixes = ["", ".deleted", ".cleaned", ".swap"]

    init?(_ name: String) {
        let digits = name.utf8.prefix(20)
        guard digits.count == 20, digits.allSatisfy({ 48...57 ~= $0 }), let offset = Int64(name.prefix(20)) else {
            return nil
        }
        let rest = name.dropFirst(20)
        for kind in Self.kinds where rest.hasPrefix(kind) {
            let suffix = String(rest.dropFirst(kind.utf8.count))
            guard Self.suffixes.contains(suffix) else { return nil }
            (self.offset, self.kind, self.suffix) = (offset, kind, suffix)
            return
        }
        return nil
    }
}

extension String {
    var lastPathComponent: String { String(split(separator: "/").last ?? "") }
}

/// Who has a log directory open.
struct DirectoryLock {
    enum State: Equatable {
        case free
        /// By a process; 0: one of another machine or namespace.
        case held(by: Int32)
        /// There is no lock file, or it cannot be read.
        case unknown
    }

    let state: State

    init(_ directory: String, _ fileSystem: FileSystem) {
        do throws(FileError) {
            state = try fileSystem.lockHolder(directory + "/.lock").map { .held(by: $0) } ?? .free
        } catch {
            state = .unknown
        }
    }

    var isHeld: Bool {
        if case .held = state { return true }
        return false
    }
}
