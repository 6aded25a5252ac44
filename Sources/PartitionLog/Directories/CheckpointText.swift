/// The form of all of Kafka's checkpoint files: a line with the version, 0, one with the count, and that many lines.
struct CheckpointText {
    var lines: [String]

    init(lines: [String]) { self.lines = lines }

    /// nil where version, count and lines do not fit together.
    init?(_ bytes: [UInt8]) {
        // Kafka leaves a file with nothing in it where it has nothing to say.
        guard !bytes.isEmpty else {
            lines = []
            return
        }
        let all = bytes.split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
        guard all.count >= 2, all[0] == "0", let count = Int(all[1]), count == all.count - 2 else { return nil }
        lines = Array(all[2...])
    }

    var bytes: [UInt8] {
        Array((["0", String(lines.count)] + lines).reduce(into: "") { $0 += $1 + "\n" }.utf8)
    }
}
