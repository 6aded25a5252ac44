/// A piece of a file that is to be sent. It holds the file open, also when the segment is deleted meanwhile.
package struct FileRegion: Sendable {
    package var file: File
    package var offset: Int64
    package var count: Int
    /// How many of its first bytes were read or written just now, and so lie in the page cache.
    package var recentBytes = 0

    package init(file: File, offset: Int64, count: Int) {
        self.file = file
        self.offset = offset
        self.count = count
    }

    /// Whether the page cache seems to have it: a byte at each end, read without waiting, where it is not known to be recent.
    package var isResident: Bool {
        if recentBytes >= count { return true }
        if recentBytes <= 0, !holds(offset) { return false }
        return count == 1 || holds(offset + Int64(count) - 1)
    }

    private func holds(_ position: Int64) -> Bool {
        var byte: UInt8 = 0
        return withUnsafeMutableBytes(of: &byte) { buffer in
            // An error shows when the region is sent; it is no reason to wait.
            do throws(FileError) { return try file.readWithoutWaiting(into: buffer, at: position) != nil } catch { return true }
        }
    }

    /// Brings it into the page cache and waits for that: for a worker, never for a loop.
    package func load() throws(FileError) {
        file.prefetch(from: offset, count: count)
        let stride = 256 * 1024
        let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: min(count, stride), alignment: 16)
        defer { scratch.deallocate() }
        var done = 0
        while done < count {
            let piece = UnsafeMutableRawBufferPointer(rebasing: scratch[0..<min(stride, count - done)])
            let got = try file.read(into: piece, at: offset + Int64(done))
            if got == 0 { return }
            done += got
        }
    }
}
