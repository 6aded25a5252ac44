import TLS
import Testing

@Suite struct HandshakeTests {
    let authority: Authority
    init() throws { authority = try Authority() }

    @Test(arguments: [("TLSv1.3", "TLS_AES_256_GCM_SHA384"), ("TLSv1.2", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384")])
    func `both versions shake hands, and say what they agreed on`(version: String, suite: String) throws {
        let pair = try TLSPair(client: authority.client(), server: authority.server { $0.enabledProtocols = [version] })
        let result = pair.handshake()
        #expect(result.client == .done && result.server == .done)
        #expect(pair.server.protocolName == version && pair.client.protocolName == version)
        #expect(pair.server.cipherSuite == suite)
        #expect(pair.server.principalName == "ANONYMOUS" && pair.server.peerSubject == nil)
        #expect(pair.server.isHandshakeDone && !pair.server.isResumed && !pair.server.hasUnsent)
    }

    @Test(arguments: ["TLSv1.2", "TLSv1.3"])
    func `a wire that passes one byte at a time makes no difference`(version: String) throws {
        let pair = try TLSPair(client: authority.client(), server: authority.server { $0.enabledProtocols = [version] })
        let result = pair.handshake(atMost: 1)
        #expect(result.client == .done && result.server == .done)
    }

    @Test func `cipher suites are taken by the names that Java has, and narrow the versions`() throws {
        let older = try TLSPair(
            client: authority.client(),
            server: authority.server { $0.cipherSuites = ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"] })
        #expect(older.handshake().server == .done)
        #expect(older.server.protocolName == "TLSv1.2" && older.server.cipherSuite == "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")
        let newer = try TLSPair(
            client: authority.client(),
            server: authority.server { $0.cipherSuites = ["TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"] })
        #expect(newer.handshake().server == .done)
        // The order of the list is the server's preference, whatever the client would rather have.
        #expect(newer.server.protocolName == "TLSv1.3" && newer.server.cipherSuite == "TLS_CHACHA20_POLY1305_SHA256")
    }

    @Test(arguments: ["TLSv1.2", "TLSv1.3"])
    func `a client certificate names the principal, by the mapping rules`(version: String) throws {
        let server = try authority.server {
            $0.clientAuthentication = .required
            $0.truststoreCertificates = authority.pem
            $0.enabledProtocols = [version]
            $0.principalMappingRules = "RULE:CN=(bob)/$1/U, DEFAULT"
        }
        for (name, principal) in [("alice", "CN=alice"), ("bob", "BOB")] {
            var client = TLSConfiguration(identity: try authority.identity(name, .client))
            client.truststoreCertificates = authority.pem
            let pair = try TLSPair(client: client, server: server)
            #expect(pair.handshake().server == .done)
            #expect(pair.server.principalName == principal && pair.server.peerSubject == "CN=\(name)")
        }
    }

    @Test func `requested means that a client may come without a certificate, not with a wrong one`() throws {
        let server = try authority.server { $0.clientAuthentication = .requested; $0.truststoreCertificates = authority.pem }
        let without = try TLSPair(client: authority.client(), server: server)
        #expect(without.handshake().server == .done)
        #expect(without.server.principalName == "ANONYMOUS")
        let (_, refusal) = try mutual(server, identity: Authority("Another CA").identity("mallory", .client))
        #expect(refusal.contains("the client's certificate CN=mallory (issued by CN=Another CA) is refused"))
    }

    private func mutual(
        _ server: TLSConfiguration? = nil, identity: String?, change: (inout TLSConfiguration) -> Void = { _ in }
    ) throws -> (client: TLSConnection.Read, server: String) {
        let server = try server
            ?? authority.server { $0.clientAuthentication = .required; $0.truststoreCertificates = authority.pem; change(&$0) }
        var client = identity.map { TLSConfiguration(identity: $0) } ?? TLSConfiguration()
        client.truststoreCertificates = authority.pem
        let pair = try TLSPair(client: client, server: server)
        guard case .failed(let failure) = pair.handshake().server else { return (.wantRead, "accepted") }
        pair.carry()
        return (pair.read(pair.client), "\(failure)")
    }

    @Test func `a client certificate that is missing, expired, from elsewhere or for servers is refused, and both sides hear why`() throws {
        let none = try mutual(identity: nil)
        #expect(none.server.contains("the client showed no certificate, and ssl.client.auth=required"))
        guard case .failed(let failure) = none.client else { Issue.record("the client went on"); return }
        #expect("\(failure)".contains("wants a certificate (alert certificate_required)"))

        let old = try authority.identity("old", .client, from: Authority.now - 7200, to: Authority.now - 3600)
        #expect(try mutual(identity: old).server == "the client's certificate CN=old (issued by CN=Test CA) is refused: certificate has expired")
        let early = try authority.identity("early", .client, from: Authority.now + 3600, to: Authority.now + 7200)
        #expect(try mutual(identity: early).server.hasSuffix("is refused: certificate is not yet valid"))
        let other = try mutual(identity: Authority("Another CA").identity("mallory", .client))
        #expect(other.server.contains("its authority is not in the trust store"))
        let wrongUse = try mutual(identity: authority.identity("server", .server, names: ["localhost"]))
        #expect(wrongUse.server.contains("is refused: unsuitable certificate purpose"))
        #expect(try mutual(identity: authority.identity("alice", .client)).server == "accepted")
    }

    @Test func `a principal that no rule fits is refused`() throws {
        let refusal = try mutual(identity: authority.identity("alice", .client)) { $0.principalMappingRules = "RULE:CN=bob/b/" }
        #expect(refusal.server == "no rule of ssl.principal.mapping.rules fits the client certificate CN=alice")
    }

    @Test func `a client that does not trust the certificate leaves a line that says so`() throws {
        let pair = try TLSPair(client: Authority("Another CA").client(), server: authority.server())
        let result = pair.handshake()
        guard case .failed(let server) = result.server, case .failed(let client) = result.client else {
            Issue.record("accepted"); return
        }
        #expect("\(server)".hasPrefix("the client does not trust this certificate (alert unknown_ca): it needs the authority CN=Test CA"))
        #expect(server.kind == .certificate)
        #expect("\(client)".contains("the server's certificate CN=broker (issued by CN=Test CA) is refused"))
    }

    @Test(arguments: ["elsewhere", "127.0.0.2"])
    func `a client that reached another name than it meant refuses the certificate`(name: String) throws {
        let pair = try TLSPair(client: authority.client(), server: authority.server(), serverName: name)
        guard case .failed(let failure) = pair.handshake().client else { Issue.record("accepted"); return }
        #expect("\(failure)".contains("mismatch"))
        let lenient = try TLSPair(
            client: authority.client { $0.identifiesEndpoint = false }, server: authority.server(), serverName: name)
        #expect(lenient.handshake().client == .done)
        let dotted = try TLSPair(client: authority.client(), server: authority.server(), serverName: "localhost.")
        #expect(dotted.handshake().client == .done)
    }

    @Test func `no version and no suite in common are told apart from the rest`() throws {
        for (client, server) in [("TLSv1.2", "TLSv1.3"), ("TLSv1.3", "TLSv1.2")] {
            let pair = try TLSPair(
                client: authority.client { $0.enabledProtocols = [client] }, server: authority.server { $0.enabledProtocols = [server] })
            guard case .failed(let failure) = pair.handshake().server else { Issue.record("accepted"); return }
            #expect(failure.kind == .mismatch && "\(failure)".contains("no TLS version in common"))
        }
        let pair = try TLSPair(
            client: authority.client { $0.cipherSuites = ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"] },
            server: authority.server { $0.cipherSuites = ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"] })
        guard case .failed(let failure) = pair.handshake().server else { Issue.record("accepted"); return }
        #expect(failure.kind == .mismatch && "\(failure)".contains("no cipher suite in common"))
    }

    @Test func `a revoked client certificate is refused where a list was given, and lists of others do not matter`() throws {
        let folder = fixtures + "/revocation"
        for (file, outcome) in [("revoked", "certificate revoked"), ("good", "accepted")] {
            var server = try authority.server()
            server.clientAuthentication = .required
            server.truststoreCertificates = text(of: folder + "-trust.pem") + authority.pem
            var client = TLSConfiguration(identity: text(of: folder + "-\(file).pem"))
            client.truststoreCertificates = authority.pem
            let pair = try TLSPair(client: client, server: server)
            switch pair.handshake().server {
            case .done: #expect(outcome == "accepted")
            case .failed(let failure): #expect("\(failure)".hasSuffix(outcome))
            default: Issue.record("no end")
            }
            // The authority without a list is not held up by the other's.
            var other = TLSConfiguration(identity: try authority.identity("alice", .client))
            other.truststoreCertificates = authority.pem
            #expect(try TLSPair(client: other, server: server).handshake().server == .done)
        }
    }
}
