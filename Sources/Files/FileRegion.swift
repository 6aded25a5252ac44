/// A piece of a file that is to be sent. It holds the file open, also when the segment is deleted meanwhile.
package struct FileRegion: Sendable {
    package var file: File
    package var offset: Int64
    package var count: Int

    package init(file: File, offset: Int64, count: Int) {
        self.file = file
        self.offset = offset
        self.count = count
    }

    /// Whether the page cache seems to have it: a byte at each end, read without waiting.
    package var isResident: Bool {
        guard count > 0 else { return true }
        return holds(offset) && (count == 1 || holds(offset + Int64(count) - 1))
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
