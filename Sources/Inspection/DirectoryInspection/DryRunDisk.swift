internal import Files
internal import Synchronization

/// A file system in which everything can be changed and nothing is: changes are kept in memory over files that are only read.
/// What a start does to a directory is found out by letting it do it here.
final class DryRunDisk: FileSystem, @unchecked Sendable {  // the state has its lock
    private enum Entry {
        case file(DryRunFile)
        case directory
        case removed
    }

    private let base: FileSystem
    private let entries = Mutex<[String: Entry]>([:])
    /// What happened.
    let ledger = DryRunLedger()

    init(over base: FileSystem) {
        self.base = base
        super.init()
    }

    private func entry(_ path: String) -> Entry? { entries.withLock { $0[path] } }

    override func open(_ path: String, _ mode: OpenMode) throws(FileError) -> File {
        let known = entry(path)
        switch known {
        case .file(let file):
            if mode == .replace { try file.truncate(to: 0) }
            return file
        case .directory: throw FileError(.open, path, code: 21)
        case .removed, nil: break
        }
        var under: File?
        if known == nil {
            do throws(FileError) {
                under = try base.open(path, .read)
            } catch  where error.isNotFound {
            }
        }
        if under == nil, mode == .read || mode == .readWrite { throw FileError(.open, path, code: 2) }
        let size = mode == .replace ? 0 : try under?.size() ?? 0
        if under == nil { ledger.note(.makes(path)) } else if mode == .replace { ledger.note(.writes(path)) }
        let file = DryRunFile(path: path, over: under, size: size, ledger)
        if mode != .read { entries.withLock { $0[path] = .file(file) } }
        return file
    }

    override func status(_ path: String) throws(FileError) -> FileStatus? {
        switch entry(path) {
        case .removed: return nil
        case .directory: return FileStatus(isDirectory: true, size: 0, modifiedMs: 0)
        case .file(let file):
            let before = try base.status(path)
            return FileStatus(isDirectory: false, size: try file.size(), modifiedMs: before?.modifiedMs ?? 0)
        case nil: return try base.status(path)
        }
    }

    override func list(_ directory: String) throws(FileError) -> [String] {
        var names: Set<String> = []
        do throws(FileError) {
            names = Set(try base.list(directory))
        } catch  where error.isNotFound {
            guard case .directory = entry(directory) else { throw error }
        }
        for (path, entry) in entries.withLock({ $0 }) where path.parentPath == directory {
            if case .removed = entry {
                names.remove(path.lastPathComponent)
            } else {
                names.insert(path.lastPathComponent)
            }
        }
        return names.sorted()
    }

    override func makeDirectory(_ path: String) throws(FileError) {
        guard try status(path) == nil else { return }
        ledger.note(.makes(path))
        entries.withLock { $0[path] = .directory }
    }

    override func rename(_ path: String, to newPath: String) throws(FileError) {
        guard let found = try status(path) else { throw FileError(.rename, path, code: 2) }
        // A folder that is renamed is one that is deleted later; a start renames files alone.
        guard !found.isDirectory else { throw FileError(.rename, path, code: 21) }
        guard let file = try open(path, .readWrite) as? DryRunFile else { throw FileError(.rename, path, code: 2) }
        if path == newPath + ".tmp" || path == newPath + ".part" {
            ledger.forget(temporary: path)
            ledger.note(.writes(newPath))
        } else {
            ledger.note(.renames(path, to: newPath))
        }
        entries.withLock { entries in
            entries[path] = .removed
            entries[newPath] = .file(file)
        }
    }

    override func remove(_ path: String) throws(FileError) {
        guard try status(path) != nil else { return }
        ledger.note(.removes(path))
        entries.withLock { $0[path] = .removed }
    }

    override func removeDirectory(_ path: String) throws(FileError) { try remove(path) }
    override func syncDirectory(_ path: String) throws(FileError) {}
    override func lock(_ path: String) throws(FileError) -> FileLock? { FileLock() }
    override func lockHolder(_ path: String) throws(FileError) -> Int32? { try base.lockHolder(path) }
    override var uptimeName: String? { base.uptimeName }
    override func space(_ path: String) throws(FileError) -> (total: Int64, usable: Int64) { try base.space(path) }
}

