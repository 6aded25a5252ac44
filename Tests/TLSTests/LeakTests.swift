import Glibc
import TLS
import Testing

@Suite struct LeakTests {
    /// Resident memory of the process.
    private func residentBytes() -> Int {
        let pages = text(of: "/proc/self/statm").split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        return pages * 4096
    }

    /// How many the run under the address sanitizer makes; it reports what is lost by itself, and keeps freed memory for a while.
    private let sanitized = getenv("JACKDAW_SANITIZED_HANDSHAKES").flatMap { Int(String(cString: $0)) }

    @Test func `thousands of handshakes, half of them broken off at some step, leave nothing behind`() throws {
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
        for number in 0..<500 { try one(number) }
        let before = residentBytes()
        for number in 0..<(sanitized ?? 2_000) { try one(number) }
        // Other tests run beside this one; a leaked connection would be 2,000 times 10 KB.
        #expect(sanitized != nil || residentBytes() - before < 12 << 20)
    }
}
