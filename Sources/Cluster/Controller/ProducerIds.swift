internal import KafkaMessages
internal import Synchronization

/// Gives out producer ids. They are stored in blocks before the first of a block is given: an id that was given twice would
/// lose data.
package final class ProducerIds: Sendable {
    private struct State {
        var next: Int64 = 0
        /// The first id behind the block.
        var end: Int64 = 0
        var waiting: [@Sendable (Result<Int64, MetadataError>) -> Void] = []
    }
    private let store: any MetadataStore
    private let nodeId: Int32
    private let state = Mutex(State())

    package init(store: any MetadataStore, nodeId: Int32) {
        self.store = store
        self.nodeId = nodeId
    }

    /// The next id: at once where the block has one, else when the next block is stored.
    package func next(_ completion: @escaping @Sendable (Result<Int64, MetadataError>) -> Void) {
        enum Next { case given(Int64), wait, ask }
        let next: Next = state.withLock { state in
            if state.next < state.end {
                defer { state.next += 1 }
                return .given(state.next)
            }
            state.waiting.append(completion)
            return state.waiting.count == 1 ? .ask : .wait
        }
        switch next {
        case .given(let id): completion(.success(id))
        case .wait: break
        case .ask: askForBlock()
        }
    }

    private func askForBlock() {
        let nodeId = nodeId
        store.change { image in
            var list = RecordList()
            // All ids that there can be were given out: nobody gets another one.
            guard image.nextProducerId >= 0, image.nextProducerId <= Int64.max - ClusterLimits.producerIdBlock else {
                return (list.records, Int64(-1))
            }
            var record = ProducerIdsRecord()
            record.brokerId = nodeId
            record.brokerEpoch = image.broker(nodeId)?.epoch ?? -1
            record.nextProducerId = image.nextProducerId + ClusterLimits.producerIdBlock
            list.append(record)
            return (list.records, image.nextProducerId)
        } completion: { [self] (result: Result<Int64, MetadataError>) in
            received(result)
        }
    }

    private func received(_ block: Result<Int64, MetadataError>) {
        let answers = state.withLock { state in
            defer { state.waiting = [] }
            switch block {
            case .failure: return state.waiting.map { ($0, block) }
            case .success(let first) where first < 0:
                return state.waiting.map { ($0, .failure(MetadataError(.unreadable, "no producer ids are left"))) }
            case .success(let first):
                state.next = first
                state.end = first + ClusterLimits.producerIdBlock
                let served = state.waiting.prefix(Int(ClusterLimits.producerIdBlock))
                state.next += Int64(served.count)
                // A thousand may wait for a block; whoever is behind them asks again.
                let late = state.waiting.dropFirst(served.count)
                return served.enumerated().map { ($1, .success(first + Int64($0))) }
                    + late.map { ($0, .failure(MetadataError(.storage, "too many wait for producer ids"))) }
            }
        }
        for (completion, result) in answers { completion(result) }
    }
}
