internal import EventLoop
internal import Exchange
internal import KafkaMessages
internal import KafkaWire
internal import PartitionLog
internal import Replication
internal import Synchronization

// Fetch, versions 0-18: records from given offsets on; waits until there are enough of them or the time is over.
//   3  a bound for the whole answer; the first batch comes whole whatever its size (KIP-74)
//   4  isolation level, last stable offset, aborted transactions (KIP-98)
//   5  log start offset      7  sessions (KIP-227)      9  current leader epoch (KIP-320)
//  11  rack and preferred replica (KIP-392)            12  flexible; diverging epoch (KIP-595)
//  13  topics by id (KIP-516)                          16  endpoints of new leaders (KIP-951)
// Records are never null, also on an error: librdkafka and Sarama cannot read it (KAFKA-18646). Up to version 3 what is stored
// is converted down to the message format of those days, as Kafka 3.9 does.

struct Fetch: APIHandler {
    static let versions: ClosedRange<Int16> = 0...18

    let partitions: ServedPartitions
    let sessions: FetchSessionCache
    let workers: WorkerPool
    let fetchMaxBytes: Int
    let identity: BrokerIdentity

    func handle(_ request: FetchRequest, from caller: Caller, reply: consuming Reply) {
        let version = caller.version
        let terms = FetchTerms(request, version: version, fetchMaxBytes: fetchMaxBytes)
        let context: FetchContext
        let own = OwnEndpoint(identity: identity, listener: caller.client.listener)
        switch resolve(request, version: version, own, at: caller.now) {
        case .success(let resolved): context = resolved
        case .failure(let refusal):
            var response = FetchResponse()
            response.errorCode = refusal.errorCode
            reply.send(response)
            return
        }
        let reading = partitions.current.read(context.targets, terms, mayWait: false)
        if !reading.mustWait, context.targets.isEmpty || request.maxWaitMs <= 0 || reading.isEnough(for: terms) {
            context.send(reading, terms, on: caller.desk, reply)
            return
        }
        let pending = PendingFetch(
            context, terms, in: partitions, workers: workers, desk: caller.desk,
            until: caller.now.advanced(byMs: request.maxWaitMs), reply: reply)
        pending.begin(needsWorker: reading.mustWait)
    }

    private struct Refusal: Error { let errorCode: Int16 }

    /// The epoch of a request outside of sessions.
    private static let finalEpoch: Int32 = -1

    /// Which partitions are meant, and what session that belongs to (KIP-227's table of session ids and epochs).
    private func resolve(
        _ request: FetchRequest, version: Int16, _ own: OwnEndpoint, at now: MonotonicTime
    ) -> Result<FetchContext, Refusal> {
        let id = request.sessionId, epoch = request.sessionEpoch
        if epoch == 0 || epoch == Self.finalEpoch {
            // A full fetch. It ends the session that it names; with epoch 0 it asks for a new one.
            if id != 0 { sessions.close(id) }
            let targets = request.targets(version: version)
            guard epoch == 0, version >= 7 else {
                return .success(FetchContext(targets: targets, session: nil, kind: .sessionless, own: own))
            }
            let session = sessions.open(targets, usesTopicIds: version >= 13, at: now)
            return .success(FetchContext(targets: targets, session: session, kind: .first, own: own))
        }
        guard id != 0, let session = sessions.find(id, at: now) else {
            return .failure(Refusal(errorCode: ErrorCode.fetchSessionIdNotFound.rawValue))
        }
        guard session.usesTopicIds == (version >= 13) else {
            return .failure(Refusal(errorCode: ErrorCode.fetchSessionTopicIdError.rawValue))
        }
        let targets: [FetchTarget]? = session.state.withLock { state in
            guard state.epoch == epoch else { return nil }
            state.advanceEpoch()
            state.update(request, version: version)
            return state.targets
        }
        guard let targets else { return .failure(Refusal(errorCode: ErrorCode.invalidFetchSessionEpoch.rawValue)) }
        if targets.isEmpty {
            // A session of which nothing is left is over.
            sessions.close(id)
            return .success(FetchContext(targets: [], session: nil, kind: .sessionless, own: own))
        }
        return .success(FetchContext(targets: targets, session: session, kind: .incremental, own: own))
    }
}
