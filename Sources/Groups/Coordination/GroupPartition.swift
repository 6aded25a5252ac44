internal import KafkaMessages
internal import Synchronization

/// One partition of `__consumer_offsets` with the groups that it stores.
final class GroupPartition: Sendable {
    enum Status {
        /// Not led by this broker.
        case absent
        case loading(leaderEpoch: Int32)
        case active(leaderEpoch: Int32)
    }
    struct State {
        var status = Status.absent
        var groups = GroupTable()
        /// The groups that a transaction has written to and not ended in, by producer id.
        var transactions: [Int64: [Group]] = [:]
    }
    let index: Int32
    private let guarded = Mutex(State())

    init(index: Int32) { self.index = index }

    func withState<Result>(_ body: (inout State) -> Result) -> Result { guarded.withLock { body(&$0) } }

    enum Found {
        case group(Group)
        case nothing
        case refused(ErrorCode)
    }

    /// The group of this id, where the partition serves.
    func find(_ id: UnsafeRawBufferPointer, hash: Int32) -> Found {
        withState { state in
            switch state.status {
            case .absent: .refused(.notCoordinator)
            case .loading: .refused(.coordinatorLoadInProgress)
            case .active: state.groups.find(id, hash: hash).map { .group($0) } ?? .nothing
            }
        }
    }

    /// The group of this id, made if it is not there: for a request, which waits for the load, or for the load itself.
    func findOrMake(
        _ id: UnsafeRawBufferPointer, hash: Int32, whileLoading: Bool = false, _ make: () -> ClassicGroup
    ) -> (found: Found, isNew: Bool) {
        withState { state in
            switch state.status {
            case .absent: return (.refused(.notCoordinator), false)
            case .loading where !whileLoading: return (.refused(.coordinatorLoadInProgress), false)
            case .active, .loading: break
            }
            if let group = state.groups.find(id, hash: hash) { return (.group(group), false) }
            let group = Group(make(), hash: hash, partition: index)
            state.groups.insert(group)
            return (.group(group), true)
        }
    }

    /// Nil where the partition does not serve, or serves another epoch's log.
    var leaderEpoch: Int32? {
        withState { if case .active(let epoch) = $0.status { epoch } else { nil } }
    }

    /// All groups where the partition serves.
    func groups() -> (groups: [Group], error: ErrorCode) {
        withState { state in
            switch state.status {
            case .absent: ([], .notCoordinator)
            case .loading: ([], .coordinatorLoadInProgress)
            case .active: (state.groups.all, .none)
            }
        }
    }
}