/// A file of a dry run: what stands on the disk, and over it the pages that were written.
final class DryRunFile: File, @unchecked Sendable {  // the state has its lock
    private static let page = 4096

    private struct State {
        /// What of the file underneath is still to be seen.
        var underSize: Int64
        var size: Int64
        var pages: [Int64: [UInt8]] = [:]
    }

    private let under: File?
    private let state: Mutex<State>
    private let ledger: DryRunLedger

    init(path: String, over under: File?, size: Int64, _ ledger: DryRunLedger) {
        self.under = under
        self.ledger = ledger
        state = Mutex(State(underSize: size, size: size))
        super.init(path: path)
    }

    override func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(FileError) -> Int {
        let (underSize, size, pages) = state.withLock { ($0.underSize, $0.size, $0.pages) }
        let count = Int(max(0, min(Int64(buffer.count), size - offset)))
        guard count > 0 else { return 0 }
        let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
        let fromUnder = Int(max(0, min(Int64(count), underSize - offset)))
        var got = 0
        if let under, fromUnder > 0 {
            got = try under.read(into: UnsafeMutableRawBufferPointer(rebasing: piece[..<fromUnder]), at: offset)
        }
        for place in got..<count { piece[place] = 0 }
        if !pages.isEmpty {
            var page = offset / Int64(Self.page)
            while page * Int64(Self.page) < offset + Int64(count) {
                if let bytes = pages[page] { Self.copy(bytes, of: page, to: piece, at: offset) }
                page += 1
            }
        }
        ledger.noteRead(path, count)
        return count
    }

    private static func copy(
        _ bytes: [UInt8], of page: Int64, to piece: UnsafeMutableRawBufferPointer, at offset: Int64
    ) {
        let start = page * Int64(Self.page)
        let from = max(start, offset), to = min(start + Int64(Self.page), offset + Int64(piece.count))
        for place in from..<to { piece[Int(place - offset)] = bytes[Int(place - start)] }
    }

    override func readWithoutWaiting(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(FileError)
        -> Int?
    {
        try read(into: buffer, at: offset)
    }

    override func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(FileError) {
        guard bytes.count > 0 else { return }
        ledger.note(.writes(path))
        var page = offset / Int64(Self.page)
        while page * Int64(Self.page) < offset + Int64(bytes.count) {
            var content = state.withLock { $0.pages[page] }
            if content == nil {
                try ledger.hold(Self.page, for: path)
                content = try wholePage(page)
            }
            let start = page * Int64(Self.page)
            let from = max(start, offset), to = min(start + Int64(Self.page), offset + Int64(bytes.count))
            for place in from..<to { content![Int(place - start)] = bytes[Int(place - offset)] }
            state.withLock { $0.pages[page] = content }
            page += 1
        }
        state.withLock { $0.size = max($0.size, offset + Int64(bytes.count)) }
    }

    private func wholePage(_ page: Int64) throws(FileError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Self.page)
        let start = page * Int64(Self.page)
        let left = Int(max(0, min(Int64(Self.page), state.withLock { $0.underSize } - start)))
        guard let under, left > 0 else { return bytes }
        let found = try under.bytes(at: start, count: left)
        bytes.replaceSubrange(0..<found.count, with: found)
        return bytes
    }

    override func truncate(to size: Int64) throws(FileError) {
        let before = state.withLock { $0.size }
        if size < before { ledger.note(.cuts(path, from: before, to: size)) }
        try clearLastPage(size)
        state.withLock { state in
            state.size = size
            state.underSize = min(state.underSize, size)
            state.pages = state.pages.filter { $0.key * Int64(Self.page) < size }
        }
    }

    /// What is cut off reads as zeros where the file grows again.
    private func clearLastPage(_ size: Int64) throws(FileError) {
        let page = size / Int64(Self.page)
        state.withLock { state in
            guard var bytes = state.pages[page] else { return }
            for place in Int(size - page * Int64(Self.page))..<Self.page { bytes[place] = 0 }
            state.pages[page] = bytes
        }
    }

    override func sync() throws(FileError) {}
    override func size() throws(FileError) -> Int64 { state.withLock { $0.size } }
    override func send(to socket: Int32, from offset: Int64, count: Int) throws(FileError) -> Int? { 0 }
}
