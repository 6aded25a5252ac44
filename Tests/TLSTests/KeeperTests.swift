import Glibc
import Synchronization
import TLS
import Testing

/// Certificates that change while the broker runs, and those that it makes itself.
@Suite struct KeeperTests {
    let authority: Authority
    let folder = TemporaryFolder()
    init() throws { authority = try Authority() }

    private func configuration() throws -> TLSConfiguration {
        var configuration = TLSConfiguration()
        configuration.keystoreLocation = folder.write(try authority.identity("broker", .server, names: ["localhost"]), "server.pem")
        return configuration
    }

    @Test func `a changed file is taken up for the next connection, and the old ones go on`() throws {
        let lines = Lines()
        let keeper = try TLSContextKeeper(configuration(), name: "SSL", logger: lines.logger)
        let old = try TLSPair(TLSContext(client: authority.client()), keeper.current)
        _ = old.handshake()
        #expect(keeper.refresh() == .unchanged)
        let end = Authority.now + 40_000
        folder.write(try authority.identity("broker", .server, names: ["localhost"], to: end), "server.pem")
        #expect(keeper.refresh() == .replaced)
        #expect(keeper.refresh() == .unchanged)
        #expect(keeper.current.certificate?.notAfter == end)
        let bytes = [UInt8](repeating: 7, count: 10_000)
        #expect(old.transfer(bytes, from: old.client, to: old.server) == bytes)
        let new = try TLSPair(TLSContext(client: authority.client()), keeper.current)
        #expect(new.handshake().client == .done)
        #expect(lines.all.contains("info took up the new certificate"))
    }

    @Test func `a broken file keeps the old certificate and says so once`() throws {
        let lines = Lines()
        let keeper = try TLSContextKeeper(configuration(), name: "SSL", logger: lines.logger)
        let before = keeper.current
        folder.write("-----BEGIN CERTIFICATE-----\nhalf a fi", "server.pem")
        guard case .refused(let error) = keeper.refresh() else { Issue.record("accepted"); return }
        #expect(error.message.contains("server.pem: the PEM block \"CERTIFICATE\" that begins at byte 0 has no END line"))
        #expect(keeper.refresh() == .unchanged)
        #expect(keeper.current === before)
        #expect(lines.all.filter { $0.hasPrefix("error kept the old certificate: ssl.keystore.location=") }.count == 1)
        unlink(folder.path + "/server.pem")
        guard case .refused = keeper.refresh() else { Issue.record("accepted"); return }
        folder.write(try authority.identity("broker", .server, names: ["localhost"]), "server.pem")
        #expect(keeper.refresh() == .replaced)
    }

    @Test func `a configuration can be judged without being taken up`() throws {
        let lines = Lines()
        let keeper = try TLSContextKeeper(configuration(), name: "SSL", logger: lines.logger)
        let (before, said) = (keeper.current, lines.all)
        var wanted = try configuration()
        #expect(keeper.refusal(of: wanted) == nil)
        wanted.keystoreLocation = folder.path + "/nothing.pem"
        #expect(keeper.refusal(of: wanted)?.message.contains("nothing.pem: No such file") == true)
        wanted.keystoreLocation = folder.write(try authority.identity("other", .server, names: ["localhost"]), "other.pem")
        #expect(keeper.refusal(of: wanted)?.message.hasPrefix("the new certificate is for CN=other") == true)
        // The same name with another content: what an operator does who renews a file and says so.
        folder.write("-----BEGIN CERTIFICATE-----\nhalf a fi", "server.pem")
        #expect(keeper.refusal(of: try configurationAsItIs())?.code == .material)
        #expect(keeper.current === before && lines.all == said)
    }

    private func configurationAsItIs() throws -> TLSConfiguration {
        var configuration = TLSConfiguration()
        configuration.keystoreLocation = folder.path + "/server.pem"
        return configuration
    }

    @Test func `another name is taken up only where ssl.allow.dn.changes and ssl.allow.san.changes permit it`() throws {
        let current = Mutex(try configuration())
        let keeper = try TLSContextKeeper(source: { current.withLock { $0 } }, name: "SSL", logger: Lines().logger)
        folder.write(try authority.identity("other", .server, names: ["localhost"]), "server.pem")
        guard case .refused(let name) = keeper.refresh() else { Issue.record("accepted"); return }
        #expect(name.message == "the new certificate is for CN=other, the old one for CN=broker: ssl.allow.dn.changes=true would allow it")
        folder.write(try authority.identity("broker", .server, names: ["elsewhere"]), "server.pem")
        guard case .refused(let names) = keeper.refresh() else { Issue.record("accepted"); return }
        #expect(names.message == "the new certificate lacks DNS:localhost: ssl.allow.san.changes=true would allow it")
        current.withLock { $0.allowSANChanges = true }
        #expect(keeper.refresh() == .replaced)
    }

    @Test func `a certificate that has ended is served with a warning, as Kafka does`() throws {
        let lines = Lines()
        var configuration = TLSConfiguration()
        let pem = try authority.identity("broker", .server, from: Authority.now - 7200, to: Authority.now - 3600)
        configuration.keystoreLocation = folder.write(pem, "server.pem")
        _ = try TLSContextKeeper(configuration, name: "SSL", logger: lines.logger)
        #expect(lines.all.contains("warn the certificate CN=broker has ended: clients will refuse it"))
    }

    // MARK: Self-made

    private func selfMade(names: [String] = ["localhost", "broker.example", "127.0.0.1", "::1"], client: Bool = false) -> SelfMadeCertificates {
        SelfMadeCertificates(directory: folder.path, names: names, makesClient: client)
    }

