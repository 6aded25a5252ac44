internal import Exchange
internal import KafkaMessages
internal import KafkaWire
internal import Replication

// KIP-951: a client that came to the wrong broker, or with an old epoch, is told who leads the partition and where that is, and
// need not ask for metadata first.

/// This broker as the client's listener advertises it: the only one whose address it knows to be good.
struct OwnEndpoint: Sendable {
    let identity: BrokerIdentity
    let listener: ListenerIdentity
}

extension ErrorCode {
    /// Whether a better leader, or a newer epoch, would help the client.
    var tellsOfAnotherLeader: Bool { self == .notLeaderOrFollower || self == .fencedLeaderEpoch }
}

/// Produce and Fetch have the same two structs in their answers.
protocol LeaderIdAndEpochFields {
    var leaderId: Int32 { get set }
    var leaderEpoch: Int32 { get set }
}

protocol NodeEndpointFields: WireStruct {
    var nodeId: Int32 { get set }
    var host: WireBytes { get set }
    var port: Int32 { get set }
    var rack: WireBytes? { get set }
}

extension ProduceResponse.LeaderIdAndEpoch: LeaderIdAndEpochFields {}
extension FetchResponse.LeaderIdAndEpoch: LeaderIdAndEpochFields {}
extension ProduceResponse.NodeEndpoint: NodeEndpointFields {}
extension FetchResponse.NodeEndpoint: NodeEndpointFields {}

extension LeaderIdAndEpochFields {
    mutating func fill(_ leadership: PartitionLeadership) {
        leaderId = leadership.leader
        leaderEpoch = leadership.epoch
    }
}

extension WireArray where Element: NodeEndpointFields {
    init(_ own: OwnEndpoint, in arena: Arena) {
        self.init(count: 1, in: arena) { _, node in
            node.nodeId = own.identity.nodeId
            node.host = WireBytes(copying: own.listener.advertisedHost, in: arena)
            node.port = own.listener.advertisedPort
            node.rack = own.identity.rack.map { WireBytes(copying: $0, in: arena) }
        }
    }
}
