internal import Glibc
package import KafkaMessages
package import KafkaWire

/// The client's side of a connection, blocking: what a test says to a broker over a socket, and what it hears.
package final class Peer {
    package let descriptor: Int32
    private var correlationId: Int32 = 0
    private var received: [UInt8] = []

    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    /// Connects to a port of 127.0.0.1; reading gives up after `timeoutMs`.
    package init(port: UInt16, timeoutMs: Int = 10_000) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        inet_pton(AF_INET, "127.0.0.1", &address.sin_addr)
        var limit = timeval(tv_sec: timeoutMs / 1000, tv_usec: (timeoutMs % 1000) * 1000)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw Failure(description: "connect: \(String(cString: strerror(errno)))") }
    }

    deinit { close(descriptor) }

    package func send(_ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count <= 0 { return }  // the other side has closed: reading will tell
            sent += count
        }
    }

    /// One frame without its length; nil where the broker has closed.
    package func frame() throws -> [UInt8]? {
        guard let head = try read(4) else { return nil }
        let length = head.reduce(0) { $0 << 8 | Int($1) }
        return try read(length)
    }

    private func read(_ count: Int) throws -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while received.count < count {
            let got = recv(descriptor, &buffer, buffer.count, 0)
            if got == 0 || (got < 0 && errno == ECONNRESET) { return nil }
            guard got > 0 else { throw Failure(description: "nothing came: \(String(cString: strerror(errno)))") }
            received += buffer[..<got]
        }
        defer { received.removeFirst(count) }
        return Array(received[..<count])
    }

    /// The bytes of a request, length included.
    package func encode<Request: RequestMessage>(_ request: Request, version: Int16) throws -> [UInt8] {
        correlationId += 1
        var writer = WireWriter()
        writer.reserve(4)
        writer.int32(0)
        var header = RequestHeader()
        header.requestApiKey = Request.apiKey.rawValue
        header.requestApiVersion = version
        header.correlationId = correlationId
        header.clientId = "peer"
        try header.encode(into: &writer, version: Request.apiKey.requestHeaderVersion(for: version))
        try request.encode(into: &writer, version: version)
        writer.setInt32(Int32(writer.count - 4), at: 0)
        return Array(writer.bytes)
    }

    package func send<Request: RequestMessage>(_ request: Request, version: Int16) throws {
        send(try encode(request, version: version))
    }

    /// Sends, and hands the answer to `body`; what it views is gone afterwards.
    @discardableResult
    package func ask<Request: RequestMessage, Result>(
        _ request: Request, version: Int16, _ body: (Request.Response) throws -> Result
    ) throws -> Result {
        try send(request, version: version)
        return try answer(to: Request.self, version: version, body)
    }

    package func answer<Request: RequestMessage, Result>(
        to request: Request.Type, version: Int16, _ body: (Request.Response) throws -> Result
    ) throws -> Result {
        guard let frame = try frame() else { throw Failure(description: "the broker has closed the connection") }
        let arena = Arena()
        defer { arena.staysUntilHere() }
        return try frame.withUnsafeBytes { bytes in
            var reader = WireReader(bytes, arena: arena)
            var header = ResponseHeader()
            try header.decode(from: &reader, version: Request.apiKey.responseHeaderVersion(for: version))
            guard header.correlationId == correlationId else {
                throw Failure(description: "correlation id \(header.correlationId) instead of \(correlationId)")
            }
            var response = Request.Response()
            try response.decode(from: &reader, version: version)
            try reader.expectEnd()
            return try body(response)
        }
    }
}
