import Foundation

/// Files under compat/vectors/configuration: what Apache Kafka said.
enum Vectors {
    static func lines(_ name: String) throws -> [String] {
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../compat/vectors/configuration")
        let text = try String(contentsOf: root.appending(path: name), encoding: .utf8)
        return text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            .filter { !$0.hasPrefix("#") }
    }

    /// The lines of a file by `[section]`.
    static func sections(_ name: String) throws -> [String: [String]] {
        var result: [String: [String]] = [:]
        var current = ""
        for line in try lines(name) where !line.isEmpty {
            if line.hasPrefix("["), line.hasSuffix("]") {
                current = String(line.dropFirst().dropLast())
            } else {
                result[current, default: []].append(line)
            }
        }
        return result
    }
}
