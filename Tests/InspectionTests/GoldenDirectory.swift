import Files
import Foundation
import Inspection
import KafkaSchema
import Synchronization
import Testing

/// A copy of the three log directories that Apache Kafka 4.4 left (compat/vectors/directory), gone when the test ends.
final class GoldenDirectory {
    let path: String
    var directories: [String] { ["one", "two", "three"].map { path + "/" + $0 } }

    private static let vectors = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../compat/vectors/directory").standardized.path

    init() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "jackdaw-inspection-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
        try Self.shell("tar -xzf '\(Self.vectors)/kafka-4.4.0.tar.gz' -C '\(path)'")
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// By the shell: the address sanitizer has its doubts about Foundation's way to start a process.
    private static func shell(_ words: String) throws {
        guard system(words) == 0 else { throw CocoaError(.fileReadUnknown) }
    }

    /// What Kafka's dump-log says, by file.
    static let dump: [(file: String, lines: [String])] = {
        var sections: [(file: String, lines: [String])] = []
        let unpacked = FileManager.default.temporaryDirectory.appending(path: "jackdaw-dump-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: unpacked) }
        try? shell("gzip -dc '\(vectors)/dump.txt.gz' > '\(unpacked)'")
        let text = String(decoding: (try? PosixFileSystem().contents(unpacked, limit: 1 << 26)) ?? [], as: UTF8.self)
        for line in text.split(separator: "\n") {
            if line.hasPrefix("Dumping ") {
                sections.append((String(line.dropFirst(8)), []))
            } else if !sections.isEmpty {
                sections[sections.count - 1].lines.append(String(line))
            }
        }
        return sections
    }()

    /// Every file with its content and its time of change.
    func contents() throws -> [String: [UInt8]] {
        let fileSystem = PosixFileSystem()
        var all: [String: [UInt8]] = [:]
        func add(_ directory: String, depth: Int) throws {
            for name in try fileSystem.list(path + directory) {
                let inner = directory + "/" + name
                let status = try #require(try fileSystem.status(path + inner))
                if status.isDirectory {
                    if depth < 3 { try add(inner, depth: depth + 1) }
                } else {
                    let bytes = try fileSystem.contents(path + inner, limit: 1 << 26) ?? []
                    all[String(inner.dropFirst())] = Array("\(status.modifiedMs) ".utf8) + bytes
                }
            }
        }
        try add("", depth: 0)
        return all
    }

    func bytes(_ name: String) throws -> [UInt8] {
        try #require(try PosixFileSystem().contents(path + "/" + name, limit: 1 << 26))
    }
    func write(_ bytes: [UInt8], to name: String) throws { try Data(bytes).write(to: URL(filePath: path + "/" + name)) }
    func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: path + "/" + name) }
}

/// What an inspection told, as its JSON lines.
struct Told {
    var verdict: Verdict
    var facts: [JSONValue]
    var text: String

    func facts(_ kind: String) -> [JSONValue] { facts.filter { $0["kind"]?.string == kind } }
    var problems: [String] { facts("problem").compactMap { $0["text"]?.string } }

    init(_ form: Findings.Form = .json, _ body: (Findings) -> Void) throws {
        let out = Mutex("")
        let findings = Findings(form) { piece in out.withLock { $0 += piece } }
        body(findings)
        findings.flush()
        text = out.withLock { $0 }
        verdict = findings.verdict
        facts = form == .json ? try text.split(separator: "\n").map { try JSONValue(parsing: String($0)) } : []
    }

    static func file(_ path: String, _ options: InspectionOptions = InspectionOptions(), form: Findings.Form = .json)
        throws -> Told
    {
        try Told(form) { FileInspection(path, PosixFileSystem(), options, $0).run() }
    }

    static func directories(_ paths: [String], verifies: Bool = false, form: Findings.Form = .json) throws -> Told {
        var options = InspectionOptions()
        options.verifies = verifies
        return try Told(form) { DirectoryInspection(paths, PosixFileSystem(), options, $0).run() }
    }
}
