import Broker
import EventLoop
import Exchange
import Glibc
import KafkaMessages
import KafkaWire
import Server
import Synchronization
import Telemetry
import TestKit
import Testing

private final class MovableBounds: Sendable {
    let current = Mutex(ConnectionBounds())

    func change(_ body: (inout ConnectionBounds) -> Void) { current.withLock { body(&$0) } }
}

/// A server on loopback with ApiVersions alone, its loop on a thread of its own.
private final class SmallServer: @unchecked Sendable {
    let loop = EventLoop()!
    let server: Server
    let port: UInt16
    let lines = LogLines()
    private var thread: WorkerThread?

    /// How many connections there may be; a test changes it while the server runs.
    let bounds = MovableBounds()

    init(_ change: (inout ServerLimits) -> Void = { _ in }, queuedMaxRequestBytes: Int? = nil) throws {
        var limits = ServerLimits()
        change(&limits)
        let broker = Broker(
            registry: APIRegistry(), identity: BrokerIdentity(clusterId: "cluster", nodeId: 1),
            features: { BrokerFeatures(supported: [("metadata.version", 7...33)], finalized: [("metadata.version", 21)], epoch: 3) })
        server = Server(
            broker: broker, loops: [loop], limits: limits, bounds: { [bounds] in bounds.current.withLock { $0 } }, queuedMaxRequestBytes: queuedMaxRequestBytes,
            workers: WorkerPool(threads: 1), log: Logger("server", log: lines.log))
        let descriptor = try Socket.listen(on: SocketAddress.resolve(host: "127.0.0.1", port: 0)[0])
        let identity = ListenerIdentity(
            name: "PLAINTEXT", securityProtocol: "PLAINTEXT", advertisedHost: "127.0.0.1", advertisedPort: 0)
        port = server.listen(on: descriptor, as: identity).address.port
        let loop = loop
        thread = WorkerThread("loop") { loop.run() }
    }

    func stop() {
        loop.post { [self] in server.stop { [self] in loop.stop() } }
        thread?.join()
    }
}

@Suite struct ConnectionTests {
    private func ask(_ peer: Peer, version: Int16 = 3) throws -> Int16 {
        var request = ApiVersionsRequest()
        request.clientSoftwareName = "peer"
        request.clientSoftwareVersion = "1.0"
        return try peer.ask(request, version: version) { $0.errorCode }
    }

    @Test func `every version of ApiVersions is answered and names itself`() throws {
        let small = try SmallServer()
        defer { small.stop() }
        let peer = try Peer(port: small.port)
        for version in ApiVersionsRequest.validVersions {
            var request = ApiVersionsRequest()
            request.clientSoftwareName = "peer"
            request.clientSoftwareVersion = "1.0"
            try peer.ask(request, version: version) { response in
                #expect(response.errorCode == 0)
                #expect(response.apiKeys.map(\.apiKey) == [18])
                #expect(response.apiKeys[0].maxVersion == 5)
            }
        }
    }

    @Test func `an unknown version of ApiVersions is answered in version 0, and the connection goes on`() throws {
        let small = try SmallServer()
        defer { small.stop() }
        let peer = try Peer(port: small.port)
        // Key 18, version 99, correlation id 7, client id null, no tags, and a body that nobody can know.
        peer.send([0, 0, 0, 13, 0, 18, 0, 99, 0, 0, 0, 7, 0xff, 0xff, 0, 1, 2])
        let frame = try #require(try peer.frame())
        #expect(frame == [0, 0, 0, 7, 0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 5])
        #expect(try ask(peer) == 0)
    }

    @Test(arguments: [1, 2, 3, 5, 7, 11, 1000]) func `frames arrive whole however they are cut`(piece: Int) throws {
        let small = try SmallServer()
        defer { small.stop() }
        let peer = try Peer(port: small.port)
        var request = ApiVersionsRequest()
        request.clientSoftwareName = "peer"
        request.clientSoftwareVersion = "1.0"
        var bytes: [UInt8] = []
        for _ in 0..<20 { bytes += try peer.encode(request, version: 3) }
        var place = 0
        while place < bytes.count {
            peer.send(Array(bytes[place..<min(place + piece, bytes.count)]))
            place += piece
        }
        for id in 1...20 {
            let frame = try #require(try peer.frame())
            #expect(frame[..<4] == [0, 0, 0, UInt8(id)])
        }
    }

    /// Larger than what a cut frame's buffer takes at once, so that kept bytes hold several frames.
    @Test(arguments: [7_000, 40_000, 100_000, 131_072, 300_000]) func `long frames in a row are all answered`(piece: Int) throws {
        let small = try SmallServer()
        defer { small.stop() }
        let peer = try Peer(port: small.port)
        let arena = Arena()
        defer { arena.staysUntilHere() }
        var request = ApiVersionsRequest()
        request.clientSoftwareName = WireBytes(copying: String(repeating: "n", count: 30_000), in: arena)
        request.clientSoftwareVersion = "1.0"
        var bytes: [UInt8] = []
        for _ in 0..<100 { bytes += try peer.encode(request, version: 3) }
        var place = 0
        while place < bytes.count {
            peer.send(Array(bytes[place..<min(place + piece, bytes.count)]))
            place += piece
        }
        for id in 1...100 {
            let frame = try #require(try peer.frame())
            #expect(frame[..<4] == [0, 0, 0, UInt8(id)])
        }
    }

