/// The bounds of this room, each with its unit.
package enum GroupLimits {
    /// Kafka's own, not configurable: how long a new member may wait in a JoinGroup before it is given up.
    package static let newMemberJoinTimeoutMs: Int32 = 5 * 60_000
    /// Protocols that one member may offer. Clients offer up to four; each is compared with every other member's.
    package static let maxProtocols = 256
    /// Bytes of the topics in a subscription are read for at most so many names; a metadata that claims more is not understood.
    package static let maxTopicsInSubscription = 1_000_000
    /// So many lines of one group are written to the log in a minute; the rest is counted.
    package static let linesPerMinute = 20
}
