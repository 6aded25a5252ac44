internal import Glibc

/// What a key or trust store turned out to be, by its first bytes.
enum StoreContent {
    case pem([PEMBlock])
    case pkcs12([UInt8])

    /// `name` is the configuration's key and value, for messages.
    static func recognise(_ bytes: [UInt8], path: String?, name: String) throws(TLSError) -> StoreContent {
        if bytes.starts(with: [0xFE, 0xED, 0xFE, 0xED]) || bytes.starts(with: [0xCE, 0xCE, 0xCE, 0xCE]) {
            throw TLSError(.material, "\(name): " + conversion(path ?? "store.jks"))
        }
        if PEMText.isPEM(bytes) {
            do { return .pem(try PEMText.blocks(bytes)) } catch { throw TLSError(.material, "\(name): \(error.message)") }
        }
        if bytes.first == 0x30 { return .pkcs12(bytes) }
        let what = bytes.isEmpty ? "it is empty" : "this is neither"
        throw TLSError(.material, "\(name): PEM or PKCS#12 expected, and \(what)")
    }

    /// The line that an operator with a Java key store needs.
    private static func conversion(_ path: String) -> String {
        let stem = path.hasSuffix(".jks") ? String(path.dropLast(4)) : path
        return """
            a JKS key store, which only Java reads. Convert it with \
            `keytool -importkeystore -srckeystore \(path) -destkeystore \(stem).p12 -deststoretype PKCS12` \
            and name \(stem).p12 instead
            """
    }
}

/// Reads files and notices that they changed.
enum StoreFile {
    static func read(_ path: String, name: String) throws(TLSError) -> [UInt8] {
        let fd = open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { throw failure(name) }
        defer { close(fd) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(fd, &chunk, chunk.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw failure(name) }
            if count == 0 { return bytes }
            bytes += chunk[..<count]
            guard bytes.count <= Limits.storeFileBytes else {
                throw TLSError(.material, "\(name): larger than \(Limits.storeFileBytes) bytes, so no key or trust store")
            }
        }
    }

    private static func failure(_ name: String) -> TLSError {
        TLSError(.material, "\(name): " + errorText(errno))
    }

    /// glibc's strerror is safe on every thread.
    static func errorText(_ number: Int32) -> String {
        strerror(number).map { String(cString: $0) } ?? "error \(number)"
    }

    /// Changes whenever the file's content was replaced or rewritten; nil where there is no such file.
    struct Signature: Equatable, Sendable {
        let inode: UInt64
        let size: Int64
        let changedNs: Int64
    }

    static func signature(_ path: String) -> Signature? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        let changed = Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
        return Signature(inode: UInt64(status.st_ino), size: Int64(status.st_size), changedNs: changed)
    }
}
