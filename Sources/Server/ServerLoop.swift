package import EventLoop
package import Exchange
internal import Synchronization
internal import Telemetry
internal import TLS

/// The server's share of one loop: what its connections borrow while it is their turn, and the connections themselves.
package final class ServerLoop: @unchecked Sendable {  // used on the loop's thread, but for `loop.post`
    package let loop: EventLoop
    package let desk: RequestDesk
    let shared: ServerShared
    let readBuffer: UnsafeMutableRawBufferPointer
    private var madeStrideBuffer: UnsafeMutableRawBufferPointer?
    let pool = BufferPool()

    /// The open connections, by their slot on the loop.
    private var connections: [UInt32: Connection] = [:]
    /// Connections whose frame the budget did not let grow: they are looked at again as time passes.
    private var starved: [Connection] = []
    private var isStopping = false
    private var sweep: ScheduledWork?
    private let requests = Atomic<Int>(0)

    init(loop: EventLoop, shared: ServerShared) {
        self.loop = loop
        self.shared = shared
        desk = RequestDesk(loop: loop)
        readBuffer = .allocate(byteCount: ServerLimits.readBufferBytes, alignment: 4096)
    }

    deinit {
        readBuffer.deallocate()
        madeStrideBuffer?.deallocate()
    }

    /// What is encrypted next of a file, for connections with TLS.
    var strideBuffer: UnsafeMutableRawBufferPointer {
        if let madeStrideBuffer { return madeStrideBuffer }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: ServerLimits.encryptionStrideBytes, alignment: 4096)
        madeStrideBuffer = buffer
        return buffer
    }

    var count: Int { connections.count }

    /// How many requests this loop has had. Thread-safe.
    var requestCount: Int { requests.load(ordering: .relaxed) }

    /// Only the loop's thread writes, so that this needs no locked instruction.
    func countRequest() { requests.store(requests.load(ordering: .relaxed) &+ 1, ordering: .relaxed) }

    func adopt(_ descriptor: Int32, from listener: ListenerIdentity, _ context: TLSContext?) {
        guard !isStopping else {
            shared.closed(descriptor, host: nil)
            return
        }
        let tls: TLSConnection?
        do throws(TLSError) {
            tls = try context.map { (context) throws(TLSError) in try TLSConnection(context, socket: descriptor) }
        } catch {
            let host = Socket.peerAddress(of: descriptor).host
            shared.provoked.say(.error, of: host, "\(error)", "refused a connection of \(host) on \(listener.name): \(error)")
            shared.closed(descriptor, host: host)
            return
        }
        let connection = Connection(descriptor: descriptor, listener: listener, tls: tls, home: self)
        connections[connection.open()] = connection
        scheduleSweep()
    }

    func forget(_ slot: UInt32) {
        connections[slot] = nil
        if isStopping { finishIfDone() }
    }

    /// The connection's frame may not grow for now: it is asked again soon, until it may.
    func starve(_ connection: Connection) {
        starved.append(connection)
        guard starved.count == 1 else { return }
        loop.schedule(at: loop.clock.now().advanced(byMs: ServerLimits.starvedRetryMs)) { [unowned self] in retryStarved() }
    }

    private func retryStarved() {
        let waiting = starved
        starved = []
        for connection in waiting {
            let starvedBefore = starved.count
            connection.retryReading()
            // One that is held back again has said so itself.
            if connection.isStarved, !connection.isClosed, starved.count == starvedBefore { starve(connection) }
        }
    }

    // MARK: what time brings

    /// Runs while there are connections; an empty loop sleeps for good.
    private func scheduleSweep() {
        guard sweep == nil else { return }
        sweep = loop.schedule(at: loop.clock.now().advanced(byMs: ServerLimits.idleSweepMs)) { [unowned self] in
            sweep = nil
            lookAtAll()
            if !connections.isEmpty { scheduleSweep() }
        }
    }

    private func lookAtAll() {
        let now = loop.clock.now()
        for connection in Array(connections.values) {
            connection.closeIfStalled(at: now)
            connection.closeIfStillShakingHands(at: now)
            if shared.limits.connectionsMaxIdleMs >= 0 {
                connection.closeIfIdle(at: now, longerThanMs: shared.limits.connectionsMaxIdleMs)
            }
        }
    }

    // MARK: stopping

    private var stopped: (@Sendable () -> Void)?

    /// No new requests; what is in work is answered; `done` when the last connection is gone or the grace is over.
    func stop(_ done: @escaping @Sendable () -> Void) {
        isStopping = true
        stopped = done
        for connection in Array(connections.values) { connection.closeWhenAnswered() }
        loop.schedule(at: loop.clock.now().advanced(byMs: ServerLimits.stopGraceMs)) { [self] in
            for connection in Array(connections.values) { connection.close(nil) }
            finishIfDone()
        }
        finishIfDone()
    }

    private func finishIfDone() {
        guard connections.isEmpty, let done = stopped else { return }
        stopped = nil
        done()
    }
}
