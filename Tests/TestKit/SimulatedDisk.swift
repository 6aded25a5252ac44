package import Files
internal import Glibc
internal import Synchronization

/// A generator that gives the same numbers for the same seed (SplitMix64).
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    package mutating func chance(_ probability: Double) -> Bool { Double.random(in: 0..<1, using: &self) < probability }
}

/// A disk in memory that behaves as badly as a real one may, and the same way again for the same seed.
///
/// Until `sync` a write may be lost, whole or by sectors, whatever was written after it; until `syncDirectory` the last of the names
/// that were made, changed or removed in a directory may be lost (in order: file systems keep a journal of names). After `crash`
/// that is what is left. Between crashes it may refuse calls, or have no space, or nothing in its cache.
package final class SimulatedDisk: FileSystem, @unchecked Sendable {  // all state is behind the mutex
    /// A part of the disk that is broken, or full.
    package struct Trouble: Sendable {
        /// Everything below this path.
        package var path: String
        /// EIO or ENOSPC.
        package var code: Int32
        /// That a call which changes something fails, or one which reads, too.
        package var probability: Double
        package var alsoReads = false
        /// Calls that go well all the same.
        package var spares: Set<FileError.Operation> = []

        package init(path: String, code: Int32, probability: Double, alsoReads: Bool = false) {
            self.path = path
            self.code = code
            self.probability = probability
            self.alsoReads = alsoReads
        }
    }

    package struct Faults: Sendable {
        /// That a call which writes fails with EIO.
        package var writeError = 0.0
        package var trouble: Trouble?
        /// That a read fails with EIO.
        package var readError = 0.0
        /// That reading without waiting finds nothing in the cache.
        package var coldRead = 0.0
        /// How many bytes fit; writes beyond get ENOSPC, after what fits was written.
        package var capacity = Int.max
        /// Writes of files below this path take so long: the clock moves.
        package var slowWrites: (path: String, clock: ManualClock, ms: Int64)?
        /// After so many calls the machine stops: that call and all later ones fail.
        package var crashAfterCalls: Int?
        /// What a faulty implementation would do: forget to wait for the disk. For canaries.
        package var ignoresFileSync = false
        package var ignoresDirectorySync = false
        /// What an implementation would see that does not look at the results of writing and syncing. For canaries.
        package var hidesFailures = false

        package init() {}
    }

    struct State {
        var generator: SeededGenerator
        var faults = Faults()
        var hasStopped = false
        var root = SimulatedDirectory()
        var locks: Set<String> = []
        var usedBytes = 0
        var calls = 0
        var startups = 1
    }

    static let sectorBytes = 512
    private let state: Mutex<State>

    package init(seed: UInt64) { state = Mutex(State(generator: SeededGenerator(seed: seed))) }

    package var faults: Faults {
        get { state.withLock { $0.faults } }
        set { state.withLock { $0.faults = newValue } }
    }
    /// Whether `crashAfterCalls` has come.
    package var hasStopped: Bool { state.withLock { $0.hasStopped } }
    package var calls: Int { state.withLock { $0.calls } }

    /// Power is lost and comes back: what was not synced is there or not, as the seed wants it.
    package func crash() {
        state.withLock { state in
            state.root.crash(&state.generator)
            state.startups += 1
            state.restart()
        }
    }

    /// Only the process ends: everything that was written is there.
    package func killProcess() {
        state.withLock { state in
            state.root.restart()
            state.restart()
        }
    }

    /// Every file of a directory with its bytes, without a call that counts or fails: for the test's own eyes.
    package func look(into directory: String) -> [(name: String, bytes: [UInt8])] {
        state.withLock { state in
            guard case .directory(let found) = state.node(directory) else { return [] }
            return found.children.sorted { $0.key < $1.key }.compactMap { name, node in
                if case .file(let inode) = node { (name, inode.content) } else { nil }
            }
        }
    }

    // MARK: FileSystem

    public override func open(_ path: String, _ mode: OpenMode) throws(FileError) -> File {
        try perform(.open, path) { state throws(FileError) in
            let (directory, name) = try state.directory(above: path, .open)
            let isNew: Bool
            switch directory.children[name] {
            case .file(let inode):
                if mode == .replace {
                    inode.truncate(to: 0, sector: Self.sectorBytes)
                }
                return SimulatedFile(path: path, inode: inode, disk: self)
            case .directory: throw FileError(.open, path, code: EISDIR)
            case nil: isNew = mode == .create || mode == .replace
            }
            guard isNew else { throw FileError(.open, path, code: ENOENT) }
            if let code = state.troubles(.open, path) { throw FileError(.open, path, code: code) }
            let inode = SimulatedInode()
            directory.change([(name, .file(inode))])
            return SimulatedFile(path: path, inode: inode, disk: self)
        }
    }

    public override func status(_ path: String) throws(FileError) -> FileStatus? {
        try perform(.status, path) { state throws(FileError) in
            switch state.node(path) {
            case .file(let inode): FileStatus(isDirectory: false, size: Int64(inode.content.count), modifiedMs: 0)
            case .directory: FileStatus(isDirectory: true, size: 0, modifiedMs: 0)
            case nil: nil
            }
        }
    }

    public override func list(_ directory: String) throws(FileError) -> [String] {
        try perform(.list, directory) { state throws(FileError) in
            guard case .directory(let found) = state.node(directory) else { throw FileError(.list, directory, code: ENOENT) }
            return found.children.keys.sorted()
        }
    }

    public override func makeDirectory(_ path: String) throws(FileError) {
        try perform(.makeDirectory, path, writes: true) { state throws(FileError) in
            let (directory, name) = try state.directory(above: path, .makeDirectory)
            if directory.children[name] == nil { directory.change([(name, .directory(SimulatedDirectory()))]) }
        }
    }

    public override func rename(_ path: String, to newPath: String) throws(FileError) {
        try perform(.rename, path, writes: true) { state throws(FileError) in
            let (from, name) = try state.directory(above: path, .rename)
            let (to, newName) = try state.directory(above: newPath, .rename)
            guard let node = from.children[name] else { throw FileError(.rename, path, code: ENOENT) }
            guard from === to else { throw FileError(.rename, path, code: EXDEV) }
            from.change([(name, nil), (newName, node)])
        }
    }

    public override func remove(_ path: String) throws(FileError) {
        try perform(.remove, path, writes: true) { state throws(FileError) in
            let (directory, name) = try state.directory(above: path, .remove)
            if directory.children[name] != nil { directory.change([(name, nil)]) }
        }
    }

    public override func removeDirectory(_ path: String) throws(FileError) {
        try perform(.remove, path, writes: true) { state throws(FileError) in
            let (directory, name) = try state.directory(above: path, .remove)
            if case .directory(let found) = directory.children[name] {
                guard found.children.isEmpty else { throw FileError(.remove, path, code: ENOTEMPTY) }
                directory.change([(name, nil)])
            }
        }
    }

    public override func syncDirectory(_ path: String) throws(FileError) {
        try perform(.sync, path, writes: true) { state throws(FileError) in
            guard case .directory(let found) = state.node(path) else { throw FileError(.sync, path, code: ENOENT) }
            if !state.faults.ignoresDirectorySync { found.sync() }
        }
    }

    public override func lock(_ path: String) throws(FileError) -> FileLock? {
        _ = try open(path, .create)
        return state.withLock { $0.locks.insert(path).inserted } ? SimulatedLock(path: path, disk: self) : nil
    }

    public override var uptimeName: String? { state.withLock { "uptime \($0.startups)" } }

    public override func space(_ path: String) throws(FileError) -> (total: Int64, usable: Int64) {
        state.withLock { (Int64($0.faults.capacity), Int64(max(0, $0.faults.capacity - $0.usedBytes))) }
    }

    func unlock(_ path: String) { state.withLock { _ = $0.locks.remove(path) } }

    // MARK: what files ask

    /// Counts the call, and fails it where the faults want that.
    func perform<R>(
        _ operation: FileError.Operation, _ path: String, writes: Bool = false,
        _ body: (inout State) throws(FileError) -> R
    ) throws(FileError) -> R {
        // The state is confined to this lock, and the bodies are this file's own.
        nonisolated(unsafe) let body = body
        let result = state.withLock { state -> Box<R> in
            do throws(FileError) {
                try state.count(operation, path, writes: writes)
                return Box(.success(try body(&state)))
            } catch {
                return Box(.failure(error))
            }
        }
        return try result.value.get()
    }
}

