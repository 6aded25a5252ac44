import TLS
import Testing

/// What comes from peers that do not keep to the protocol.
@Suite struct TLSAdversarialTests {
    let authority: Authority
    init() throws { authority = try Authority() }

    private func serverAlone() throws -> TLSPair { try TLSPair(client: authority.client(), server: authority.server()) }

    /// What the server makes of these bytes as the first ones.
    private func greeting(_ bytes: [UInt8]) throws -> (failure: TLSFailure?, answer: [UInt8]) {
        let pair = try serverAlone()
        pair.say(bytes)
        for _ in 0..<4 {
            if case .failed(let failure) = pair.server.handshake() { return (failure, pair.heard()) }
        }
        return (nil, pair.heard())
    }

    @Test func `plaintext is recognised by what it is, and not answered`() throws {
        let apiVersions: [UInt8] = [0, 0, 0, 0x1A, 0, 18, 0, 3, 0, 0, 0, 1, 0, 7, 0x72, 0x64]
        let kafka = try greeting(apiVersions)
        #expect(kafka.failure?.message == "plaintext Kafka (ApiVersions v3) on a TLS listener: the client needs security.protocol=SSL, or the port of the plaintext listener")
        #expect(kafka.answer.isEmpty)
        #expect(try greeting(Array("GET /metrics HTTP/1.1\r\n".utf8)).failure?.message == "an HTTP request on a TLS listener of Kafka's protocol")
        #expect(try greeting(Array("SSH-2.0-OpenSSH_9.2\r\n".utf8)).failure?.message == "SSH on a TLS listener")
        let other = try greeting([0xDE, 0xAD])
        #expect(other.failure?.message == "no TLS from the peer: it began with 0xdead")
        #expect(other.failure?.kind == .plaintext && other.answer.isEmpty)
    }

    @Test func `garbage after a true beginning is answered with an alert and ends the connection`() throws {
        let garbage = try greeting([0x16, 3, 1, 0, 16] + [UInt8](repeating: 0x41, count: 16))
        #expect(garbage.failure?.kind == .broken)
        #expect(garbage.answer.first == 0x15)
        #expect(try greeting([0x16, 3, 1, 0xFF, 0xFF] + [UInt8](repeating: 1, count: 100)).failure != nil)
    }

    @Test func `a hello that breaks off anywhere leaves the server waiting, and the end of it is reported`() throws {
        let hello = try clientHello()
        #expect(hello.count > 150)
        for length in 0..<hello.count {
            let pair = try serverAlone()
            pair.say(Array(hello[..<length]))
            for _ in 0..<3 { #expect(pair.server.handshake() == .wantRead) }
            pair.hangUp(.client)
            var last = TLSConnection.Handshake.wantRead
            for _ in 0..<3 where last == .wantRead { last = pair.server.handshake() }
            guard case .failed(let failure) = last else { Issue.record("\(length) bytes: \(last)"); return }
            #expect(failure.kind == (length == 0 ? .silent : .closed), "\(length) bytes: \(failure)")
        }
    }

    private func clientHello() throws -> [UInt8] {
        let pair = try serverAlone()
        var hello: [UInt8] = []
        #expect(pair.client.handshake() == .wantRead)
        pair.carry { hello += $0 }
        return hello
    }

    @Test func `a hello with a byte changed anywhere never harms the server`() throws {
        let hello = try clientHello()
        var failures = 0
        for index in hello.indices {
            for mask: UInt8 in [0x01, 0x80, 0xFF] {
                var broken = hello
                broken[index] ^= mask
                if try greeting(broken).failure != nil { failures += 1 }
            }
        }
        // Most changes hit random bytes or unknown extensions, which a server must not mind; lengths and versions it must.
        #expect(failures > 50 && failures < hello.count * 3)
    }

    @Test(arguments: ["TLSv1.2", "TLSv1.3"])
    func `records with a byte changed during the handshake end it`(version: String) throws {
        var ended = 0
        for round in 0..<40 {
            let pair = try TLSPair(client: authority.client(), server: authority.server { $0.enabledProtocols = [version] })
            var seen = 0
            var isChanged = false
            var server = TLSConnection.Handshake.wantRead
            for _ in 0..<12 {
                _ = pair.client.handshake()
                pair.carry { bytes in
                    // Past the hello, which has a test of its own.
                    if seen > 0, !isChanged, !bytes.isEmpty {
                        bytes[round * 7 % bytes.count] ^= 0x10
                        isChanged = true
                    }
                    seen += bytes.count
                }
                server = pair.server.handshake()
                if case .failed = server { ended += 1; break }
            }
            #expect(isChanged && server != .done, "round \(round)")
        }
        // A length that grew makes the server wait for more, which the handshake's time-out ends.
        #expect(ended >= 30)
    }

    @Test(arguments: ["TLSv1.2", "TLSv1.3"])
    func `a changed data record is a failure, and nothing of it is delivered`(version: String) throws {
        let pair = try TLSPair(client: authority.client(), server: authority.server { $0.enabledProtocols = [version] })
        _ = pair.handshake()
        let message = Array("a message".utf8)
        #expect(message.withUnsafeBytes { pair.client.write($0) } == message.count)
        #expect(pair.client.uncork() == .allGone)
        pair.carry { $0[$0.count - 1] ^= 1 }
        guard case .failed(let failure) = pair.read(pair.server) else { Issue.record("accepted"); return }
        #expect(failure.kind == .broken && failure.message.hasSuffix("decryption failed or bad record mac"))
        guard case .failed = pair.read(pair.server), case .failed = pair.server.uncork() else {
            Issue.record("it went on"); return
        }
        #expect(message.withUnsafeBytes { pair.server.write($0) } == 0)
    }

    @Test func `a client that asks for renegotiation in TLS 1.2 is turned down`() throws {
        // A ClientHello inside the connection is what renegotiation is; here it comes in the clear, which is worse still.
        let pair = try TLSPair(client: authority.client(), server: authority.server { $0.enabledProtocols = ["TLSv1.2"] })
        _ = pair.handshake()
        pair.say(try clientHello())
        guard case .failed(let failure) = pair.read(pair.server) else { Issue.record("accepted"); return }
        #expect(failure.kind == .broken)
    }
}
