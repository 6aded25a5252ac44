internal import CZlib
internal import Glibc

/// Whole files, gzip or plain, with a bound on what is taken into memory.
package enum GzipFile {
    /// The largest file that is read, unpacked: far above any conversation, far below what a crafted archive could ask for.
    static let maximumBytes = 1 << 30

    /// Plain files read as they are.
    package static func read(_ path: String) throws -> [UInt8] {
        let (bytes, tear) = try readable(path)
        if let tear { throw tear }
        return bytes
    }

    /// What can be read of a file that ends too early or is broken further on, and what is wrong with it.
    static func readable(_ path: String) throws -> (bytes: [UInt8], tear: ConversationError?) {
        guard let file = gzopen(path, "rb") else { throw ConversationError(file: path, reason: systemError()) }
        defer { gzclose(file) }
        gzbuffer(file, 1 << 17)
        var out: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 17)
        while true {
            let count = gzread(file, &chunk, UInt32(chunk.count))
            if count == 0 { break }
            guard count > 0 else {
                return (out, ConversationError(file: path, reason: "not readable: \(problem(of: file, path))"))
            }
            out += chunk[0..<Int(count)]
            guard out.count <= maximumBytes else {
                throw ConversationError(file: path, reason: "larger than \(maximumBytes) bytes")
            }
        }
        // gzread takes a file that ends too early for a short one; only the error state knows.
        var code: Int32 = 0
        _ = gzerror(file, &code)
        if code != Z_OK, code != Z_STREAM_END {
            return (out, ConversationError(file: path, reason: "torn: \(problem(of: file, path))"))
        }
        return (out, nil)
    }

    /// Writes gzip where the name ends in `.gz`, else plain. The file appears whole or not at all.
    package static func write(_ bytes: [UInt8], to path: String) throws {
        let temporary = path + ".part"
        guard let file = gzopen(temporary, path.hasSuffix(".gz") ? "wb9" : "wbT") else {
            throw ConversationError(file: path, reason: systemError())
        }
        var written = true
        for start in stride(from: 0, to: bytes.count, by: 1 << 20) where written {
            let chunk = Array(bytes[start..<min(bytes.count, start + 1 << 20)])
            written = gzwrite(file, chunk, UInt32(chunk.count)) == Int32(chunk.count)
        }
        guard gzclose(file) == Z_OK, written, rename(temporary, path) == 0 else {
            let reason = systemError()
            unlink(temporary)
            throw ConversationError(file: path, reason: "not written: \(reason)")
        }
    }

    private static func problem(of file: gzFile, _ path: String) -> String {
        var code: Int32 = 0
        guard let text = gzerror(file, &code) else { return "error \(code)" }
        if code == Z_ERRNO { return systemError() }
        // zlib puts the name before it, as every message here does itself.
        let reason = String(cString: text)
        return reason.hasPrefix(path + ": ") ? String(reason.dropFirst(path.count + 2)) : reason
    }
}

/// What `errno` means.
package func systemError() -> String { String(cString: strerror(errno)) }

enum Gzip {
    /// A gzip stream of the bytes.
    static func compress(_ bytes: [UInt8]) throws -> [UInt8] {
        var stream = z_stream()
        let gzipWindow: Int32 = 15 + 16
        guard
            deflateInit2_(
                &stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, gzipWindow, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
                Int32(MemoryLayout<z_stream>.size)) == Z_OK
        else { throw ConversationError(file: "gzip", reason: "zlib does not start") }
        defer { deflateEnd(&stream) }
        var input = bytes
        let bound = Int(deflateBound(&stream, UInt(bytes.count)))
        var out = [UInt8](repeating: 0, count: bound)
        let status = input.withUnsafeMutableBufferPointer { source in
            out.withUnsafeMutableBufferPointer { target in
                stream.next_in = source.baseAddress
                stream.avail_in = UInt32(source.count)
                stream.next_out = target.baseAddress
                stream.avail_out = UInt32(target.count)
                return deflate(&stream, Z_FINISH)
            }
        }
        guard status == Z_STREAM_END else { throw ConversationError(file: "gzip", reason: "zlib error \(status)") }
        return Array(out[0..<(bound - Int(stream.avail_out))])
    }
}
