internal import Cluster
internal import Files
internal import PartitionLog
internal import Telemetry

/// Says what a start would do, from what the rehearsal did.
struct StartReport {
    let outcome: StartRehearsal.Outcome
    let directories: [LogDirectoryFacts]
    let fileSystem: FileSystem
    let findings: Findings

    init(
        _ outcome: StartRehearsal.Outcome, _ directories: [LogDirectoryFacts], _ fileSystem: FileSystem,
        _ findings: Findings
    ) {
        self.outcome = outcome
        self.directories = directories
        self.fileSystem = fileSystem
        self.findings = findings
    }

    func tell() throws(FileError) {
        if directories.contains(where: \.lock.isHeld) {
            findings.note(
                "a broker has the directory open, so a start is refused now; what follows is what one would do if that broker were "
                    + "killed at this moment")
        }
        if let refusal = outcome.refusal {
            findings.problem("a start is refused: \(refusal)")
            return
        }
        var obstacles = outcome.obstacles
        let groups = try ShareState.groups(in: directories.map(\.path), fileSystem)
        if !groups.isEmpty { obstacles.append(Takeover.Obstacle(kind: .share, what: groups)) }
        for obstacle in obstacles {
            findings.problem("a start is refused unless --leave-behind=\(obstacle.kind.rawValue) is given: \(obstacle)")
        }
        let (recovered, bytes) = tellScans()
        let cuts = tellChanges()
        for word in outcome.words where word.level >= .warn {
            var fact = Fact("start", depth: 1, [:])
            fact.add("text", .text(word.message))
            for field in word.fields { fact.add(field.name, .text(field.value)) }
            findings.tell(fact)
        }
        findings.tell(
            Fact(
                "start",
                [
                    "text": .text(summary(recovered)), "partitions": Shown(outcome.partitions.count),
                    "recovered": Shown(recovered),
                    "bytesRead": Shown(bytes), "filesCut": Shown(cuts),
                ]))
    }

    private func summary(_ recovered: Int) -> String {
        if outcome.partitions.isEmpty { return "there are no partitions to load" }
        return recovered == 0 ? "nothing is to be recovered" : "partitions are scanned from their recovery points on"
    }

    /// After a stop that was not clean: what is read from where.
    private func tellScans() -> (partitions: Int, bytes: Int64) {
        let unclean = directories.filter { !$0.wasStoppedCleanly }
        var partitions = 0, bytes: Int64 = 0
        for recovered in outcome.partitions {
            bytes += recovered.bytesRead
            guard let directory = unclean.first(where: { recovered.path.parentPath == $0.path }) else { continue }
            partitions += 1
            findings.tell(
                Fact(
                    "start", depth: 1,
                    [
                        "text": .text("scans a partition"), "partition": .text("\(recovered.partition)"),
                        "fromOffset": Shown(directory.checkpoints.recoveryPoints[recovered.partition] ?? 0),
                        "toOffset": Shown(recovered.endOffset), "bytesRead": Shown(recovered.bytesRead),
                    ]))
        }
        return (partitions, bytes)
    }

    /// Files that are cut, removed, renamed; those that each start writes are of no interest.
    private func tellChanges() -> Int {
        var cuts = 0
        for change in outcome.changes {
            switch change {
            case .cuts(let path, let from, let to):
                // Indexes are cut to be made anew.
                if path.hasSuffix(".log") { cuts += 1 }
                findings.tell(
                    Fact(
                        "start", depth: 1,
                        ["text": .text("cuts a file"), "file": .text(path), "from": Shown(from), "to": Shown(to)]))
            case .removes(let path):
                if path.lastPathComponent == ".kafka_cleanshutdown" { continue }
                findings.tell(Fact("start", depth: 1, ["text": .text("removes a file"), "file": .text(path)]))
            case .renames(let path, let newPath):
                findings.tell(
                    Fact(
                        "start", depth: 1, ["text": .text("renames a file"), "file": .text(path), "to": .text(newPath)])
                )
            case .writes(let path), .makes(let path):
                guard path.hasSuffix("index") else { continue }
                findings.tell(Fact("start", depth: 1, ["text": .text("writes an index"), "file": .text(path)]))
            }
        }
        return cuts
    }
}
