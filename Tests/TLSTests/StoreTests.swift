import TLS
import Testing

/// What operators' tools write is opened, and what is wrong with it is said.
@Suite struct StoreTests {
    private func context(_ file: String, _ change: (inout TLSConfiguration) -> Void = { _ in }) throws -> TLSContext {
        var configuration = TLSConfiguration()
        configuration.keystoreLocation = fixtures + "/" + file
        change(&configuration)
        return try TLSContext(server: configuration)
    }

    private func refusal(_ file: String, _ change: (inout TLSConfiguration) -> Void = { _ in }) -> String {
        do {
            _ = try context(file, change)
            return "accepted"
        } catch { return "\(error)" }
    }

    private static let names = ["DNS:broker.example", "DNS:*.brokers.example", "IP:192.0.2.1", "IP:2001:db8::1"]

    @Test(arguments: ["server.pem", "server-pkcs1.pem", "server-wrong-order.pem"])
    func `a PEM file with key and certificates is a key store, in whatever order`(file: String) throws {
        let certificate = try #require(try context(file).certificate)
        #expect(certificate.subject == "CN=broker.example,O=Fixtures")
        #expect(certificate.issuer == "CN=Fixture Intermediate,O=Fixtures")
        #expect(certificate.alternativeNames == Self.names)
        #expect(certificate.notAfter > certificate.notBefore)
    }

