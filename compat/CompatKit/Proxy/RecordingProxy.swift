internal import Glibc
internal import Synchronization
package import TLS

/// Stands between clients and brokers, one port for each broker, and records what they say.
package final class RecordingProxy: Sendable {
    package struct Options: Sendable {
        package var listen: Address
        package var broker: Address
        /// How the proxy reaches brokers.
        package var dialer = Dialer.plain
        /// TLS towards clients; nil for plain TCP.
        package var serverContext: TLSContext?
        package var note: @Sendable (String) -> Void = { _ in }

        package init(listen: Address, broker: Address) {
            self.listen = listen
            self.broker = broker
        }
    }

    private struct State {
        var locals: [Address: Address] = [:]
        var listeners: [Int32] = []
        var isStopped = false
        var liveConnections = 0
    }

    private static let connectMs = 10_000
    private static let maximumBrokers = 256

    private let options: Options
    private let recorder: Recorder
    private let state = Mutex(State())

    /// Listens at once; throws where the port is taken.
    package init(_ options: Options, recorder: Recorder) throws {
        ignoreBrokenPipes()
        self.options = options
        self.recorder = recorder
        _ = try listen(for: options.broker, at: options.listen)
    }

    /// Where clients find the proxy.
    package var address: Address { state.withLock { $0.locals[options.broker] ?? options.listen } }

    /// Ends every connection and waits until their threads have noted it.
    package func stop() {
        state.withLock { state in
            state.isStopped = true
            for listener in state.listeners { shutdown(listener, Int32(SHUT_RDWR)) }
        }
        while state.withLock({ $0.liveConnections }) > 0 { pause(milliseconds: 2) }
    }

    private var isStopped: Bool { state.withLock { $0.isStopped } }

    /// The proxy's address for a broker that an answer named; it listens there from then on.
    private func local(for broker: Address) -> Address? {
        if let known = state.withLock({ $0.locals[broker] }) { return known }
        // The broker may be called otherwise than the command line did: localhost and 127.0.0.1.
        if broker.port == options.broker.port, Self.isSameHost(broker.host, options.broker.host) {
            return state.withLock { state in
                state.locals[broker] = state.locals[options.broker]
                return state.locals[broker]
            }
        }
        guard state.withLock({ $0.locals.count }) < Self.maximumBrokers else { return nil }
        for port in [options.listen.port == 0 ? 0 : options.listen.port + state.withLock { $0.listeners.count }, 0] {
            if let address = try? listen(for: broker, at: Address(host: options.listen.host, port: port)) {
                options.note("\(broker) is reached by \(address)")
                return address
            }
        }
        options.note("no port for \(broker): clients will go to it directly")
        return nil
    }

    private static func isSameHost(_ one: String, _ other: String) -> Bool {
        let loopback: Set<String> = ["localhost", "127.0.0.1", "::1"]
        return one == other || loopback.contains(one) && loopback.contains(other)
    }

    private func listen(for broker: Address, at address: Address) throws -> Address {
        let (descriptor, port) = try Socket.listen(at: address)
        let local = Address(host: address.host, port: port)
        state.withLock { state in
            state.locals[broker] = local
            state.listeners.append(descriptor)
        }
        let started = Workers.start { self.accept(descriptor, for: broker) }
        guard started != nil else { throw LinkError.notConnected("no thread") }
        return local
    }

    private func accept(_ listener: Int32, for broker: Address) {
        while !isStopped {
            let descriptor = Glibc.accept(listener, nil, nil)
            guard descriptor >= 0 else {
                if isStopped { break }
                // No descriptors are left, or the client has gone again: others may come.
                if errno != EINTR, errno != ECONNABORTED { pause(milliseconds: 10) }
                continue
            }
            state.withLock { $0.liveConnections += 1 }
            let started = Workers.start {
                self.serve(Socket(descriptor: descriptor), broker)
                self.state.withLock { $0.liveConnections -= 1 }
            }
            if started == nil {
                close(descriptor)
                state.withLock { $0.liveConnections -= 1 }
            }
        }
        close(listener)
    }

    private func serve(_ socket: Socket, _ broker: Address) {
        let deadline = Deadline.after(milliseconds: Self.connectMs)
        do throws(LinkError) {
            socket.prepare()
            var client: any ByteLink = socket
            if let context = options.serverContext {
                client = try TLSLink(socket, context: context, serverName: nil, until: deadline)
            }
            let connection = ProxiedConnection(
                client: client, broker: try options.dialer.connect(to: broker, until: deadline), recorder: recorder,
                rewriter: AddressRewriter { self.local(for: $0) }, note: options.note)
            connection.run { self.isStopped }
        } catch {
            options.note("a client's connection to \(broker): \(error)")
        }
    }
}

extension Socket {
    /// A listening descriptor and its port; port 0 takes a free one.
    static func listen(at address: Address) throws(LinkError) -> (descriptor: Int32, port: Int) {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_PASSIVE
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(address.host, String(address.port), &hints, &list)
        guard code == 0, let entry = list else {
            throw .notConnected("\(address): \(String(cString: gai_strerror(code)))")
        }
        defer { freeaddrinfo(list) }
        let descriptor = socket(entry.pointee.ai_family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        guard descriptor >= 0, bind(descriptor, entry.pointee.ai_addr, entry.pointee.ai_addrlen) == 0,
            Glibc.listen(descriptor, 512) == 0
        else {
            let reason = systemError()
            if descriptor >= 0 { Glibc.close(descriptor) }
            throw .notConnected("\(address): \(reason)")
        }
        var name = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let port = withUnsafeMutablePointer(to: &name) { pointer in
            _ = pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
            // The port stands at the same place in both families.
            return pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { Int($0.pointee.sin_port.bigEndian) }
        }
        return (descriptor, port)
    }

    /// An accepted descriptor is set as a connected one is.
    func prepare() {
        noDelay()
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }
}
