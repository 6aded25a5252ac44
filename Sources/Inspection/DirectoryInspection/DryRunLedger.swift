internal import Files
internal import Synchronization

/// What happened on a dry run's disk.
final class DryRunLedger: Sendable {
    enum Change: Equatable {
        case makes(String)
        case writes(String)
        case cuts(String, from: Int64, to: Int64)
        case removes(String)
        case renames(String, to: String)
    }

    private struct State {
        var changes: [Change] = []
        /// Files that have a `writes` among the changes: many writes are one.
        var written: Set<String> = []
        var heldBytes = 0
        /// What was read of the segments in each folder: bytes.
        var readByDirectory: [String: Int64] = [:]
    }

    private let state = Mutex(State())

    var changes: [Change] { state.withLock { $0.changes } }

    /// What was read of the segments in a folder: bytes.
    func bytesRead(below directory: String) -> Int64 { state.withLock { $0.readByDirectory[directory] ?? 0 } }

    func note(_ change: Change) {
        state.withLock { state in
            if case .writes(let path) = change, !state.written.insert(path).inserted { return }
            state.changes.append(change)
        }
    }

    /// A file that is replaced by way of another name is written; the other name is of no interest.
    func forget(temporary path: String) {
        state.withLock { state in
            for change in [Change.writes(path), .makes(path)] {
                if let place = state.changes.lastIndex(of: change) { state.changes.remove(at: place) }
            }
            state.written.remove(path)
        }
    }

    func noteRead(_ path: String, _ count: Int) {
        guard path.hasSuffix(".log") else { return }
        state.withLock { $0.readByDirectory[path.parentPath, default: 0] += Int64(count) }
    }

    /// So many bytes more are kept in memory.
    func hold(_ bytes: Int, for path: String) throws(FileError) {
        let held = state.withLock { state in
            state.heldBytes += bytes
            return state.heldBytes
        }
        // ENOMEM: what a start would write is more than a dry run can keep.
        if held > InspectionLimits.dryRunBytes { throw FileError(.write, path, code: 12) }
    }
}
