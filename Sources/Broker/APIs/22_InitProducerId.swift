internal import Cluster
internal import Exchange
internal import KafkaMessages
internal import KafkaWire

// InitProducerId, versions 0-5: an id under which a producer numbers its batches, so that none is stored twice (KIP-98).
//   2  flexible      3  id and epoch of before (KIP-360)      4  PRODUCER_FENCED (KIP-588)      5  transactions of version 2 (KIP-890)
// Java clients since 3.0 ask for one unless told not to. Version 6 is not stable in any release. A producer without a transactional id
// always gets a new id, whatever it says of before, as with Kafka.

struct InitProducerId: APIHandler {
    static let versions: ClosedRange<Int16> = 0...5

    let producerIds: ProducerIds

    func handle(_ request: InitProducerIdRequest, from caller: Caller, reply: consuming Reply) {
        var response = InitProducerIdResponse()
        if let transactionalId = request.transactionalId {
            // Transactions are not served yet, and are refused whole rather than done by half.
            let error: ErrorCode = transactionalId.isEmpty ? .invalidRequest : .unsupportedVersion
            response.errorCode = error.rawValue
            reply.send(response)
            return
        }
        let waiting = WaitingReply(reply)
        producerIds.next { result in
            var response = InitProducerIdResponse()
            switch result {
            case .success(let id):
                response.producerId = id
                response.producerEpoch = 0
            case .failure:
                // Clients ask again.
                response.errorCode = ErrorCode.coordinatorNotAvailable.rawValue
            }
            waiting.take()?.send(response)
        }
    }
}
