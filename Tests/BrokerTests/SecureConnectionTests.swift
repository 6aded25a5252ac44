import Broker
import EventLoop
import Exchange
import Glibc
import KafkaMessages
import KafkaWire
import Server
import TLS
import Telemetry
import TestKit
import Testing

/// A server on loopback with a TLS listener, its loop on a thread of its own, certificates made for the test.
private final class SecureServer: @unchecked Sendable {
    let loop = EventLoop()!
    let server: Server
    let port: UInt16
    let lines = LogLines()
    let certificates: SelfMadeCertificates
    let keeper: TLSContextKeeper
    private var thread: WorkerThread?
    private let folder: String

    init(requiresClient: Bool = false) throws {
        var template = Array("/tmp/jackdaw-secure-XXXXXX".utf8CString)
        mkdtemp(&template)
        folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        certificates = SelfMadeCertificates(directory: folder, names: ["localhost", "127.0.0.1"], makesClient: true)
        _ = try certificates.ensure(nowSeconds: Int64(time(nil)))
        keeper = try TLSContextKeeper(
            certificates.configuration(requiresClient: requiresClient), name: "SSL", logger: Logger("tls", log: lines.log))
        let broker = Broker(
            registry: APIRegistry(), identity: BrokerIdentity(clusterId: "cluster", nodeId: 1),
            features: { BrokerFeatures(supported: [("metadata.version", 7...33)], finalized: [("metadata.version", 21)], epoch: 3) })
        server = Server(
            broker: broker, loops: [loop], limits: ServerLimits(), queuedMaxRequestBytes: nil,
            workers: WorkerPool(threads: 1), log: Logger("server", log: lines.log))
        let descriptor = try Socket.listen(on: SocketAddress.resolve(host: "127.0.0.1", port: 0)[0])
        let identity = ListenerIdentity(name: "SSL", securityProtocol: "SSL", advertisedHost: "127.0.0.1", advertisedPort: 0)
        port = server.listen(on: descriptor, as: identity, tls: keeper).address.port
        let loop = loop
        thread = WorkerThread("loop") { loop.run() }
    }

    deinit {
        for file in ["jackdaw-ca.pem", "jackdaw-ca.key", "jackdaw-server.pem", "jackdaw-server.key", "jackdaw-client.pem"] {
            unlink(folder + "/" + file)
        }
        rmdir(folder)
    }

    func stop() {
        loop.post { [self] in server.stop { [self] in loop.stop() } }
        thread?.join()
    }

    func client(showsCertificate: Bool = false) throws -> TLSContext {
        var configuration = TLSConfiguration()
        configuration.truststoreLocation = certificates.authorityFile
        if showsCertificate { configuration.keystoreLocation = certificates.clientFile }
        return try TLSContext(client: configuration)
    }
}

/// A client with TLS, which waits for its socket.
private final class SecurePeer {
    private let plain: Peer
    let tls: TLSConnection
    private var received: [UInt8] = []

    init(_ server: SecureServer, _ context: TLSContext) throws {
        plain = try Peer(port: server.port)
        _ = fcntl(plain.descriptor, F_SETFL, O_NONBLOCK)
        tls = try TLSConnection(context, socket: plain.descriptor, serverName: "localhost")
        while true {
            switch tls.handshake() {
            case .done: return
            case .wantRead: try wait(POLLIN)
            case .wantWrite: try wait(POLLOUT)
            case .failed(let failure): throw failure
            }
        }
    }

    private func wait(_ events: Int32) throws {
        var descriptor = pollfd(fd: plain.descriptor, events: Int16(events), revents: 0)
        guard poll(&descriptor, 1, 10_000) == 1 else { throw TLSFailure(.socket, "nothing came") }
    }

    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count || tls.hasUnsent {
            sent += bytes.withUnsafeBytes { tls.write(UnsafeRawBufferPointer(rebasing: $0[sent...])) }
            if case .failed(let failure) = tls.uncork() { throw failure }
            if tls.hasUnsent { try wait(POLLOUT) }
        }
    }

    func apiVersions() throws -> [UInt8] {
        var request = ApiVersionsRequest()
        request.clientSoftwareName = "peer"
        request.clientSoftwareVersion = "1.0"
        return try plain.encode(request, version: 3)
    }

    /// One frame without its length; nil where the broker has said goodbye.
    func frame() throws -> [UInt8]? {
        while true {
            if received.count >= 4 {
                let length = received[..<4].reduce(0) { $0 << 8 | Int($1) }
                if received.count >= 4 + length {
                    defer { received.removeFirst(4 + length) }
                    return Array(received[4..<(4 + length)])
                }
            }
            var buffer = [UInt8](repeating: 0, count: 65_536)
            switch buffer.withUnsafeMutableBytes({ tls.read(into: $0) }) {
            case .bytes(let count): received += buffer[..<count]
            case .wantRead, .wantWrite: try wait(POLLIN)
            case .closed: return nil
            case .failed(let failure): throw failure
            }
        }
    }

    func ask() throws -> Bool {
        try send(apiVersions())
        return try frame().map { $0[4..<6] == [0, 0] } ?? false
    }
}

@Suite struct SecureConnectionTests {
    @Test func `requests over TLS are answered, however they are cut, and the end is said`() throws {
        let server = try SecureServer()
        let peer = try SecurePeer(server, server.client())
        #expect(try peer.ask())
        for piece in [1, 3, 7, 40, 1000] {
            var bytes: [UInt8] = []
            for _ in 0..<10 { bytes += try peer.apiVersions() }
            for start in stride(from: 0, to: bytes.count, by: piece) { try peer.send(Array(bytes[start..<min(start + piece, bytes.count)])) }
            for _ in 0..<10 { #expect(try peer.frame()?[4..<6] == [0, 0]) }
        }
        server.stop()
        #expect(try peer.frame() == nil)
    }

    @Test func `a hundred requests in one record wake nobody, and each is answered`() throws {
        let server = try SecureServer()
        defer { server.stop() }
        let peer = try SecurePeer(server, server.client())
        try peer.send((0..<100).flatMap { _ in try peer.apiVersions() })
        for _ in 0..<100 { #expect(try peer.frame()?[4..<6] == [0, 0]) }
    }

    @Test func `plaintext on the TLS port and a client without a certificate leave their lines`() throws {
        let server = try SecureServer(requiresClient: true)
        defer { server.stop() }
        let plain = try Peer(port: server.port)
        var request = ApiVersionsRequest()
        request.clientSoftwareName = "peer"
        try plain.send(request, version: 3)
        #expect(try plain.frame() == nil)
        #expect(server.lines.wait { $0.contains("on SSL: plaintext Kafka (ApiVersions v3) on a TLS listener") })
        // In TLS 1.3 the client's side of the handshake ends before the server has looked at its certificate.
        #expect(throws: (any Error).self) { try SecurePeer(server, server.client()).ask() }
        #expect(server.lines.wait { $0.contains("the client showed no certificate, and ssl.client.auth=required") })
        #expect(try SecurePeer(server, server.client(showsCertificate: true)).ask())
    }

    @Test func `a new certificate is for new connections; those that are open go on`() throws {
        let server = try SecureServer()
        defer { server.stop() }
        let old = try SecurePeer(server, server.client())
        #expect(try old.ask())
        unlink(server.certificates.serverFile)
        #expect(try server.certificates.ensure(nowSeconds: Int64(time(nil))) == [.server])
        #expect(server.keeper.refresh() == .replaced)
        #expect(try old.ask())
        #expect(try SecurePeer(server, server.client()).ask())
    }
}
