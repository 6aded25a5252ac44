internal import Exchange
internal import KafkaMessages
internal import KafkaWire

// DescribeCluster, versions 0-2: the brokers and their controller, as Metadata says them too (KIP-700).
//   1  the kind of endpoint that the client means: 1 broker, 2 controller (KIP-919)     2  fenced brokers on request

struct DescribeCluster: APIHandler {
    static let versions: ClosedRange<Int16> = 0...2

    let identity: BrokerIdentity

    private static let brokerEndpoint: Int8 = 1
    private static let controllerEndpoint: Int8 = 2

    func handle(_ request: DescribeClusterRequest, from caller: Caller, reply: consuming Reply) {
        let arena = caller.arena
        var response = DescribeClusterResponse()
        guard request.endpointType == Self.brokerEndpoint else {
            refuse(request.endpointType, caller, &response)
            reply.send(response)
            return
        }
        let listener = caller.client.listener
        response.clusterId = WireBytes(copying: identity.clusterId, in: arena)
        response.controllerId = identity.nodeId
        // The address of the listener by which the client came: that one it can reach.
        response.brokers = WireArray(count: 1, in: arena) { _, broker in
            broker.brokerId = identity.nodeId
            broker.host = WireBytes(copying: listener.advertisedHost, in: arena)
            broker.port = listener.advertisedPort
            broker.rack = identity.rack.map { WireBytes(copying: $0, in: arena) }
        }
        if request.includeClusterAuthorizedOperations {
            response.clusterAuthorizedOperations = AuthorizedOperations.cluster
        }
        reply.send(response)
    }

    private func refuse(_ type: Int8, _ caller: Caller, _ response: inout DescribeClusterResponse) {
        if type == Self.controllerEndpoint {
            response.errorCode = ErrorCode.mismatchedEndpointType.rawValue
            response.errorMessage = "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER"
        } else {
            response.errorCode = ErrorCode.unsupportedEndpointType.rawValue
            response.errorMessage = WireBytes(copying: "Unsupported endpoint type \(type)", in: caller.arena)
        }
    }
}
