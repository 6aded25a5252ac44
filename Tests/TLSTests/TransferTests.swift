import TLS
import Testing

@Suite struct TransferTests {
    let authority: Authority
    init() throws { authority = try Authority() }

    private func pair(_ version: String = "TLSv1.3", sendBuffer: Int32? = nil) throws -> TLSPair {
        let pair = try TLSPair(
            client: authority.client(), server: authority.server { $0.enabledProtocols = [version] }, sendBuffer: sendBuffer)
        let result = pair.handshake()
        #expect(result.client == .done && result.server == .done)
        return pair
    }

    private func pattern(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) } }

    @Test(arguments: ["TLSv1.2", "TLSv1.3"])
    func `megabytes pass both ways, whatever the socket holds`(version: String) throws {
        let pair = try pair(version, sendBuffer: 4096)
        let bytes = pattern(3 << 20)
        #expect(pair.transfer(bytes, from: pair.server, to: pair.client) == bytes)
        #expect(pair.transfer(bytes, from: pair.client, to: pair.server) == bytes)
        #expect(pair.transfer(Array(bytes[..<5000]), from: pair.client, to: pair.server, readBuffer: 7) == Array(bytes[..<5000]))
    }

    @Test func `one turn's writes of 256 KB leave in one piece, none before uncork`() throws {
        let pair = try pair()
        let bytes = pattern(256 << 10)
        #expect(bytes.withUnsafeBytes { pair.server.write($0) } == bytes.count)
        #expect(pair.server.hasUnsent)
        #expect(!pair.carry())
        // The cork has room for one record more; then it takes nothing until it has been emptied.
        #expect(bytes.withUnsafeBytes { pair.server.write($0) } == 16 << 10)
        #expect(bytes.withUnsafeBytes { pair.server.write($0) } == 0)
        #expect(pair.server.uncork() == .blocked)
        while pair.server.hasUnsent {
            #expect(pair.carry())
            _ = pair.server.uncork()
        }
        #expect(bytes.withUnsafeBytes { pair.server.write($0) } == bytes.count)
    }

    @Test func `two connections of a thread that write in turn do not mix`() throws {
        let first = try pair()
        let second = try pair()
        let ones = [UInt8](repeating: 1, count: 1000)
        let twos = [UInt8](repeating: 2, count: 1000)
        for _ in 0..<3 {
            #expect(ones.withUnsafeBytes { first.server.write($0) } == 1000)
            #expect(twos.withUnsafeBytes { second.server.write($0) } == 1000)
        }
        #expect(first.server.uncork() == .allGone && second.server.uncork() == .allGone)
        for (pair, byte) in [(first, UInt8(1)), (second, UInt8(2))] {
            pair.carry()
            var buffer = [UInt8](repeating: 0, count: 4096)
            #expect(pair.read(pair.client, &buffer) == .bytes(3000))
            #expect(buffer[..<3000].allSatisfy { $0 == byte })
        }
    }

    @Test func `a read that gave all that the socket had says so`() throws {
        let pair = try pair()
        let bytes = pattern(20_000)
        #expect(bytes.withUnsafeBytes { pair.client.write($0) } == bytes.count)
        #expect(pair.client.uncork() == .allGone)
        pair.carry()
        var buffer = [UInt8](repeating: 0, count: 10_000)
        #expect(pair.read(pair.server, &buffer) == .bytes(10_000))
        #expect(!pair.server.isDrained)
        buffer = [UInt8](repeating: 0, count: 20_000)
        #expect(pair.read(pair.server, &buffer) == .bytes(10_000))
        #expect(pair.server.isDrained)
    }

    @Test func `a connection that goes while its bytes are corked takes them along`() throws {
        let other = try pair()
        do {
            let gone = try pair()
            #expect([UInt8](repeating: 9, count: 100).withUnsafeBytes { gone.server.write($0) } == 100)
        }
        #expect([UInt8](repeating: 5, count: 100).withUnsafeBytes { other.server.write($0) } == 100)
        #expect(other.server.uncork() == .allGone)
        other.carry()
        #expect(other.read(other.client) == .bytes(100))
    }

    @Test(arguments: ["TLSv1.2", "TLSv1.3"])
    func `close_notify arrives as the end, from either side`(version: String) throws {
        let pair = try pair(version)
        pair.server.close()
        pair.carry()
        #expect(pair.read(pair.client) == .closed)
        pair.client.close()
        pair.carry()
        #expect(pair.read(pair.server) == .closed)
    }

    @Test func `what was written before close arrives before the end`() throws {
        let pair = try pair()
        #expect([UInt8](repeating: 5, count: 100).withUnsafeBytes { pair.server.write($0) } == 100)
        pair.server.close()
        pair.carry()
        #expect(pair.read(pair.client) == .bytes(100))
        #expect(pair.read(pair.client) == .closed)
    }

    @Test func `a peer that goes without a word is a closed connection too`() throws {
        let pair = try pair()
        pair.hangUp(.client)
        #expect(pair.read(pair.server) == .closed)
    }

    @Test func `writing to a peer that is gone fails at uncork, with the reason`() throws {
        let pair = try pair()
        pair.hangUp(.client)
        var last = TLSConnection.Uncork.allGone
        for _ in 0..<3 {
            _ = [UInt8](repeating: 5, count: 100).withUnsafeBytes { pair.server.write($0) }
            last = pair.server.uncork()
        }
        guard case .failed(let failure) = last else { Issue.record("\(last)"); return }
        #expect(failure.kind == .socket && "\(failure)".contains("Broken pipe"))
    }
}
