/// An open file. Positions are given with each call, so that any number of threads may share one; it closes when the
/// last reference goes, which is why a region that is on its way to a socket needs no other guard than its reference.
open class File: @unchecked Sendable {  // subclasses guard what they keep; the path never changes
    public let path: String

    public init(path: String) { self.path = path }

    /// Reads until the buffer is full or the file ends; how many bytes there were.
    open func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(FileError) -> Int {
        fatalError("a subclass answers")
    }

    /// What the page cache has of it, at most the buffer's size; nil where reading would have to wait for the disk.
    open func readWithoutWaiting(
        into buffer: UnsafeMutableRawBufferPointer, at offset: Int64
    ) throws(FileError) -> Int? {
        fatalError("a subclass answers")
    }

    /// Writes all of it, or throws; what was written before the failure is unknown then.
    open func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(FileError) {
        fatalError("a subclass answers")
    }

    /// What was written before is on the disk when this returns.
    open func sync() throws(FileError) { fatalError("a subclass answers") }

    open func truncate(to size: Int64) throws(FileError) { fatalError("a subclass answers") }

    open func size() throws(FileError) -> Int64 { fatalError("a subclass answers") }

    /// Sends a piece to a socket without passing through user memory: how many bytes the socket took, nil where it
    /// takes none at the moment, 0 at the file's end.
    open func send(to socket: Int32, from offset: Int64, count: Int) throws(FileError) -> Int? {
        fatalError("a subclass answers")
    }

    /// Asks the system to bring a piece into the page cache, and waits for nothing.
    open func prefetch(from offset: Int64, count: Int) {}
}

extension File {
    /// Reads one piece as bytes; fewer where the file ends.
    package func bytes(at offset: Int64, count: Int) throws(FileError) -> [UInt8] {
        var failure: FileError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            do throws(FileError) {
                filled = try read(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }

    package func write(_ bytes: [UInt8], at offset: Int64) throws(FileError) {
        var failure: FileError?
        bytes.withUnsafeBytes { buffer in
            do throws(FileError) { try write(buffer, at: offset) } catch { failure = error }
        }
        if let failure { throw failure }
    }
}
