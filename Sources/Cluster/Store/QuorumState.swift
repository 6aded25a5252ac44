internal import Files

/// `quorum-state`: who leads the metadata log, in which epoch. With one voter that is always this node.
struct QuorumState: Equatable {
    var leaderId: Int32
    var leaderEpoch: Int32

    static let fileName = "quorum-state"

    init(leaderId: Int32, leaderEpoch: Int32) {
        self.leaderId = leaderId
        self.leaderEpoch = leaderEpoch
    }

    /// nil: not such a file. Kafka writes the JSON of QuorumStateData; two of its numbers are all that counts here.
    init?(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        guard let leaderId = Self.number("leaderId", in: text), let epoch = Self.number("leaderEpoch", in: text) else {
            return nil
        }
        self.init(leaderId: leaderId, leaderEpoch: epoch)
    }

    private static func number(_ name: String, in text: String) -> Int32? {
        guard let range = text.firstRange(of: "\"\(name)\"") else { return nil }
        let rest = text[range.upperBound...].drop { $0 == " " || $0 == ":" || $0 == "\n" || $0 == "\t" }
        return Int32(rest.prefix { $0 == "-" || $0.isNumber })
    }

    var bytes: [UInt8] {
        Array(
            """
            {"clusterId":"","leaderId":\(leaderId),"leaderEpoch":\(leaderEpoch),"votedId":-1,"appliedOffset":0,\
            "currentVoters":[{"voterId":\(leaderId)}],"data_version":0}
            """.utf8)
    }
}
