internal import Cluster
internal import Exchange
internal import Groups
internal import KafkaMessages
internal import KafkaWire

// FindCoordinator, versions 0-6: which broker coordinates a group.
//   1  a type beside the key: 0 group, 1 transactional id, 2 share group; an error message; throttle time
//   3  flexible
//   4  several keys (KIP-699)
//   6  share groups (KIP-932)
// The first question makes __consumer_offsets and is answered COORDINATOR_NOT_AVAILABLE: clients ask again. The address is
// that of the listener by which the client came.

struct FindCoordinator: APIHandler {
    static let versions: ClosedRange<Int16> = 0...6
    let nodeId: Int32
    let metadata: any MetadataStore
    /// Makes `__consumer_offsets` unless that is under way already.
    let makeOffsetsTopic: @Sendable () -> Void

    private struct Coordinator {
        var error = ErrorCode.none
        var node: Int32 = -1
        var host = WireBytes.empty
        var port: Int32 = -1
    }

    func handle(_ request: FindCoordinatorRequest, from caller: Caller, reply: consuming Reply) {
        var response = FindCoordinatorResponse()
        if caller.version < 4 {
            let found = find(request.key, type: request.keyType, caller)
            response.errorCode = found.error.rawValue
            response.errorMessage = Self.message(found.error, request.keyType, caller.version, success: "NONE")
            response.nodeId = found.node
            response.host = found.host
            response.port = found.port
        } else {
            response.coordinators = WireArray(count: request.coordinatorKeys.count, in: caller.arena) { index, coordinator in
                let key = request.coordinatorKeys[index]
                let found = find(key, type: request.keyType, caller)
                coordinator.key = key
                coordinator.errorCode = found.error.rawValue
                coordinator.errorMessage = Self.message(found.error, request.keyType, caller.version, success: "")
                coordinator.nodeId = found.node
                coordinator.host = found.host
                coordinator.port = found.port
            }
        }
        reply.send(response)
    }

    private func find(_ key: WireBytes, type: Int8, _ caller: Caller) -> Coordinator {
        // Transactions are not served yet: a client that is told to wait for their coordinator would wait for ever.
        guard type == 0 else { return Coordinator(error: .invalidRequest) }
        let image = metadata.image
        guard let topic = image.topic(GroupService.topic) else {
            makeOffsetsTopic()
            return Coordinator(error: .coordinatorNotAvailable)
        }
        let index = GroupCoordinator.partition(of: key, count: Int32(topic.partitions.count))
        guard let leader = topic.partition(index)?.leader, leader >= 0 else {
            return Coordinator(error: .coordinatorNotAvailable)
        }
        let listener = caller.client.listener
        if leader == nodeId {
            return Coordinator(
                node: leader, host: WireBytes(copying: listener.advertisedHost, in: caller.arena),
                port: listener.advertisedPort)
        }
        guard let endpoint = image.broker(leader)?.endpoint(listener.name) else {
            return Coordinator(error: .coordinatorNotAvailable)
        }
        return Coordinator(
            node: leader, host: WireBytes(copying: endpoint.host, in: caller.arena), port: endpoint.port)
    }

    /// Kafka's texts, but where it would not refuse: clients show it to people.
    private static func message(_ error: ErrorCode, _ type: Int8, _ version: Int16, success: WireBytes) -> WireBytes {
        switch (error, type) {
        case (.none, _): success
        case (.coordinatorNotAvailable, _): "The coordinator is not available."
        case (_, 1): "Transactions are not served by this broker yet."
        case (_, 2) where version >= 6: "Share groups are not served by this broker yet."
        default:
            """
            This most likely occurs because of a request being malformed by the client library or the message was sent to \
            an incompatible broker. See the broker logs for more details.
            """
        }
    }
}
