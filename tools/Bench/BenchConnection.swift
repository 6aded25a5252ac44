import Glibc
import KafkaMessages
import KafkaWire

/// A blocking connection to a broker on this machine: plain, one request at a time.
final class BenchConnection {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private let descriptor: Int32
    private var buffer = [UInt8](repeating: 0, count: 1 << 16)

    init(port: UInt16) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        inet_pton(AF_INET, "127.0.0.1", &address.sin_addr)
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw Failure(description: "connect to port \(port): \(String(cString: strerror(errno)))") }
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, 4)
    }

    deinit { close(descriptor) }

    /// A request's bytes with its length in front.
    func encode<Request: RequestMessage>(_ request: Request, version: Int16) throws -> [UInt8] {
        var writer = WireWriter()
        writer.reserve(4)
        writer.int32(0)
        var header = RequestHeader()
        header.requestApiKey = Request.apiKey.rawValue
        header.requestApiVersion = version
        header.clientId = "bench"
        try header.write(into: &writer, version: Request.apiKey.requestHeaderVersion(for: version))
        try request.write(into: &writer, version: version)
        writer.setInt32(Int32(writer.count - 4), at: 0)
        return Array(writer.bytes)
    }

    func send<Request: RequestMessage>(_ request: Request, version: Int16) throws {
        send(try encode(request, version: version))
    }

    func send(_ frame: [UInt8]) {
        var sent = 0
        while sent < frame.count {
            let count = frame[sent...].withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return }  // closed: reading the answer tells
            sent += count
        }
    }

    /// The length of the next answer, which then lies at the start of the buffer.
    private func receive() throws -> Int {
        try fill(4)
        let length = buffer[..<4].reduce(0) { $0 << 8 | Int($1) }
        if buffer.count < length { buffer = [UInt8](repeating: 0, count: length) }
        try fill(length)
        return length
    }

    private func fill(_ count: Int) throws {
        var have = 0
        while have < count {
            let got = buffer.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress! + have, count - have, 0) }
            guard got > 0 else { throw Failure(description: "the broker has closed the connection") }
            have += got
        }
    }

    func discardAnswer() throws { _ = try receive() }

    func ask<Request: RequestMessage, Result>(
        _ request: Request, version: Int16, _ body: (Request.Response) throws -> Result
    ) throws -> Result {
        try send(request, version: version)
        return try answer(to: Request.self, version: version, body)
    }

    func answer<Request: RequestMessage, Result>(
        to request: Request.Type, version: Int16, _ body: (Request.Response) throws -> Result
    ) throws -> Result {
        let length = try receive()
        let arena = Arena()
        return try buffer.withUnsafeBytes { bytes in
            var reader = WireReader(UnsafeRawBufferPointer(rebasing: bytes[..<length]), arena: arena)
            _ = try ResponseHeader(from: &reader, version: Request.apiKey.responseHeaderVersion(for: version))
            return try body(try Request.Response(from: &reader, version: version))
        }
    }
}

extension Double {
    /// With two digits behind the point.
    var hundredths: String {
        let scaled = Int((self * 100).rounded())
        let rest = scaled % 100
        return "\(scaled / 100).\(rest < 10 ? "0" : "")\(rest)"
    }
}