    private func mode(_ path: String) -> mode_t {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & 0o7777 : 0
    }

    @Test func `certificates are made once, as plain files, keys for the owner only`() throws {
        let certificates = selfMade(client: true)
        #expect(try certificates.ensure(nowSeconds: Authority.now) == [.authority, .server, .client])
        #expect(try certificates.ensure(nowSeconds: Authority.now) == [])
        #expect(mode(certificates.serverKeyFile) == 0o600 && mode(certificates.authorityKeyFile) == 0o600)
        #expect(mode(certificates.clientFile) == 0o600 && mode(certificates.serverFile) == 0o644)
        let summary = try CertificateSummary(pem: text(of: certificates.serverFile))
        #expect(summary.alternativeNames == ["DNS:localhost", "DNS:broker.example", "IP:127.0.0.1", "IP:::1"])
        #expect(summary.subject == "CN=broker.example" && summary.issuer == "CN=Jackdaw CA of broker.example")
    }

    @Test(arguments: ["localhost", "broker.example", "127.0.0.1", "::1"])
    func `a client with the authority's file reaches the broker by each of its names, and mutually`(name: String) throws {
        let certificates = selfMade(client: true)
        _ = try certificates.ensure(nowSeconds: Authority.now)
        var client = TLSConfiguration()
        client.truststoreLocation = certificates.authorityFile
        client.keystoreLocation = certificates.clientFile
        let pair = try TLSPair(
            client: client, server: certificates.configuration(requiresClient: true), serverName: name)
        let result = pair.handshake()
        #expect(result.client == .done && result.server == .done)
        #expect(pair.server.principalName == "CN=jackdaw-client")
    }

    @Test func `the server's certificate is renewed before it ends, under the same authority`() throws {
        let certificates = selfMade()
        _ = try certificates.ensure(nowSeconds: Authority.now)
        let authorityBefore = text(of: certificates.authorityFile)
        let keeper = try TLSContextKeeper(certificates.configuration(requiresClient: false), name: "SSL", logger: Lines().logger)
        #expect(try certificates.ensure(nowSeconds: Authority.now + 200 * 86_400) == [])
        #expect(try certificates.ensure(nowSeconds: Authority.now + 300 * 86_400) == [.server])
        #expect(text(of: certificates.authorityFile) == authorityBefore)
        #expect(keeper.refresh() == .replaced)
        // The authority signs nothing that outlives it.
        let late = Authority.now + (3650 - 364) * 86_400
        #expect(try certificates.ensure(nowSeconds: late) == [.authority, .server])
        #expect(text(of: certificates.authorityFile) != authorityBefore)
    }

    @Test func `an operator's own certificate takes the place of one that was made here, whatever its name`() throws {
        let certificates = selfMade()
        _ = try certificates.ensure(nowSeconds: Authority.now)
        let own = try configuration()
        let current = Mutex(certificates.configuration(requiresClient: false))
        let keeper = try TLSContextKeeper(
            source: { current.withLock { $0 } }, name: "SSL", selfMade: certificates, logger: Lines().logger)
        current.withLock { $0 = own }
        #expect(keeper.refresh() == .replaced)
        #expect(keeper.current.certificate?.subject == "CN=broker")
        // From then on Kafka's rule holds.
        folder.write(try authority.identity("other", .server, names: ["localhost"]), "server.pem")
        guard case .refused = keeper.refresh() else { Issue.record("accepted"); return }
    }

    @Test func `a new name, a lost file and a strange key each bring what is needed and no more`() throws {
        _ = try selfMade().ensure(nowSeconds: Authority.now)
        let more = selfMade(names: ["localhost", "broker.example", "127.0.0.1", "::1", "advertised.example"])
        #expect(try more.ensure(nowSeconds: Authority.now) == [.server])
        #expect(try selfMade().ensure(nowSeconds: Authority.now) == [])
        unlink(more.serverKeyFile)
        #expect(try more.ensure(nowSeconds: Authority.now) == [.server])
        try overwrite(more.serverKeyFile, Array(text(of: more.authorityKeyFile).utf8))
        #expect(try more.ensure(nowSeconds: Authority.now) == [.server])
        // Without the authority's key the rest goes on until something has to be signed.
        unlink(more.authorityKeyFile)
        #expect(try more.ensure(nowSeconds: Authority.now) == [])
        unlink(more.serverFile)
        #expect(try more.ensure(nowSeconds: Authority.now) == [.authority, .server])
    }

    @Test func `the settings for clients name the files, and a client certificate only where one is asked for`() {
        let certificates = selfMade(client: true)
        let text = certificates.clientSettings(bootstrap: "localhost:9093")
        #expect(text.contains("ssl.truststore.location=\(certificates.authorityFile)\n"))
        #expect(text.contains("ssl.keystore.location=\(certificates.clientFile)\n"))
        #expect(text.contains("kcat -b localhost:9093 -X security.protocol=ssl -X ssl.ca.location=\(certificates.authorityFile)"))
        #expect(!selfMade().clientSettings(bootstrap: "localhost:9093").contains("jackdaw-client.pem"))
    }

    @Test func `names that no certificate can bear are passed over`() throws {
        let certificates = selfMade(names: ["localhost", "a,DNS:evil.example", "", "söme", "fe80::1%eth0"])
        _ = try certificates.ensure(nowSeconds: Authority.now)
        #expect(try CertificateSummary(pem: text(of: certificates.serverFile)).alternativeNames == ["DNS:localhost"])
    }
}