/// A result on its way out of a lock.
private struct Box<R>: @unchecked Sendable {  // it is made under the lock and used by one caller alone
    let value: Result<R, FileError>
    init(_ value: Result<R, FileError>) { self.value = value }
}

extension SimulatedDisk.State {
    mutating func count(_ operation: FileError.Operation, _ path: String, writes: Bool) throws(FileError) {
        calls += 1
        if hasStopped { throw FileError(operation, path, code: EIO) }
        if let left = faults.crashAfterCalls {
            if left <= 0 {
                hasStopped = true
                throw FileError(operation, path, code: EIO)
            }
            faults.crashAfterCalls = left - 1
        }
        if writes, let code = troubles(operation, path) { throw FileError(operation, path, code: code) }
        if writes, faults.writeError > 0, generator.chance(faults.writeError) { throw FileError(operation, path, code: EIO) }
        if faults.trouble?.alsoReads == true, [.read, .status, .list].contains(operation), troubles(operation, path) != nil {
            throw FileError(operation, path, code: EIO)
        }
        if operation == .read, faults.readError > 0, generator.chance(faults.readError) {
            throw FileError(operation, path, code: EIO)
        }
    }

    /// With what a call that changes something fails, if it does.
    mutating func troubles(_ operation: FileError.Operation, _ path: String) -> Int32? {
        guard let trouble = faults.trouble, !trouble.spares.contains(operation), path == trouble.path || path.hasPrefix(trouble.path + "/"),
            generator.chance(trouble.probability)
        else { return nil }
        return trouble.code
    }

    mutating func syncFailure(_ path: String) -> Int32? {
        if let code = troubles(.sync, path) { return code }
        return faults.writeError > 0 && generator.chance(faults.writeError) ? EIO : nil
    }

    mutating func restart() {
        hasStopped = false
        faults.crashAfterCalls = nil
        locks = []
        usedBytes = root.bytes
    }

    func node(_ path: String) -> SimulatedNode? {
        var node = SimulatedNode.directory(root)
        for name in path.split(separator: "/") {
            guard case .directory(let directory) = node, let next = directory.children[String(name)] else { return nil }
            node = next
        }
        return node
    }

    func directory(above path: String, _ operation: FileError.Operation) throws(FileError) -> (SimulatedDirectory, String) {
        guard case .directory(let directory) = node(path.parentPath), let name = path.split(separator: "/").last else {
            throw FileError(operation, path, code: ENOENT)
        }
        return (directory, String(name))
    }
}

private final class SimulatedLock: FileLock, @unchecked Sendable {  // nothing changes after it is made
    private let path: String
    private let disk: SimulatedDisk

    init(path: String, disk: SimulatedDisk) {
        self.path = path
        self.disk = disk
    }

    deinit { disk.unlock(path) }
}