    @Test func `what is no Kafka is closed, and the log says what it was`() throws {
        let small = try SmallServer { $0.socketRequestMaxBytes = 1000 }
        defer { small.stop() }
        let cases: [(bytes: [UInt8], reason: String)] = [
            ([0x16, 3, 1, 2, 0, 1, 0, 1], "a TLS hello on a listener of protocol PLAINTEXT"),
            (Array("GET / HTTP/1.1\r\n\r\n".utf8), "an HTTP request"),
            ([0, 0, 4, 0, 1, 2, 3, 4], "a frame of 1024 bytes is longer than socket.request.max.bytes=1000"),
            ([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], "a frame of -1 bytes has no room for a request header"),
            ([0, 0, 0, 8, 0, 99, 0, 0, 0, 0, 0, 1], "API key 99 v0 is not served here"),
            ([0, 0, 0, 10, 0, 18, 0, 3, 0, 0, 0, 1, 0, 9], "ApiVersions v3"),
        ]
        for (bytes, reason) in cases {
            let peer = try Peer(port: small.port)
            peer.send(bytes)
            #expect(try peer.frame() == nil)
            #expect(small.lines.wait { $0.contains(reason) }, "no line says: \(reason)")
        }
    }

    @Test func `a scanner that comes again and again leaves two lines`() throws {
        let small = try SmallServer()
        small.lines.log.level = .info
        for _ in 0..<100 {
            let peer = try Peer(port: small.port)
            peer.send(Array("GET / HTTP/1.1\r\n\r\n".utf8))
            #expect(try peer.frame() == nil)
        }
        small.stop()
        let lines = small.lines.all
        #expect(lines.count == 2)
        #expect(lines.first?.contains("on PLAINTEXT: an HTTP request; this port speaks Kafka's protocol") == true)
        #expect(lines.last?.contains("99 more such lines of 127.0.0.1 within 60 s, the last one: closed 127.0.0.1:") == true)
    }

    @Test(arguments: [[0, 0, 0, 11, 0, 99, 0, 0, 0, 0, 0, 8, 0xff, 0xff, 0], [0, 0, 0, 3, 1, 2, 3]])
    func `what was asked before the request that closes the connection is answered`(last: [UInt8]) throws {
        let small = try SmallServer()
        defer { small.stop() }
        let peer = try Peer(port: small.port)
        let good: [UInt8] = [0, 0, 0, 11, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff, 0]
        peer.send(good + good + last + good)
        for _ in 0..<2 {
            let frame = try #require(try peer.frame())
            #expect(frame.starts(with: [0, 0, 0, 7, 0, 0]))
        }
        #expect(try peer.frame() == nil)
    }

    @Test func `beyond max_connections clients wait, and are served when one goes or the bound moves`() throws {
        let small = try SmallServer()
        defer { small.stop() }
        small.bounds.change { $0.maxConnections = 2 }
        var first: Peer? = try Peer(port: small.port)
        let second = try Peer(port: small.port)
        #expect(try ask(first!) == 0 && ask(second) == 0)
        let third = try Peer(port: small.port)
        third.send([0, 0, 0, 11, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff, 0])
        #expect(small.lines.wait { $0.contains("listener PLAINTEXT: max.connections=2 is reached") })
        first = nil
        #expect(try third.frame() != nil)
        // The fourth waits too, until there may be more of them.
        let fourth = try Peer(port: small.port)
        fourth.send([0, 0, 0, 11, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff, 0])
        small.bounds.change { $0.maxConnections = 3 }
        #expect(try fourth.frame() != nil)
        #expect(try ask(second) == 0)
    }

    @Test func `beyond max_connections_per_ip a connection is refused, and room that comes free is used`() throws {
        let small = try SmallServer()
        defer { small.stop() }
        small.bounds.change { $0.maxConnectionsPerIp = 1 }
        var first: Peer? = try Peer(port: small.port)
        #expect(try ask(first!) == 0)
        #expect(try Peer(port: small.port).frame() == nil)
        #expect(small.lines.wait { $0.contains("max.connections.per.ip=1 is reached") })
        first = nil
        #expect(small.lines.wait { _ in (try? ask(Peer(port: small.port))) == 0 })
        small.bounds.change { $0.maxConnectionsPerIpOverrides = ["127.0.0.1": 2] }
        #expect(
            small.lines.wait { _ in
                guard let second = try? Peer(port: small.port), let third = try? Peer(port: small.port) else { return false }
                return (try? ask(second)) == 0 && (try? ask(third)) == 0
            })
    }

    @Test func `frames that are announced and do not come take no room from the others`() throws {
        let small = try SmallServer(queuedMaxRequestBytes: 1 << 20)
        defer { small.stop() }
        // Each announces 90 MB, sends half a megabyte and stalls: together far beyond the budget of one megabyte.
        let stalled = try (0..<12).map { _ in try Peer(port: small.port) }
        for peer in stalled { peer.send([5, 0x5d, 0x4a, 0x80] + [UInt8](repeating: 0, count: 1 << 19)) }
        let peer = try Peer(port: small.port)
        for _ in 0..<50 { #expect(try ask(peer) == 0) }
    }

    @Test func `a stop answers what is in work and closes the rest`() throws {
        let small = try SmallServer()
        let peer = try Peer(port: small.port)
        #expect(try ask(peer) == 0)
        small.stop()
        #expect(try peer.frame() == nil)
        #expect(throws: Peer.Failure.self) { try Peer(port: small.port) }
    }
}
