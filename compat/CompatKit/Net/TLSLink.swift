internal import Glibc
internal import Synchronization
package import TLS

/// TLS over a socket. One thread uses it.
package final class TLSLink: ByteLink {
    private let socket: Socket
    private let connection: TLSConnection

    package var descriptor: Int32 { socket.descriptor }

    /// Takes a connected socket through the handshake.
    package init(_ socket: Socket, context: TLSContext, serverName: String?, until deadline: Deadline) throws(LinkError)
    {
        self.socket = socket
        do {
            connection = try TLSConnection(context, socket: socket.descriptor, serverName: serverName)
        } catch {
            throw .notConnected("TLS: \(error)")
        }
        while true {
            switch connection.handshake() {
            case .done:
                _ = connection.uncork()
                return
            case .wantRead:
                guard socket.wait(for: Int16(POLLIN), until: deadline) else {
                    throw .timedOut(milliseconds: deadline.milliseconds)
                }
            case .wantWrite:
                guard socket.wait(for: Int16(POLLOUT), until: deadline) else {
                    throw .timedOut(milliseconds: deadline.milliseconds)
                }
            case .failed(let failure): throw .notConnected("TLS: \(failure)")
            }
        }
    }

    package func receive(into buffer: UnsafeMutableRawBufferPointer) throws(LinkError) -> Int? {
        switch connection.read(into: buffer) {
        case .bytes(let count): return count
        case .wantRead, .wantWrite: return nil
        case .closed: return 0
        case .failed(let failure): throw .broken("TLS: \(failure)")
        }
    }

    package func transmit(_ bytes: UnsafeRawBufferPointer) throws(LinkError) -> Int {
        let count = connection.write(bytes)
        if count > 0 { return count }
        _ = try flush()
        return connection.write(bytes)
    }

    package func flush() throws(LinkError) -> Bool {
        switch connection.uncork() {
        case .allGone: return true
        case .blocked: return false
        case .failed(let failure): throw .broken("TLS: \(failure)")
        }
    }

    package func close() {
        connection.close()
        socket.close()
    }
}

/// How a tool reaches a broker: plain TCP or TLS.
package struct Dialer: Sendable {
    private let context: TLSContext?

    package static let plain = Dialer(context: nil)

    private init(context: TLSContext?) { self.context = context }

    /// TLS, checked against the certificates of an authority's PEM file, or those of the system.
    package static func tls(authorityFile: String?, clientFile: String? = nil) throws -> Dialer {
        ignoreBrokenPipes()
        var configuration = TLSConfiguration()
        if let authorityFile {
            configuration.truststoreLocation = authorityFile
        }
        configuration.keystoreLocation = clientFile
        return Dialer(context: try TLSContext(client: configuration))
    }

    package func connect(to address: Address, until deadline: Deadline) throws(LinkError) -> any ByteLink {
        let socket = try Socket.connect(to: address, until: deadline)
        guard let context else { return socket }
        return try TLSLink(socket, context: context, serverName: address.host, until: deadline)
    }
}
