internal import Glibc

/// An operation on a file that the system refused: which one, where, and errno.
public struct FileError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Operation: String, Sendable {
        case open, read, write, sync, truncate, status, list, makeDirectory, rename, remove, lock, send
    }

    public var operation: Operation
    public var path: String
    public var code: Int32

    public init(_ operation: Operation, _ path: String, code: Int32) {
        self.operation = operation
        self.path = path
        self.code = code
    }

    /// The disk is full, or the user's share of it.
    public var isNoSpace: Bool { code == ENOSPC || code == EDQUOT }
    public var isNotFound: Bool { code == ENOENT }
    /// The process, or the system, has no more file descriptors.
    public var isTooManyOpenFiles: Bool { code == EMFILE || code == ENFILE }

    public var description: String { "\(operation.rawValue) \(path): \(String(cString: strerror(code)))" }
}
