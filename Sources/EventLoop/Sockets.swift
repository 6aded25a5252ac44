internal import CJackdaw
internal import Glibc

/// An IPv4 or IPv6 address with its port.
package struct SocketAddress: Sendable, CustomStringConvertible {
    private var storage = sockaddr_storage()
    private var length: socklen_t = 0

    private init() {}

    /// The addresses of a host: of a number itself, of `localhost` both loopbacks, else what the system's resolver says.
    /// An empty host means every address of the machine (IPv6 with IPv4 in it, as Java's wildcard).
    package static func resolve(host: String, port: UInt16) -> [SocketAddress] {
        switch host {
        case "": return [wildcard(port: port)]
        // Answered here: the resolver costs more than all the rest of a start.
        case "localhost": return [numeric("127.0.0.1", port), numeric("::1", port)].compactMap(\.self)
        default: break
        }
        if let address = numeric(host, port) { return [address] }
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var found: [SocketAddress] = []
        var entry = list
        while let info = entry?.pointee {
            if let address = info.ai_addr { found.append(SocketAddress(copying: address, info.ai_addrlen)) }
            entry = info.ai_next
        }
        return found
    }

    private static func wildcard(port: UInt16) -> SocketAddress {
        numeric("::", port) ?? SocketAddress()
    }

    private static func numeric(_ host: String, _ port: UInt16) -> SocketAddress? {
        var address = SocketAddress()
        var four = sockaddr_in()
        if inet_pton(AF_INET, host, &four.sin_addr) == 1 {
            four.sin_family = sa_family_t(AF_INET)
            four.sin_port = port.bigEndian
            address.set(four)
            return address
        }
        var six = sockaddr_in6()
        if inet_pton(AF_INET6, host, &six.sin6_addr) == 1 {
            six.sin6_family = sa_family_t(AF_INET6)
            six.sin6_port = port.bigEndian
            address.set(six)
            return address
        }
        return nil
    }

    private mutating func set<Address>(_ address: Address) {
        length = socklen_t(MemoryLayout<Address>.size)
        withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: address, as: Address.self) }
    }

    init(copying address: UnsafePointer<sockaddr>, _ count: socklen_t) {
        length = min(count, socklen_t(MemoryLayout<sockaddr_storage>.size))
        withUnsafeMutableBytes(of: &storage) { $0.copyMemory(from: UnsafeRawBufferPointer(start: address, count: Int(length))) }
    }

    static func of(_ descriptor: Int32, peer: Bool) -> SocketAddress {
        var address = SocketAddress()
        address.length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        _ = withUnsafeMutablePointer(to: &address.storage) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                peer ? getpeername(descriptor, pointer, &address.length) : getsockname(descriptor, pointer, &address.length)
            }
        }
        return address
    }

    var family: Int32 { Int32(storage.ss_family) }

    func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        withUnsafePointer(to: storage) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
        }
    }

    package var port: UInt16 {
        // sin_port and sin6_port stand at the same place.
        withUnsafeBytes(of: storage) { UInt16(bigEndian: $0.load(fromByteOffset: 2, as: UInt16.self)) }
    }

    /// The number of the host, without port and brackets; an IPv4 address inside IPv6 as IPv4.
    package var host: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        withUnsafeBytes(of: storage) { bytes in
            let place = family == AF_INET6 ? 8 : 4
            _ = inet_ntop(family, bytes.baseAddress! + place, &text, socklen_t(text.count))
        }
        let name = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return name.hasPrefix("::ffff:") ? String(name.dropFirst(7)) : name
    }

    package var description: String {
        let host = host
        return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}

/// A failure of the system, with its own word for it.
package struct SystemError: Error, CustomStringConvertible {
    package let operation: String
    package let code: Int32

    package init(_ operation: String, code: Int32 = errno) {
        self.operation = operation
        self.code = code
    }

    package var description: String { "\(operation): \(String(cString: strerror(code)))" }
}

package enum Socket {
    /// A listening socket, non-blocking. The backlog is the most that the system gives.
    package static func listen(on address: SocketAddress) throws(SystemError) -> Int32 {
        let descriptor = socket(address.family, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw SystemError("socket") }
        set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
        // The wildcard serves IPv4 too; any other IPv6 address is only itself.
        if address.family == AF_INET6 { set(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, address.host == "::" ? 0 : 1) }
        guard address.withPointer({ bind(descriptor, $0, $1) }) == 0, Glibc.listen(descriptor, 4096) == 0 else {
            let failure = SystemError("bind \(address)")
            close(descriptor)
            throw failure
        }
        return descriptor
    }

    package static func localAddress(of descriptor: Int32) -> SocketAddress { .of(descriptor, peer: false) }
    package static func peerAddress(of descriptor: Int32) -> SocketAddress { .of(descriptor, peer: true) }

    package enum Accepted {
        case connection(Int32)
        case none
        /// No descriptor or memory was left for it: `errno`.
        case exhausted(Int32)
    }

    /// The next connection of a listener: non-blocking, without Nagle's delay.
    package static func accept(from listener: Int32) -> Accepted {
        while true {
            let descriptor = jd_accept(listener, nil, nil)
            if descriptor >= 0 {
                set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
                return .connection(descriptor)
            }
            switch errno {
            case EAGAIN: return .none
            case EMFILE, ENFILE, ENOBUFS, ENOMEM: return .exhausted(errno)
            default: continue  // ECONNABORTED and the network's errors concern that one connection
            }
        }
    }

    /// Keep-alive, so that a peer that vanished without a word is noticed while nothing is sent.
    package static func keepAlive(_ descriptor: Int32) { set(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1) }

    package static func setSendBuffer(_ descriptor: Int32, bytes: Int32) { set(descriptor, SOL_SOCKET, SO_SNDBUF, bytes) }
    package static func setReceiveBuffer(_ descriptor: Int32, bytes: Int32) { set(descriptor, SOL_SOCKET, SO_RCVBUF, bytes) }

    private static func set(_ descriptor: Int32, _ level: Int32, _ option: Int32, _ value: Int32) {
        var value = value
        setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }
}
