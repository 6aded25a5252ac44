internal import CJackdaw
internal import Glibc
internal import Synchronization

/// The system's own files.
package final class PosixFileSystem: FileSystem, @unchecked Sendable {  // it keeps nothing

    public override func open(_ path: String, _ mode: OpenMode) throws(FileError) -> File {
        PosixFile(path: path, descriptor: try Self.descriptor(path, mode))
    }

    private static func descriptor(_ path: String, _ mode: OpenMode) throws(FileError) -> Int32 {
        let flags =
            switch mode {
            case .read: O_RDONLY
            case .readWrite: O_RDWR
            case .create: O_RDWR | O_CREAT
            case .replace: O_RDWR | O_CREAT | O_TRUNC
            }
        while true {
            let descriptor = Glibc.open(path, flags | O_CLOEXEC, 0o644)
            if descriptor >= 0 { return descriptor }
            if errno != EINTR { throw FileError(.open, path, code: errno) }
        }
    }

    public override func status(_ path: String) throws(FileError) -> FileStatus? {
        var found = stat()
        guard stat(path, &found) == 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw FileError(.status, path, code: errno)
        }
        let modified = found.st_mtim
        return FileStatus(
            isDirectory: found.st_mode & S_IFMT == S_IFDIR, size: Int64(found.st_size),
            modifiedMs: Int64(modified.tv_sec) * 1000 + Int64(modified.tv_nsec) / 1_000_000)
    }

    public override func list(_ directory: String) throws(FileError) -> [String] {
        guard let stream = opendir(directory) else { throw FileError(.list, directory, code: errno) }
        defer { closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                if errno != 0 { throw FileError(.list, directory, code: errno) }
                return names.sorted()
            }
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
    }

    public override func makeDirectory(_ path: String) throws(FileError) {
        guard mkdir(path, 0o755) != 0 else { return }
        let code = errno
        if code == EEXIST, try status(path)?.isDirectory == true { return }
        throw FileError(.makeDirectory, path, code: code)
    }

    public override func rename(_ path: String, to newPath: String) throws(FileError) {
        guard Glibc.rename(path, newPath) == 0 else { throw FileError(.rename, path, code: errno) }
    }

    public override func remove(_ path: String) throws(FileError) {
        guard unlink(path) == 0 || errno == ENOENT else { throw FileError(.remove, path, code: errno) }
    }

    public override func removeDirectory(_ path: String) throws(FileError) {
        guard rmdir(path) == 0 || errno == ENOENT else { throw FileError(.remove, path, code: errno) }
    }

    public override func syncDirectory(_ path: String) throws(FileError) {
        let descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(.sync, path, code: errno) }
        defer { close(descriptor) }
        while fsync(descriptor) != 0 {
            // Some file systems cannot sync a directory and say so; there is nothing more that one could do.
            if errno == EINVAL { return }
            if errno != EINTR { throw FileError(.sync, path, code: errno) }
        }
    }

    public override func lock(_ path: String) throws(FileError) -> FileLock? {
        let descriptor = try Self.descriptor(path, .create)
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let code = errno
            close(descriptor)
            throw FileError(.lock, path, code: code)
        }
        let identity = LockIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
        // fcntl locks belong to the process: a second one of ours would succeed, and closing its file end the first.
        guard LockIdentity.held.withLock({ $0.take(identity) }) else {
            close(descriptor)
            return nil
        }
        let code = jd_lock_file(descriptor)
        if code == 0 { return PosixFileLock(descriptor: descriptor, identity: identity) }
        LockIdentity.held.withLock { $0.give(identity) }
        close(descriptor)
        if code == EAGAIN || code == EACCES { return nil }
        throw FileError(.lock, path, code: code)
    }

    public override func lockHolder(_ path: String) throws(FileError) -> Int32? {
        // Opened and closed by the process that holds it, the file would lose its lock.
        var found = stat()
        guard stat(path, &found) == 0 else { throw FileError(.lock, path, code: errno) }
        let identity = LockIdentity(device: UInt64(found.st_dev), inode: UInt64(found.st_ino))
        if LockIdentity.held.withLock({ $0.contains(identity) }) { return getpid() }
        let descriptor = try Self.descriptor(path, .read)
        defer { close(descriptor) }
        var holder: Int32 = 0
        let answer = jd_lock_holder(descriptor, &holder)
        if answer < 0 { throw FileError(.lock, path, code: errno) }
        return answer == 0 ? nil : holder
    }

    public override var uptimeName: String? { Self.bootId }

    /// Read once: every log asks for it, and it is the same as long as this process runs. The size of a file in /proc says nothing.
    private static let bootId: String? = {
        do throws(FileError) {
            let bytes = try PosixFileSystem().open("/proc/sys/kernel/random/boot_id", .read).bytes(at: 0, count: 64)
            return bytes.count >= 36 ? String(decoding: bytes[..<36], as: UTF8.self) : nil
        } catch {
            return nil
        }
    }()

    public override func space(_ path: String) throws(FileError) -> (total: Int64, usable: Int64) {
        var found = statvfs()
        guard statvfs(path, &found) == 0 else { throw FileError(.status, path, code: errno) }
        let unit = Int64(found.f_frsize)
        return (Int64(clamping: found.f_blocks) * unit, Int64(clamping: found.f_bavail) * unit)
    }
}

/// Which file is meant, whatever the path to it.
private struct LockIdentity: Equatable {
    var device: UInt64
    var inode: UInt64

    /// What this process holds: one a log directory.
    static let held = Mutex<[LockIdentity]>([])
}

extension [LockIdentity] {
    /// False: it is held already.
    fileprivate mutating func take(_ identity: LockIdentity) -> Bool {
        if contains(identity) { return false }
        append(identity)
        return true
    }

    fileprivate mutating func give(_ identity: LockIdentity) { removeAll { $0 == identity } }
}

private final class PosixFileLock: FileLock, @unchecked Sendable {  // nothing changes after it is made
    let descriptor: Int32
    let identity: LockIdentity

    init(descriptor: Int32, identity: LockIdentity) {
        self.descriptor = descriptor
        self.identity = identity
    }

    deinit {
        close(descriptor)
        LockIdentity.held.withLock { $0.give(identity) }
    }
}
