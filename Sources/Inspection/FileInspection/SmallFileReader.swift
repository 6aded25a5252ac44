internal import CJackdaw
internal import Files
internal import KafkaMessages
internal import KafkaWire

/// Files that are read as a whole: checkpoints, identities, producer snapshots.
struct SmallFileReader {
    let path: String
    let bytes: [UInt8]
    let findings: Findings

    private func fault(_ reason: String) { findings.problem(reason, ["file": .text(path)]) }

    private var lines: [Substring] {
        String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    }

    /// The lines of a checkpoint: `0`, their number, and they themselves; nil, and a fault, where it is none.
    private func checkpointLines() -> [Substring]? {
        // Kafka leaves a file with nothing in it where it has nothing to say.
        if bytes.isEmpty { return [] }
        var lines = lines
        if lines.last?.isEmpty == true { lines.removeLast() }
        guard lines.count >= 2, lines[0] == "0" else {
            fault("no checkpoint: its first line is not the version 0")
            return nil
        }
        guard let count = Int(lines[1]), count == lines.count - 2 else {
            fault("the checkpoint has \(lines.count - 2) entries and says \(lines[1])")
            return nil
        }
        return Array(lines[2...])
    }

    /// `topic partition offset`
    func readOffsets() {
        for line in checkpointLines() ?? [] {
            let words = line.split(separator: " ")
            guard words.count == 3, let partition = Int32(words[1]), let offset = Int64(words[2]), partition >= 0 else {
                fault("not `topic partition offset`: \(line)")
                continue
            }
            findings.tell(
                Fact(
                    "entry", ["topic": .text(String(words[0])), "partition": Shown(partition), "offset": Shown(offset)])
            )
        }
    }

    /// `epoch startOffset`
    func readLeaderEpochs() {
        var last: (epoch: Int32, offset: Int64)?
        for line in checkpointLines() ?? [] {
            let words = line.split(separator: " ")
            guard words.count == 2, let epoch = Int32(words[0]), let offset = Int64(words[1]), epoch >= 0, offset >= 0
            else {
                fault("not `epoch startOffset`: \(line)")
                continue
            }
            findings.tell(Fact("epoch", ["epoch": Shown(epoch), "startOffset": Shown(offset)]))
            if let last, epoch <= last.epoch || offset < last.offset {
                fault("epoch \(epoch) at \(offset) comes after \(last.epoch) at \(last.offset)")
            }
            last = (epoch, offset)
        }
    }

    /// `name=value` or `name: value` lines, as in meta.properties and partition.metadata.
    func readProperties(_ kind: String, separator: Character, wanted: [String]) {
        var fact = Fact(kind, [:])
        for line in lines where !line.isEmpty && line.first != "#" {
            let parts = line.split(separator: separator, maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else {
                fault("not name\(separator)value: \(line)")
                continue
            }
            fact.add(
                String(parts[0].filter { $0 != " " }),
                .text(String(parts[1].drop { $0 == " " }.filter { $0 != "\\" && $0 != "\r" })))
        }
        findings.tell(fact)
        for name in wanted where !fact.fields.contains(where: { $0.name == name }) { fault("no \(name)") }
    }

    /// JSON that Kafka wrote, as it stands.
    func readJSON(_ kind: String) {
        guard bytes.first == UInt8(ascii: "{") else { return fault("no JSON object") }
        findings.tell(Fact(kind, ["content": .text(String(decoding: bytes, as: UTF8.self))]))
    }

    /// `written-mark`, which is this broker's own: "JDMK", CRC-32C of what follows it, seven numbers, and three pieces with their
    /// lengths (the uptime's name, leader epochs, producers).
    func readWrittenMark() {
        guard bytes.starts(with: Array("JDMK".utf8)), bytes.count >= 72 else { return fault("not a written-mark") }
        bytes.withUnsafeBytes { buffer in
            func number(_ slot: Int) -> Int64 {
                Int64(bigEndian: buffer.loadUnaligned(fromByteOffset: 8 + 8 * slot, as: Int64.self))
            }
            let stored = UInt32(bigEndian: buffer.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
            let computed = jd_crc32c(0, buffer.baseAddress! + 8, buffer.count - 8)
            if stored != computed { fault("the checksum is \(stored), computed \(computed)") }
            let nameLength = Int(clamping: number(7))
            let name =
                0...(buffer.count - 72) ~= nameLength
                ? String(decoding: buffer[72..<(72 + nameLength)], as: UTF8.self) : ""
            findings.tell(
                Fact(
                    "writtenMark",
                    [
                        "endOffset": Shown(number(0)), "segmentBase": Shown(number(1)),
                        "largestTimestamp": Shown(number(2)),
                        "largestTimestampOffset": Shown(number(3)), "lastBatchPosition": Shown(number(4)),
                        "lastBatchOffset": Shown(number(5)), "lastBatchCrc": Shown(number(6)), "uptime": .text(name),
                    ]))
        }
    }

    /// `.snapshot`: int16 version, CRC-32C of what follows it, the producers.
    func readProducers() {
        guard bytes.count >= 10 else { return fault("\(bytes.count) bytes are too few for a producer snapshot") }
        bytes.withUnsafeBytes { buffer in
            let stored = UInt32(bigEndian: buffer.loadUnaligned(fromByteOffset: 2, as: UInt32.self))
            let computed = jd_crc32c(0, buffer.baseAddress! + 6, buffer.count - 6)
            if stored != computed { fault("the checksum is \(stored), computed \(computed)") }
            let arena = Arena(capacity: 4096)
            defer { arena.staysUntilHere() }
            let snapshot = Result { () throws(DecodeError) in try ProducerSnapshot(versioned: buffer, arena: arena) }
            switch snapshot {
            case .failure(let error): fault("\(error)")
            case .success(let snapshot):
                for entry in snapshot.producerEntries {
                    guard case .fields(let fields) = Reflection.show(entry) else { continue }
                    var fact = Fact("producer", [:])
                    fact.fields = fields
                    findings.tell(fact)
                }
            }
        }
    }
}
