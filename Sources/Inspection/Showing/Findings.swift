/// How an inspection ended; the exit code of the command.
package enum Verdict: Int32, Sendable, Comparable {
    case fine = 0
    /// Something is not as it should be.
    case damaged = 1
    /// Something could not be read.
    case unreadable = 2

    package static func < (left: Verdict, right: Verdict) -> Bool { left.rawValue < right.rawValue }
}

/// Where facts go, in the order in which they are found: nothing is held back, so that a file of any size can be shown.
package final class Findings {
    package enum Form: Sendable { case text, json }

    private let form: Form
    private let write: (String) -> Void
    private var waiting = ""
    package private(set) var verdict = Verdict.fine
    /// How many faults were told of.
    private(set) var problems = 0

    package init(_ form: Form, _ write: @escaping (String) -> Void) {
        self.form = form
        self.write = write
    }

    func tell(_ fact: Fact) {
        waiting += form == .json ? fact.json : fact.text
        if waiting.utf8.count > InspectionLimits.outputBytes { flush() }
    }

    /// A fault: the inspection goes on, its verdict does not.
    func problem(_ text: String, depth: Int = 0, _ fields: KeyValuePairs<String, Shown> = [:]) {
        verdict = max(verdict, .damaged)
        problems += 1
        tell(Fact("problem", depth: depth, text, fields))
    }

    /// What could not be read.
    package func unreadable(_ text: String) {
        verdict = .unreadable
        problems += 1
        tell(Fact("problem", text, [:]))
    }

    func note(_ text: String, depth: Int = 0, _ fields: KeyValuePairs<String, Shown> = [:]) {
        tell(Fact("note", depth: depth, text, fields))
    }

    package func flush() {
        if !waiting.isEmpty { write(waiting) }
        waiting = ""
    }
}

extension Fact {
    /// Words, and behind them what they are about.
    init(_ kind: String, depth: Int = 0, _ text: String, _ about: KeyValuePairs<String, Shown>) {
        self.init(kind, depth: depth, [:])
        fields = [Field("text", .text(text))] + about.map { Field($0.key, $0.value) }
    }
}

/// Every bound of this room, with its unit.
enum InspectionLimits {
    /// Output that waits to be written in one piece: bytes.
    static let outputBytes = 64 << 10
    /// What is read of a file at a time: bytes; a larger batch gets its own size.
    static let windowBytes = 1 << 20
    /// A batch that claims more is none: bytes.
    static let batchBytes = 512 << 20
    /// Small files (checkpoints, meta.properties) beyond this are not what their name says: bytes.
    static let smallFileBytes = 64 << 20
    /// What a dry run may hold of files that a start would write: bytes.
    static let dryRunBytes = 1 << 30
    /// Nested records of a foreign schema deeper than this are not followed: levels.
    static let depth = 16
}
