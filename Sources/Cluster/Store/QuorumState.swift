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
        guard let leaderId = Self.number("leaderId", in: bytes), let epoch = Self.number("leaderEpoch", in: bytes) else {
            return nil
        }
        self.init(leaderId: leaderId, leaderEpoch: epoch)
    }

    private static func number(_ name: StaticString, in bytes: [UInt8]) -> Int32? {
        let name = UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        var at = 0
        func skip(_ isSkipped: (UInt8) -> Bool) {
            while at < bytes.count, isSkipped(bytes[at]) { at += 1 }
        }
        while true {
            skip { $0 != UInt8(ascii: "\"") }
            guard at < bytes.count else { return nil }
            let start = at + 1
            at = start
            skip { $0 != UInt8(ascii: "\"") }
            if bytes[start..<at].elementsEqual(name) { break }
            at += 1
        }
        at += 1
        skip { $0 == 0x20 || $0 == 0x0A || $0 == 0x09 || $0 == UInt8(ascii: ":") }
        let start = at
        skip { $0 == UInt8(ascii: "-") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        return Int32(String(decoding: bytes[start..<at], as: UTF8.self))
    }

    var bytes: [UInt8] {
        Array(
            """
            {"clusterId":"","leaderId":\(leaderId),"leaderEpoch":\(leaderEpoch),"votedId":-1,"appliedOffset":0,\
            "currentVoters":[{"voterId":\(leaderId)}],"data_version":0}
            """.utf8)
    }
}
