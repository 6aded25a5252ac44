internal import Files
internal import Synchronization

/// Bounds how many segment files stand open. Which one is closed is decided as by a clock's hand: the next that was not
/// used since the hand passed it last. A region on its way to a socket keeps its file open beyond that.
final class OpenFiles: Sendable {
    private struct Ring {
        var files: [Weak] = []
        var hand = 0
    }
    private struct Weak {
        weak var file: SegmentFile?
    }

    private let limit: Int
    private let ring = Mutex(Ring())

    init(limit: Int) { self.limit = max(limit, 1) }

    /// Takes a file that was just opened into account; closes another where there are too many.
    func admit(_ file: SegmentFile) {
        let victim = ring.withLock { ring -> SegmentFile? in
            guard ring.files.count >= limit else {
                ring.files.append(Weak(file: file))
                return nil
            }
            // At the second round every mark is gone, so the hand stops.
            for _ in 0..<(2 * ring.files.count) {
                ring.hand = (ring.hand + 1) % ring.files.count
                guard let candidate = ring.files[ring.hand].file, candidate.isOpen else { break }
                if !candidate.wasUsed() { break }
            }
            let victim = ring.files[ring.hand].file
            ring.files[ring.hand] = Weak(file: file)
            return victim
        }
        // Not under the ring's lock: closing takes the victim's own.
        if victim !== file { victim?.close() }
    }
}

/// One file of a segment: opened when it is used, closed when too many are, and followed when it is renamed.
final class SegmentFile: Sendable {
    private struct State {
        var path: String
        var file: File?
    }

    private let fileSystem: FileSystem
    private let openFiles: OpenFiles
    private let state: Mutex<State>
    private let used = Atomic<Bool>(false)

    init(path: String, fileSystem: FileSystem, openFiles: OpenFiles) {
        self.fileSystem = fileSystem
        self.openFiles = openFiles
        state = Mutex(State(path: path, file: nil))
    }

    var path: String { state.withLock { $0.path } }
    var isOpen: Bool { state.withLock { $0.file != nil } }

    /// The open file; `create` makes it where it is missing.
    func open(create: Bool = false) throws(FileError) -> File {
        used.store(true, ordering: .relaxed)
        let (found, path) = state.withLock { ($0.file, $0.path) }
        if let found { return found }
        let file = try fileSystem.open(path, create ? .create : .readWrite)
        let kept = state.withLock { state -> File in
            // Somebody else was faster, or the file has another name by now: then this one is only for this call.
            if let other = state.file { return other }
            if state.path == path { state.file = file }
            return file
        }
        if kept === file { openFiles.admit(self) }
        return kept
    }

    func close() { state.withLock { $0.file = nil } }

    /// Whether it was used since the last time this was asked.
    func wasUsed() -> Bool { used.exchange(false, ordering: .relaxed) }

    /// Renames it; those who have it open go on with it, and those who open it later find it under the new name.
    func rename(to newPath: String) throws(FileError) {
        try state.withLock { state throws(FileError) in
            guard state.path != newPath else { return }
            do throws(FileError) {
                try fileSystem.rename(state.path, to: newPath)
            } catch where error.isNotFound {
                // An index that was never written.
            }
            state.path = newPath
        }
    }

    /// Its directory has another name.
    func moved(from directory: String, to newDirectory: String) {
        state.withLock { state in
            if state.path.hasPrefix(directory + "/") {
                state.path = newDirectory + state.path.dropFirst(directory.utf8.count)
            }
        }
    }

    func remove() throws(FileError) {
        try state.withLock { state throws(FileError) in
            state.file = nil
            try fileSystem.remove(state.path)
        }
    }
}
