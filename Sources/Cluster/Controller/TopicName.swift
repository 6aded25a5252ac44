/// Kafka's rules for topic names (org.apache.kafka.common.internals.Topic).
package enum TopicName {
    /// What is wrong with a name, in Kafka's words; nil: nothing.
    package static func problem(_ name: String) -> String? {
        if name.isEmpty { return "Topic name is invalid: the empty string is not allowed" }
        if name == "." || name == ".." { return "Topic name is invalid: '.' or '..' is not allowed" }
        if name.unicodeScalars.count > ClusterLimits.topicNameLength {
            return "Topic name is invalid: the length of '\(name)' is longer than the max allowed length "
                + "\(ClusterLimits.topicNameLength)"
        }
        if !name.utf8.allSatisfy(isAllowed) {
            return "Topic name is invalid: '\(name)' contains one or more characters other than ASCII alphanumerics, "
                + "'.', '_' and '-'"
        }
        return nil
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    /// Names that differ in dots and underscores alone would have one metric's name; Kafka refuses the second.
    static func collides(_ left: String, _ right: String) -> Bool {
        left.utf8.count == right.utf8.count
            && zip(left.utf8, right.utf8).allSatisfy { a, b in a == b || (isSeparator(a) && isSeparator(b)) }
    }

    static func mayCollide(_ name: String) -> Bool { name.utf8.contains(where: isSeparator) }

    private static func isSeparator(_ byte: UInt8) -> Bool { byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_") }
}
