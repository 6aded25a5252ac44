/// How a file is opened. A file for writing can be read as well.
public enum OpenMode: Sendable {
    case read
    /// It must exist.
    case readWrite
    /// It is made where it is missing.
    case create
    /// What it held is gone.
    case replace
}

/// What stands under a path.
public struct FileStatus: Sendable, Equatable {
    public var isDirectory: Bool
    public var size: Int64
    public var modifiedMs: Int64

    public init(isDirectory: Bool, size: Int64, modifiedMs: Int64) {
        self.isDirectory = isDirectory
        self.size = size
        self.modifiedMs = modifiedMs
    }
}

/// A lock on a file that other processes respect (Apache Kafka's too); it ends with the last reference.
open class FileLock: @unchecked Sendable {  // nothing changes after it is made
    public init() {}
}

/// Where files come from. The broker has `PosixFileSystem`; a simulation has a disk that fails on demand.
open class FileSystem: @unchecked Sendable {  // subclasses guard what they keep
    public init() {}

    open func open(_ path: String, _ mode: OpenMode) throws(FileError) -> File { fatalError("a subclass answers") }

    /// nil where nothing stands under the path.
    open func status(_ path: String) throws(FileError) -> FileStatus? { fatalError("a subclass answers") }

    /// The names in a directory, sorted, without `.` and `..`.
    open func list(_ directory: String) throws(FileError) -> [String] { fatalError("a subclass answers") }

    /// Makes one directory; one that is there already is fine.
    open func makeDirectory(_ path: String) throws(FileError) { fatalError("a subclass answers") }

    /// Takes the place of what stands under the new name.
    open func rename(_ path: String, to newPath: String) throws(FileError) { fatalError("a subclass answers") }

    /// Removes a file; one that is not there is fine.
    open func remove(_ path: String) throws(FileError) { fatalError("a subclass answers") }

    /// Removes an empty directory; one that is not there is fine.
    open func removeDirectory(_ path: String) throws(FileError) { fatalError("a subclass answers") }

    /// Names that were made, changed or removed in the directory are on the disk when this returns.
    open func syncDirectory(_ path: String) throws(FileError) { fatalError("a subclass answers") }

    /// nil where somebody else holds it. The file is made where it is missing.
    open func lock(_ path: String) throws(FileError) -> FileLock? { fatalError("a subclass answers") }

    /// The process that holds the lock on a file (0: one that is not known here), nil where nobody does. Takes no lock itself, and
    /// needs no right to write. Files of a simulation are locked by nobody.
    open func lockHolder(_ path: String) throws(FileError) -> Int32? { nil }

    /// Names the time since the machine started, nil where that is not known: what was written in it is in the page cache,
    /// whichever process wrote it and however that ended.
    open var uptimeName: String? { nil }

    /// The size of the file system that holds the path, and what is free of it for us, in bytes.
    open func space(_ path: String) throws(FileError) -> (total: Int64, usable: Int64) { fatalError("a subclass answers") }
}

extension FileSystem {
    /// Makes a directory and those above it.
    package func makeDirectories(_ path: String) throws(FileError) {
        if try status(path) != nil { return }
        let parent = path.parentPath
        if parent != path, !parent.isEmpty { try makeDirectories(parent) }
        try makeDirectory(path)
        if !parent.isEmpty { try syncDirectory(parent) }
    }

    /// A whole small file, at most `limit` bytes of it; nil where there is none.
    package func contents(_ path: String, limit: Int) throws(FileError) -> [UInt8]? {
        do throws(FileError) {
            let file = try open(path, .read)
            return try file.bytes(at: 0, count: min(limit, Int(try file.size())))
        } catch where error.isNotFound {
            return nil
        }
    }

    /// Replaces a small file in one step: a crash leaves the old one or the new one. `durably` also waits for the disk. Two threads
    /// that may replace the same file at once give different temporary suffixes, each ending with `.tmp`.
    package func replace(
        _ path: String, with bytes: [UInt8], durably: Bool, temporarySuffix: String = ".tmp"
    ) throws(FileError) {
        let temporary = path + temporarySuffix
        let file = try open(temporary, .replace)
        try file.write(bytes, at: 0)
        if durably { try file.sync() }
        try rename(temporary, to: path)
        if durably { try syncDirectory(path.parentPath) }
    }

    /// Removes a directory and what is in it, to a depth that a partition's directory never has.
    package func removeTree(_ path: String, depth: Int = 4) throws(FileError) {
        for name in try list(path) {
            let inner = path + "/" + name
            if depth > 0, try status(inner)?.isDirectory == true {
                try removeTree(inner, depth: depth - 1)
            } else {
                try remove(inner)
            }
        }
        try removeDirectory(path)
    }
}

extension String {
    /// The path without its last component; `.` for a relative path of one component.
    package var parentPath: String {
        var end = endIndex
        while end > startIndex, self[index(before: end)] == "/" { end = index(before: end) }
        guard let slash = self[..<end].lastIndex(of: "/") else { return "." }
        return slash == startIndex ? "/" : String(self[..<slash])
    }
}
