internal import Glibc

/// A moment until which something waits.
package struct Deadline: Sendable {
    private let instant: ContinuousClock.Instant
    package let milliseconds: Int

    package static func after(milliseconds: Int) -> Deadline {
        Deadline(instant: .now + .milliseconds(milliseconds), milliseconds: milliseconds)
    }

    package var remainingMs: Int {
        let remaining = ContinuousClock.Instant.now.duration(to: instant).components
        return max(
            0,
            Int(remaining.seconds) * 1000 + Int((remaining.attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000))
    }
}

/// What carries bytes both ways: a socket, or TLS over one. These calls never wait.
package protocol ByteLink: AnyObject {
    /// What poll is asked about.
    var descriptor: Int32 { get }
    /// Number of bytes that came; 0 when the peer has closed, nil when nothing is there now.
    func receive(into buffer: UnsafeMutableRawBufferPointer) throws(LinkError) -> Int?
    /// Number of bytes that were taken; 0 when the socket takes none now.
    func transmit(_ bytes: UnsafeRawBufferPointer) throws(LinkError) -> Int
    /// Sends what was taken but has not left. False when some of it still waits for the socket.
    func flush() throws(LinkError) -> Bool
    func close()
}

extension ByteLink {
    /// Whether the descriptor became ready before the deadline.
    package func wait(for events: Int16, until deadline: Deadline) -> Bool {
        while true {
            var entry = pollfd(fd: descriptor, events: events, revents: 0)
            let count = poll(&entry, 1, Int32(clamping: deadline.remainingMs))
            if count > 0 { return true }
            if count == 0 || errno != EINTR { return false }
        }
    }

    /// Number of bytes that came; 0 when the peer has closed.
    package func read(into buffer: UnsafeMutableRawBufferPointer, until deadline: Deadline) throws(LinkError) -> Int {
        while true {
            if let count = try receive(into: buffer) { return count }
            guard wait(for: Int16(POLLIN), until: deadline) else {
                throw .timedOut(milliseconds: deadline.milliseconds)
            }
        }
    }

    package func write(_ bytes: [UInt8], until deadline: Deadline) throws(LinkError) {
        var offset = 0
        while true {
            if offset < bytes.count {
                var failure: LinkError?
                let count = bytes.withUnsafeBytes { all in
                    do throws(LinkError) {
                        return try transmit(UnsafeRawBufferPointer(rebasing: all[offset...]))
                    } catch {
                        failure = error
                        return 0
                    }
                }
                if let failure { throw failure }
                offset += count
                if count > 0 { continue }
            }
            if try flush() {
                if offset == bytes.count { return }
                continue
            }
            guard wait(for: Int16(POLLOUT), until: deadline) else {
                throw .timedOut(milliseconds: deadline.milliseconds)
            }
        }
    }
}

/// A TCP connection without blocking calls; waiting is done by poll.
package final class Socket: ByteLink {
    package private(set) var descriptor: Int32

    /// Takes over a connected or listening descriptor.
    package init(descriptor: Int32) { self.descriptor = descriptor }

    deinit { close() }

    package static func connect(to address: Address, until deadline: Deadline) throws(LinkError) -> Socket {
        ignoreBrokenPipes()
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(address.host, String(address.port), &hints, &list)
        guard code == 0 else { throw .notConnected("\(address): \(String(cString: gai_strerror(code)))") }
        defer { freeaddrinfo(list) }
        var reason = "no address"
        var next = list
        while let entry = next {
            next = entry.pointee.ai_next
            let descriptor = socket(
                entry.pointee.ai_family, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0
            )
            guard descriptor >= 0 else { continue }
            let socket = Socket(descriptor: descriptor)
            if Glibc.connect(descriptor, entry.pointee.ai_addr, entry.pointee.ai_addrlen) != 0 {
                guard errno == EINPROGRESS else {
                    reason = systemError()
                    continue
                }
                guard socket.wait(for: Int16(POLLOUT), until: deadline) else {
                    reason = "no answer within \(deadline.milliseconds) ms"
                    continue
                }
                var failure: Int32 = 0
                var size = socklen_t(MemoryLayout<Int32>.size)
                getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &failure, &size)
                if failure != 0 {
                    reason = String(cString: strerror(failure))
                    continue
                }
            }
            socket.noDelay()
            return socket
        }
        throw .notConnected("\(address): \(reason)")
    }

    func noDelay() {
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    package func receive(into buffer: UnsafeMutableRawBufferPointer) throws(LinkError) -> Int? {
        while true {
            guard descriptor >= 0 else { throw .closed }
            let count = recv(descriptor, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT))
            if count >= 0 { return count }
            switch errno {
            case EINTR: continue
            case EAGAIN: return nil
            // A peer that closes with unread bytes resets; to the reader it is a close.
            case ECONNRESET, EPIPE: return 0
            default: throw .broken(systemError())
            }
        }
    }

    package func transmit(_ bytes: UnsafeRawBufferPointer) throws(LinkError) -> Int {
        while true {
            guard descriptor >= 0 else { throw .closed }
            let count = Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
            if count >= 0 { return count }
            switch errno {
            case EINTR: continue
            case EAGAIN: return 0
            case ECONNRESET, EPIPE: throw .closed
            default: throw .broken(systemError())
            }
        }
    }

    /// What was taken has left.
    package func flush() throws(LinkError) -> Bool {
        while descriptor >= 0 {
            var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            let count = poll(&entry, 1, 0)
            if count >= 0 { return count > 0 }
        }
        throw .closed
    }

    package func close() {
        guard descriptor >= 0 else { return }
        _ = Glibc.close(descriptor)
        descriptor = -1
    }
}

/// Writing to a closed connection is an error of the call, not the end of the process.
package func ignoreBrokenPipes() { _ = signal(SIGPIPE, SIG_IGN) }
