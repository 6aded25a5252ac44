internal import EventLoop
internal import Exchange
internal import Glibc
internal import Telemetry
internal import TLS

/// A listening socket on the first loop: accepts, counts, and hands each connection to the next loop.
final class Listener: Channel, @unchecked Sendable {  // used on the first loop's thread alone
    let identity: ListenerIdentity
    let descriptor: Int32
    let address: SocketAddress
    /// Nil where nothing is encrypted.
    let tls: TLSContextKeeper?
    private unowned let server: Server
    private unowned let loop: EventLoop
    private var saidExhaustedAt = MonotonicTime(nanoseconds: 0)

    /// After the system had no descriptor left, the next try comes so much later: accepting again at once would spin.
    private static let exhaustedPauseMs: Int64 = 100

    init(descriptor: Int32, identity: ListenerIdentity, tls: TLSContextKeeper?, server: Server, loop: EventLoop) {
        self.descriptor = descriptor
        self.identity = identity
        self.tls = tls
        self.server = server
        self.loop = loop
        address = Socket.localAddress(of: descriptor)
    }

    func open() { _ = loop.register(self, descriptor: descriptor, for: .readable) }

    /// Stops to listen and closes.
    func shut() {
        loop.deregister(self)
        close(descriptor)
    }

    override func ready(_ events: EventLoop.Events) {
        while true {
            guard server.hasRoom(on: identity) else { return pause(ms: ServerLimits.fullRetryMs) }
            switch Socket.accept(from: descriptor) {
            case .connection(let connection): server.admit(connection, from: identity, tls?.current)
            case .none: return
            case .exhausted(let code): return pause(after: code)
            }
        }
    }

    private func pause(after code: Int32) {
        let now = loop.clock.now()
        if now.milliseconds(since: saidExhaustedAt) >= 1000 {
            saidExhaustedAt = now
            server.log.error("listener \(identity.name) cannot accept: \(String(cString: strerror(code)))")
        }
        pause(ms: Self.exhaustedPauseMs)
    }

    private func pause(ms: Int64) {
        loop.change(self, to: [])
        loop.schedule(at: loop.clock.now().advanced(byMs: ms)) { [self] in goOn() }
    }

    /// Accepts again after a pause.
    func goOn() {
        if registration != nil { loop.change(self, to: .readable) }
    }
}
