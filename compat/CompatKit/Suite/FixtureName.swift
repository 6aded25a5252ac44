/// What a fixture is called in reports and rules: the last three parts of its path, `kafka-4.4.0/kcat-1.7.1/acks-0`.
package enum FixtureName {
    package static func of(_ path: String) -> String {
        var parts = path.split(separator: "/").suffix(3).map(String.init)
        for suffix in [".gz", ".jsonl"] where parts.last?.hasSuffix(suffix) == true {
            parts[parts.count - 1].removeLast(suffix.count)
        }
        return parts.joined(separator: "/")
    }
}