    @Test(arguments: ["server-pkcs8-encrypted.pem", "server-pkcs1-encrypted.pem"])
    func `an encrypted key is opened with ssl.key.password and nothing else`(file: String) throws {
        #expect(try context(file) { $0.keyPassword = "secret" }.certificate?.subject == "CN=broker.example,O=Fixtures")
        #expect(refusal(file).hasSuffix("is encrypted: ssl.key.password is not set"))
        #expect(refusal(file) { $0.keyPassword = "wrong" }.hasSuffix("is encrypted, and ssl.key.password does not open it"))
        #expect(
            refusal(file) { $0.keyPassword = String(repeating: "x", count: 5000) }.hasSuffix("ssl.key.password does not open it"))
    }

    @Test(arguments: ["server-openssl.p12", "server-keytool.p12"])
    func `PKCS#12 of openssl and of keytool is opened with ssl.keystore.password`(file: String) throws {
        #expect(try context(file) { $0.keystorePassword = "secret" }.certificate?.alternativeNames == Self.names)
        #expect(refusal(file).hasSuffix("it needs a password: ssl.keystore.password is not set"))
        #expect(refusal(file) { $0.keystorePassword = "wrong" }.hasSuffix("ssl.keystore.password does not open it"))
    }

    @Test func `a chain goes out in order, whatever the order in the store`() throws {
        var trust = TLSConfiguration()
        trust.truststoreLocation = fixtures + "/root.pem"
        for file in ["server.pem", "server-wrong-order.pem", "server-openssl.p12", "server-keytool.p12"] {
            let server = try context(file) { $0.keystorePassword = "secret"; $0.keyPassword = nil }
            let pair = try TLSPair(TLSContext(client: trust), server, serverName: "one.brokers.example")
            let result = pair.handshake()
            #expect(result.client == .done && result.server == .done, "\(file)")
        }
    }

    @Test func `a trust store by keytool is one too`() throws {
        var trust = TLSConfiguration()
        trust.truststoreLocation = fixtures + "/trust-keytool.p12"
        trust.truststorePassword = "secret"
        let pair = try TLSPair(TLSContext(client: trust), context("server.pem"), serverName: "192.0.2.1")
        #expect(pair.handshake().client == .done)
    }

    @Test func `a JKS key store is answered with the command that converts it`() {
        let message = refusal("server.jks") { $0.keystorePassword = "secret" }
        #expect(message.contains("ssl.keystore.location=\(fixtures)/server.jks: a JKS key store"))
        #expect(
            message.contains(
                "keytool -importkeystore -srckeystore \(fixtures)/server.jks -destkeystore \(fixtures)/server.p12 -deststoretype PKCS12"))
    }

    @Test func `what is no key store is refused with its reason`() {
        #expect(refusal("server-legacy.p12") { $0.keystorePassword = "secret" }.contains("an algorithm that OpenSSL 3 has given up"))
        #expect(refusal("server-other-key.pem").contains("the private key belongs to none of the 1 certificates, the first being CN=Fixture Intermediate,O=Fixtures"))
        #expect(refusal("root.pem").contains("no private key in it (PKCS#8 or PKCS#1 PEM expected"))
        #expect(refusal("server-der.p12").contains("binary, and no PKCS#12"))
        #expect(refusal("make").contains("PEM or PKCS#12 expected, and this is neither"))
        #expect(refusal("absent.pem").contains("absent.pem: No such file or directory"))
        #expect(refusal("../Fixtures").contains("Is a directory"))
    }

    @Test func `PEM in the configuration may have lost its line breaks (KIP-651)`() throws {
        for joint in ["\n", " ", " \r\n   "] {
            let pem = text(of: fixtures + "/server.pem").split(separator: "\n").joined(separator: joint)
            #expect(try TLSContext(server: TLSConfiguration(identity: pem)).certificate?.alternativeNames == Self.names)
        }
        let encrypted = text(of: fixtures + "/server-pkcs8-encrypted.pem").split(separator: "\n").joined(separator: " ")
        var configuration = TLSConfiguration(identity: encrypted)
        configuration.keyPassword = "secret"
        #expect(try TLSContext(server: configuration).certificate?.subject == "CN=broker.example,O=Fixtures")
    }

    @Test func `PEM that is cut short anywhere is refused, and never more than that`() {
        let pem = Array(text(of: fixtures + "/server-pkcs1.pem").utf8)
        var refusals: Set<String> = []
        for length in stride(from: 0, to: pem.count - "-----END CERTIFICATE-----\n".count, by: 7) {
            let part = String(decoding: pem[..<length], as: UTF8.self)
            do {
                _ = try TLSContext(server: TLSConfiguration(identity: part))
                Issue.record("\(length) bytes were enough")
            } catch { refusals.insert("\(error)") }
        }
        #expect(refusals.contains { $0.contains("has no END line") })
        #expect(refusals.contains { $0.contains("no certificate") })
    }

    @Test func `PKCS#12 with a byte changed anywhere does not open`() throws {
        let folder = TemporaryFolder()
        let bytes = try #require(try? bytes(of: fixtures + "/server-openssl.p12"))
        for index in stride(from: 0, to: bytes.count, by: 61) {
            var broken = bytes
            broken[index] ^= 0x55
            let file = folder.write("", "broken.p12")
            try overwrite(file, broken)
            var configuration = TLSConfiguration()
            configuration.keystoreLocation = file
            configuration.keystorePassword = "secret"
            #expect(throws: TLSError.self, "byte \(index)") { try TLSContext(server: configuration) }
        }
    }

    @Test func `settings that contradict each other are named`() throws {
        let authority = try Authority()
        func refusal(_ change: (inout TLSConfiguration) -> Void) -> String {
            do {
                _ = try TLSContext(server: authority.server(change))
                return "accepted"
            } catch { return "\(error)" }
        }
        #expect(refusal { $0.clientAuthentication = .required }.contains("ssl.client.auth=required needs ssl.truststore.location"))
        #expect(refusal { $0.enabledProtocols = ["TLSv1.1"] } == "ssl.enabled.protocols: TLSv1.1 is not among TLSv1.2, TLSv1.3")
        #expect(refusal { $0.enabledProtocols = [] }.contains("ssl.enabled.protocols is empty"))
        #expect(refusal { $0.cipherSuites = ["TLS_MADE_UP"] }.contains("ssl.cipher.suites: no cipher suite TLS_MADE_UP here"))
        #expect(refusal { $0.cipherSuites = ["ALL"] }.contains("no cipher suite ALL here"))
        #expect(refusal { $0.keystoreCertificateChain = nil }.contains("ssl.keystore.certificate.chain is not"))
        #expect(refusal { $0.keystoreKey = nil }.contains("ssl.keystore.key is not"))
        #expect(refusal { $0.keystoreLocation = "x" }.contains("one of them is enough"))
        #expect(
            refusal { $0.keystoreKey = nil; $0.keystoreCertificateChain = nil; $0.keyPrefix = "listener.name.tls." }
                == "listener.name.tls.ssl.keystore.location is not set: a TLS listener needs a certificate (PEM or PKCS#12)")
        #expect(
            refusal { $0.cipherSuites = ["TLS_AES_128_GCM_SHA256"]; $0.enabledProtocols = ["TLSv1.2"] }
                .contains("none of these suites belongs to a version"))
    }
}
