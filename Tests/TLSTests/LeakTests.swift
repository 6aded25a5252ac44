import Glibc
import TLS
import Testing

/// How many handshakes the run under the address sanitizer makes; nil elsewhere.
private let handshakes = getenv("JACKDAW_SANITIZED_HANDSHAKES").flatMap { Int(String(cString: $0)) }

@Suite struct LeakTests {
    // The sanitizer says what is lost, and ends the run with an error. Elsewhere nothing would judge: the process's memory is that of
    // the tests beside this one, too. What the broker's memory does is measured from outside (compat/abuse/run-tls).
    @Test(.enabled(if: handshakes != nil, "the address sanitizer judges"))
    func `thousands of handshakes, half of them broken off at some step, leave nothing behind`() throws {
        let authority = try Authority()
        let server = try TLSContext(
            server: authority.server { $0.clientAuthentication = .requested; $0.truststoreCertificates = authority.pem })
        var mutual = TLSConfiguration(identity: try authority.identity("alice", .client))
        mutual.truststoreCertificates = authority.pem
        let clients = try [TLSContext(client: authority.client()), TLSContext(client: mutual)]
        let strangers = try TLSContext(client: Authority("Another CA").client())

        func one(_ number: Int) throws {
            // Every tenth client refuses the certificate; of the others, every second leaves after some bytes.
            let client = number % 10 == 0 ? strangers : clients[number / 2 % 2]
            let pair = try TLSPair(client, server)
            guard number % 2 == 0 else {
                _ = pair.client.handshake()
                pair.carry(atMost: 1 + number * 37 % 3000)
                _ = pair.server.handshake()
                pair.carry(atMost: number * 53 % 3000)
                _ = pair.client.handshake()
                pair.carry(atMost: number * 11 % 2000)
                pair.hangUp(number % 4 == 1 ? .client : .server)
                _ = pair.server.handshake()
                return
            }
            _ = pair.handshake()
            pair.server.close()
        }
        for number in 0..<(handshakes ?? 0) { try one(number) }
    }
}
