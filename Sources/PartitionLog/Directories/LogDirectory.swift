package import Files
package import KafkaWire
internal import Synchronization
internal import Telemetry

/// One of `log.dirs`. A failure of its disk takes it offline until the next start, as in Kafka; the others go on.
package final class LogDirectory: Sendable {
    package let path: String
    /// `directory.id` of meta.properties.
    package let id: Uuid
    private let online = Atomic<Bool>(true)
    let pace = DirectoryPace()
    /// A recovery point has moved since the checkpoint was written.
    let recoveryPointsMoved = Atomic<Bool>(false)
    private let state: Mutex<State>
    /// What stands in the checkpoint files, for who writes them: one at a time, since all write a file by way of the same `.tmp`.
    let checkpoints = Mutex<[OffsetCheckpoint.Kind: [UInt8]]>([:])

    private struct State {
        var lock: FileLock?
        var writeRecoveryPoints: (@Sendable () throws(FileError) -> Void)?
        /// Why it is offline.
        var failure: LogError?
    }

    package init(path: String, id: Uuid, lock: FileLock? = nil) {
        self.path = path
        self.id = id
        state = Mutex(State(lock: lock))
    }

    /// One that a start cannot read or write; nobody knows its id.
    init(broken path: String, _ failure: LogError) {
        self.path = path
        id = .zero
        state = Mutex(State())
        fail(failure)
        state.withLock { $0.failure = failure }
        online.store(false, ordering: .releasing)
    }

    package var isOnline: Bool { online.load(ordering: .acquiring) }

    func fail(_ error: FileError) { fail(LogError(error)) }

    // Inlined into `removeDeleted`, this crashes the optimizer of Swift 6.3.1 (CopyPropagation).
    @inline(never)
    func fail(_ error: LogError) {
        // Then the one request fails.
        if error.isOfProcess { return }
        guard online.exchange(false, ordering: .acquiringAndReleasing) else { return }
        state.withLock { $0.failure = error }
        Logger("log").error(
            "log directory is offline until the next start: its disk failed", ["directory": path, "error": error])
    }

    /// Who keeps the directory's checkpoints says how they are written.
    func keepsRecoveryPoints(_ write: @escaping @Sendable () throws(FileError) -> Void) {
        state.withLock { $0.writeRecoveryPoints = write }
    }

    /// For a recovery point that falls: the file must not say more than is true once something else stands there.
    func writeRecoveryPoints() throws(FileError) {
        guard let write = state.withLock({ $0.writeRecoveryPoints }) else { return }
        try write()
    }

    /// The first thing that went wrong, where it is offline.
    var failure: LogError? { state.withLock { $0.failure } }

    func unlock() { state.withLock { $0.lock = nil } }
}
