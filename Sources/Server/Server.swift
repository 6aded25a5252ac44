package import Broker
package import EventLoop
package import Exchange
internal import Glibc
internal import Synchronization
package import Telemetry
package import TLS

/// The broker's door: listeners on the first loop, connections on all of them.
package final class Server: @unchecked Sendable {  // what changes after init belongs to the first loop's thread
    package struct Endpoint: Sendable {
        package let listener: String
        package let securityProtocol: String
        package let address: SocketAddress
    }

    package let loops: [ServerLoop]
    let log: Logger
    private let shared: ServerShared
    private var listeners: [Listener] = []
    private var nextLoop = 0
    private var certificateCheck: ScheduledWork?

    /// `loops` are turned by the caller, each on a thread of its own; the first one accepts. `bounds` is asked at each connection.
    package init(
        broker: Broker, loops: [EventLoop], limits: ServerLimits, bounds: @escaping @Sendable () -> ConnectionBounds = { .init() }, queuedMaxRequestBytes: Int?, workers: WorkerPool,
        log: Logger = Logger("server")
    ) {
        precondition(!loops.isEmpty)
        self.log = log
        let budget = FrameBudget(limit: queuedMaxRequestBytes ?? FrameBudget.quarterOfMemory())
        let shared = ServerShared(broker: broker, limits: limits, bounds: bounds, budget: budget, workers: workers, log: log, loop: loops[0])
        self.shared = shared
        self.loops = loops.map { ServerLoop(loop: $0, shared: shared) }
        shared.whenThereIsRoom { [weak self, weak loop = loops[0]] in
            loop?.post { [weak self] in for listener in self?.listeners ?? [] { listener.goOn() } }
        }
    }

    /// Accepts on a socket that is bound and listens; with a keeper, connections are encrypted by its certificate.
    /// Before the loops run, or on the first loop.
    @discardableResult
    package func listen(on descriptor: Int32, as identity: ListenerIdentity, tls: TLSContextKeeper? = nil) -> Endpoint {
        let listener = Listener(descriptor: descriptor, identity: identity, tls: tls, server: self, loop: loops[0].loop)
        listener.open()
        listeners.append(listener)
        if tls != nil, certificateCheck == nil { scheduleCertificateCheck() }
        return Endpoint(
            listener: identity.name, securityProtocol: identity.securityProtocol, address: listener.address)
    }

    /// Looks at the files of certificates now and then; a worker reads them where they changed.
    private func scheduleCertificateCheck() {
        let loop = loops[0].loop
        certificateCheck = loop.schedule(at: loop.clock.now().advanced(byMs: ServerLimits.certificateCheckMs)) { [self] in
            let keepers = listeners.compactMap(\.tls)
            guard !keepers.isEmpty else { return }
            shared.workers.submit { for keeper in keepers { keeper.refresh() } }
            scheduleCertificateCheck()
        }
    }

    /// How many requests there have been so far, over all loops.
    package var requestCount: Int { loops.reduce(0) { $0 + $1.requestCount } }

    func hasRoom(on identity: ListenerIdentity) -> Bool { shared.hasRoom(on: identity) }

    func admit(_ descriptor: Int32, from identity: ListenerIdentity, _ context: TLSContext?) {
        let host = Socket.peerAddress(of: descriptor).host
        if case .tooMany(let bound) = shared.admit(host: host) {
            shared.provoked.say(
                of: host, bound, "refused a connection of \(host) on \(identity.name): \(bound) is reached", ["peer": host])
            close(descriptor)
            return
        }
        Socket.keepAlive(descriptor)
        let limits = shared.limits
        if limits.socketSendBufferBytes > 0 { Socket.setSendBuffer(descriptor, bytes: limits.socketSendBufferBytes) }
        if limits.socketReceiveBufferBytes > 0 { Socket.setReceiveBuffer(descriptor, bytes: limits.socketReceiveBufferBytes) }
        let home = loops[nextLoop]
        nextLoop = (nextLoop + 1) % loops.count
        if home.loop.isCurrent {
            home.adopt(descriptor, from: identity, context)
        } else {
            home.loop.post { home.adopt(descriptor, from: identity, context) }
        }
    }

    /// Stops as a user of SIGTERM expects: no new connections and requests, answers go out, then `done` on some loop's thread.
    /// On the first loop.
    package func stop(_ done: @escaping @Sendable () -> Void) {
        for listener in listeners { listener.shut() }
        listeners = []
        let countdown = Countdown(loops.count) { [shared] in
            shared.provoked.flush()
            done()
        }
        for home in loops { home.loop.post { home.stop { countdown.one() } } }
    }
}

/// Calls `done` when it was counted down to zero.
private final class Countdown: Sendable {
    private let left: Mutex<Int>
    private let done: @Sendable () -> Void

    init(_ count: Int, _ done: @escaping @Sendable () -> Void) {
        left = Mutex(count)
        self.done = done
    }

    func one() {
        let isLast = left.withLock { left in
            left -= 1
            return left == 0
        }
        if isLast { done() }
    }
}
