import Glibc
import Telemetry
import Synchronization
import TLS
import Testing

/// Where the key stores lie that openssl and keytool made.
let fixtures = String(#filePath.dropLast("Support.swift".count)) + "Fixtures"

/// A folder of its own for one test.
final class TemporaryFolder {
    let path: String

    init() {
        var template = Array("/tmp/jackdaw-tls-XXXXXX".utf8CString)
        mkdtemp(&template)
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        guard let folder = opendir(path) else { return }
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            unlink(path + "/" + name)
        }
        closedir(folder)
        rmdir(path)
    }

    @discardableResult
    func write(_ text: String, _ name: String) -> String {
        let file = path + "/" + name
        // Under a new inode, as tools that replace certificates do it.
        let handle = fopen(file + ".new", "w")
        fputs(text, handle)
        fclose(handle)
        rename(file + ".new", file)
        return file
    }
}

func text(of path: String) -> String {
    guard let handle = fopen(path, "r") else { return "" }
    defer { fclose(handle) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    let count = fread(&bytes, 1, bytes.count, handle)
    return String(decoding: bytes[..<count], as: UTF8.self)
}

/// An authority with a server and a client certificate, made for a test.
struct Authority {
    static let now = Int64(time(nil))
    let made: MadeCertificate
    let pem: String

    init(_ name: String = "Test CA") throws {
        made = try .authority(commonName: name, from: Self.now - 86_400, to: Self.now + 86_400)
        pem = try made.certificatePEM
    }

    /// Key and certificate as one PEM text.
    func identity(
        _ name: String, _ usage: MadeCertificate.Usage, names: [String] = [], from: Int64 = now - 3600, to: Int64 = now + 3600
    ) throws -> String {
        let issued = try made.issue(commonName: name, names: names, usage: usage, from: from, to: to)
        return try issued.keyPEM + issued.certificatePEM
    }

    func server(_ change: (inout TLSConfiguration) -> Void = { _ in }) throws -> TLSConfiguration {
        let pem = try identity("broker", .server, names: ["localhost", "127.0.0.1"])
        var configuration = TLSConfiguration(identity: pem)
        change(&configuration)
        return configuration
    }

    /// A client that trusts this authority.
    func client(_ change: (inout TLSConfiguration) -> Void = { _ in }) -> TLSConfiguration {
        var configuration = TLSConfiguration()
        configuration.truststoreCertificates = pem
        change(&configuration)
        return configuration
    }
}

extension TLSConfiguration {
    /// Takes key and certificates from one PEM text.
    init(identity pem: String) {
        self.init()
        keystoreKey = pem
        keystoreCertificateChain = pem
    }
}

/// The two ends of a TLS connection with a wire between them that the test holds: nothing arrives before `carry`.
final class TLSPair {
    let client: TLSConnection
    let server: TLSConnection
    private let sockets: [Int32]  // client, its peer, server's peer, server

    convenience init(
        client: TLSConfiguration, server: TLSConfiguration, serverName: String? = "localhost", sendBuffer: Int32? = nil
    ) throws {
        try self.init(TLSContext(client: client), TLSContext(server: server), serverName: serverName, sendBuffer: sendBuffer)
    }

    init(_ client: TLSContext, _ server: TLSContext, serverName: String? = "localhost", sendBuffer: Int32? = nil) throws {
        let (left, right) = (socketPair(), socketPair())
        sockets = [left.0, left.1, right.0, right.1]
        if var size = sendBuffer { setsockopt(right.1, SOL_SOCKET, SO_SNDBUF, &size, 4) }
        self.client = try TLSConnection(client, socket: left.0, serverName: serverName)
        self.server = try TLSConnection(server, socket: right.1)
    }

    deinit { for socket in sockets { Glibc.close(socket) } }

    /// Moves what lies on the wire, at most so many bytes a way; says whether something moved.
    @discardableResult
    func carry(atMost limit: Int = 1 << 20, change: (inout [UInt8]) -> Void = { _ in }) -> Bool {
        let up = move(sockets[1], sockets[2], limit, change)
        let down = move(sockets[2], sockets[1], limit, { _ in })
        return up || down
    }

    private func move(_ from: Int32, _ to: Int32, _ limit: Int, _ change: (inout [UInt8]) -> Void) -> Bool {
        var bytes = [UInt8](repeating: 0, count: min(limit, 64 << 10))
        let count = recv(from, &bytes, bytes.count, 0)
        guard count > 0 else { return false }
        bytes.removeLast(bytes.count - count)
        change(&bytes)
        #expect(send(to, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count)
        return true
    }

    enum Side { case client, server }
    func hangUp(_ side: Side) { shutdown(side == .client ? sockets[1] : sockets[2], Int32(SHUT_RDWR)); carryEnd(side) }
    private func carryEnd(_ side: Side) { shutdown(side == .client ? sockets[2] : sockets[1], Int32(SHUT_RDWR)) }

    /// Says bytes to the server in the client's place.
    func say(_ bytes: [UInt8]) { _ = send(sockets[2], bytes, bytes.count, Int32(MSG_NOSIGNAL)) }
    /// What the server's socket sent that was not carried yet.
    func heard() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(sockets[2], &bytes, bytes.count, 0)
        return Array(bytes[..<max(0, count)])
    }

    /// Steps both sides until neither waits for the other any more.
    func handshake(atMost limit: Int = 1 << 20) -> (client: TLSConnection.Handshake, server: TLSConnection.Handshake) {
        var results = (client: TLSConnection.Handshake.wantRead, server: TLSConnection.Handshake.wantRead)
        var idle = 0
        while idle < 4 {
            if results.client != .done { results.client = client.handshake() }
            if results.server != .done { results.server = server.handshake() }
            idle = carry(atMost: limit) ? 0 : idle + 1
        }
        return results
    }

    /// Sends from one side and reads at the other until all is there.
    func transfer(_ bytes: [UInt8], from sender: TLSConnection, to receiver: TLSConnection, readBuffer: Int = 256 << 10) -> [UInt8] {
        var sent = 0
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: readBuffer)
        var idle = 0
        while received.count < bytes.count && idle < 1000 {
            if sent < bytes.count {
                sent += bytes.withUnsafeBytes { sender.write(UnsafeRawBufferPointer(rebasing: $0[sent...])) }
            }
            let uncorked = sender.uncork()
            let moved = carry()
            idle = moved || uncorked == .allGone ? 0 : idle + 1
            while case .bytes(let count) = buffer.withUnsafeMutableBytes({ receiver.read(into: $0) }) {
                received += buffer[..<count]
                idle = 0
            }
        }
        return received
    }

    /// One read. The turn before may have ended without its `.wantRead`, so the second answer counts.
    func read(_ side: TLSConnection) -> TLSConnection.Read {
        var buffer = [UInt8](repeating: 0, count: 4096)
        return read(side, &buffer)
    }

    func read(_ side: TLSConnection, _ buffer: inout [UInt8]) -> TLSConnection.Read {
        let first = buffer.withUnsafeMutableBytes { side.read(into: $0) }
        return first == .wantRead ? buffer.withUnsafeMutableBytes { side.read(into: $0) } : first
    }
}

func socketPair() -> (Int32, Int32) {
    var pair: [Int32] = [0, 0]
    let flags = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    precondition(socketpair(AF_UNIX, flags, 0, &pair) == 0)
    return (pair[0], pair[1])
}

/// A log that the test reads.
final class Lines: Sendable {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }
    var logger: Logger {
        Logger("tls", log: Log { event, _ in self.lines.withLock { $0.append("\(event.level) \(event.message)") } })
    }
}

func bytes(of path: String) throws -> [UInt8] {
    let handle = try #require(fopen(path, "r"))
    defer { fclose(handle) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    let count = fread(&bytes, 1, bytes.count, handle)
    return Array(bytes[..<count])
}

func overwrite(_ path: String, _ bytes: [UInt8]) throws {
    let handle = try #require(fopen(path, "w"))
    defer { fclose(handle) }
    #expect(fwrite(bytes, 1, bytes.count, handle) == bytes.count)
}
