internal import CJackdaw
internal import Glibc

/// A file of the system underneath.
final class PosixFile: File, @unchecked Sendable {  // the descriptor never changes, and the kernel orders the calls
    private let descriptor: Int32

    init(path: String, descriptor: Int32) {
        self.descriptor = descriptor
        super.init(path: path)
    }

    deinit { close(descriptor) }

    public override func read(
        into buffer: UnsafeMutableRawBufferPointer, at offset: Int64
    ) throws(FileError) -> Int {
        guard let base = buffer.baseAddress else { return 0 }
        var done = 0
        while done < buffer.count {
            let got = pread(descriptor, base + done, buffer.count - done, off_t(offset) + done)
            if got == 0 { break }
            if got < 0 {
                if errno == EINTR { continue }
                throw FileError(.read, path, code: errno)
            }
            done += got
        }
        return done
    }

    public override func readWithoutWaiting(
        into buffer: UnsafeMutableRawBufferPointer, at offset: Int64
    ) throws(FileError) -> Int? {
        guard let base = buffer.baseAddress, buffer.count > 0 else { return 0 }
        while true {
            let got = jd_pread_nowait(descriptor, base, buffer.count, offset)
            if got >= 0 { return got }
            switch errno {
            case EINTR: continue
            case EAGAIN: return nil
            // A file system that cannot tell (some network and overlay ones): there reading waits as it must.
            case EOPNOTSUPP, ENOSYS, EINVAL: return try read(into: buffer, at: offset)
            default: throw FileError(.read, path, code: errno)
            }
        }
    }

    public override func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(FileError) {
        guard let base = bytes.baseAddress else { return }
        var done = 0
        while done < bytes.count {
            let put = pwrite(descriptor, base + done, bytes.count - done, off_t(offset) + done)
            if put < 0 {
                if errno == EINTR { continue }
                throw FileError(.write, path, code: errno)
            }
            // A write of nothing says that the file can take no more; Linux reports ENOSPC on the next call, if at all.
            if put == 0 { throw FileError(.write, path, code: ENOSPC) }
            done += put
        }
    }

    public override func sync() throws(FileError) {
        // fdatasync writes the size as well, which is all of the metadata that a reader needs.
        while fdatasync(descriptor) != 0 {
            if errno != EINTR { throw FileError(.sync, path, code: errno) }
        }
    }

    public override func truncate(to size: Int64) throws(FileError) {
        while ftruncate(descriptor, off_t(size)) != 0 {
            if errno != EINTR { throw FileError(.truncate, path, code: errno) }
        }
    }

    public override func size() throws(FileError) -> Int64 {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw FileError(.status, path, code: errno) }
        return Int64(status.st_size)
    }

    public override func send(to socket: Int32, from offset: Int64, count: Int) throws(FileError) -> Int? {
        var position = off_t(offset)
        while true {
            let sent = sendfile(socket, descriptor, &position, count)
            if sent >= 0 { return sent }
            if errno == EAGAIN { return nil }
            if errno != EINTR { throw FileError(.send, path, code: errno) }
        }
    }

    public override func prefetch(from offset: Int64, count: Int) { jd_readahead(descriptor, offset, count) }
}
