internal import Broker
internal import EventLoop
internal import Exchange
internal import Glibc
internal import KafkaWire
internal import Telemetry
internal import TLS

/// One client's connection: reads, cuts frames, hands each request to the broker, sends the answers. It lives on one loop.
///
/// One request is in work at a time; what comes meanwhile stays in `frame` or in the socket. `Connection+Reading.swift`
/// and `Connection+Writing.swift` have the two directions.
final class Connection: AnswerChannel {
    private struct PendingClose { let reason: String? }

    let descriptor: Int32
    unowned let home: ServerLoop
    let client: Client
    let number: Int

    // Reading
    var frame = FrameBuffer()
    /// A request was handed over and is not answered yet.
    var isWorking = false
    private var requestsInTurn = 0
    /// A letter to itself is under way: more requests may wait in `frame` and in the socket.
    private var comesBack = false
    /// The request at hand was held back: it is kept, and handed over again by the next look at those who starve.
    var isHeldBack = false
    /// The budget did not let `frame` grow.
    var isStarved = false
    /// Since when `frame` has made no progress.
    var frameProgress: MonotonicTime
    var lastRequest: MonotonicTime

    // TLS
    let tls: TLSConnection?
    /// The handshake is not through: nothing of Kafka's protocol has been read yet.
    var isShakingHands: Bool

    // Writing
    var queue = OutputQueue()
    /// A worker brings the next region into the page cache.
    var isLoading = false

    private var interest: EventLoop.Events = []
    private var closesWhenAnswered = false
    /// The peer will send no more; what it has sent may still lie in the socket.
    private var peerHasClosed = false
    /// All of it was read.
    private var hasReadAll = false
    private(set) var isClosed = false
    /// A handler is running: its request lies in this connection's memory, so that closing waits until it has returned.
    var isHandling = false
    private var closesAfterHandling: PendingClose?

    var desk: RequestDesk { home.desk }
    var log: Logger { home.shared.log }

    init(descriptor: Int32, listener: ListenerIdentity, tls: TLSConnection?, home: ServerLoop) {
        self.descriptor = descriptor
        self.home = home
        self.tls = tls
        isShakingHands = tls != nil
        number = home.shared.nextConnectionNumber()
        let address = Socket.peerAddress(of: descriptor)
        client = Client(listener: listener, peer: address.description, host: address.host)
        lastRequest = home.loop.clock.now()
        frameProgress = lastRequest
    }

    /// Joins its loop; the slot there.
    func open() -> UInt32 {
        interest = [.readable, .peerClosed]
        return home.loop.register(self, descriptor: descriptor, for: interest).slot
    }

    override func ready(_ events: EventLoop.Events) {
        // Also where the peer is gone: its last word may be the alert that says why.
        if isShakingHands { return shakeHands() }
        if events.contains(.failed) || events.contains(.hungUp) { return close(nil) }
        if events.contains(.writable), owes, !isLoading {
            inTurn { if drain() { resume() } }
            if isClosed { return }
        }
        if comesBack {
            // Its turn comes by the letter that it has written; another one would be one turn too many, each time.
        } else if mayRead {
            // What is kept comes before what is new, so that a client that pipelines without end is not kept whole.
            inTurn { resume() }
        } else if events.contains(.peerClosed) {
            // It may have said only that this was its last request: what it has asked is answered, as Kafka does. Nothing is lost on
            // one that is gone for good: the answer's arrival there ends the connection. A frame that waits for room is not finished.
            if isStarved { return close(nil) }
            peerHasClosed = true
            updateInterest()
        } else if events.contains(.readable) {
            // The socket keeps what has come until the request in work is answered.
            updateInterest()
        }
    }

    /// Nothing is in work, nothing is owed, and there is room.
    var mayRead: Bool { !isWorking && !owes && !isStarved && !isHeldBack && !isClosed && !hasHadItsTurn && !hasReadAll }

    private var hasHadItsTurn: Bool { requestsInTurn >= ServerLimits.requestsPerTurn }

    func countRequest() {
        requestsInTurn += 1
        home.countRequest()
    }

    /// The socket did not take everything that is meant for the peer.
    var owes: Bool { !queue.isEmpty || tls?.hasUnsent == true }

    /// Runs `body` as this connection's turn: what is answered meanwhile goes into the desk's output, and out at the end.
    func inTurn(_ body: () -> Void) {
        guard !isClosed else { return }
        let isOuter = desk.turn == nil
        if isOuter { desk.turn = self }
        body()
        guard isOuter else { return }
        if !isClosed { flush() }
        desk.clearOutput()
        desk.turn = nil
        if hasHadItsTurn { comeBackLater() }
        requestsInTurn = 0
        if closesWhenAnswered, !isWorking, !owes { close(nil) }
        if !isClosed { updateInterest() }
    }

    /// Behind the others there may be more requests, in `frame` and in the socket.
    private func comeBackLater() {
        guard !isClosed, !comesBack, let registration else { return }
        comesBack = true
        let loop = home.loop
        loop.post {
            guard let channel = loop.channel(slot: registration.slot, generation: registration.generation) else { return }
            let connection = unsafeDowncast(channel, to: Connection.self)
            connection.comesBack = false
            if connection.mayRead { connection.inTurn { connection.resume() } }
        }
    }

    func updateInterest() {
        var wanted: EventLoop.Events = peerHasClosed ? [] : [.peerClosed]
        if mayRead { wanted.insert(.readable) }
        if owes, !isLoading { wanted.insert(.writable) }
        wait(for: wanted)
    }

    func wait(for wanted: EventLoop.Events) {
        guard wanted != interest else { return }
        interest = wanted
        home.loop.change(self, to: wanted)
    }

    // MARK: answers

    override func answered() {
        isWorking = false
        // Within the turn that read the request the reading goes on by itself.
        if desk.turn == nil { inTurn { resume() } }
    }

    override func declined() { answered() }

    override func heldBack() {
        isWorking = false
        isHeldBack = true
        home.starve(self)
    }

    override func refused(_ reason: String) { close(reason) }

    // MARK: the end

    /// The handler has returned.
    func finishHandling() {
        isHandling = false
        if let pending = closesAfterHandling { close(pending.reason) }
    }

    func closeWhenAnswered() {
        closesWhenAnswered = true
        if !isWorking, !owes { close(nil) }
    }

    /// The peer's last byte was read: it closes when what it has asked is answered.
    func endOfInput() {
        peerHasClosed = true
        hasReadAll = true
        closesWhenAnswered = true
    }

    /// A request that waits is no idleness, as long as its peer may still be there.
    func closeIfIdle(at now: MonotonicTime, longerThanMs limit: Int64) {
        guard !isWorking && !owes || peerHasClosed, now.milliseconds(since: lastRequest) >= limit else { return }
        log.debug("closed an idle connection", ["peer": client.peer, "listener": client.listener.name])
        close(nil)
    }

    /// A frame that may grow past the budget is given up when nothing of it comes any more: the others wait for it.
    func closeIfStalled(at now: MonotonicTime) {
        guard home.shared.budget.isPrivileged(number) else { return }
        let stalled = now.milliseconds(since: frameProgress)
        guard stalled >= ServerLimits.stalledFrameMs, let length = frame.frameLength else { return }
        close(
            "a frame of \(length - 4) bytes has made no progress for \(stalled / 1000) s, "
                + "and queued.max.request.bytes is used up")
    }

    /// Closes; with a reason, the log says it.
    func close(_ reason: String?) {
        if isHandling {
            if closesAfterHandling == nil { closesAfterHandling = PendingClose(reason: reason) }
            return
        }
        // What was answered in this turn before the request that ends it goes out: a client that sent both is owed it.
        if reason != nil, desk.turn === self { flush() }
        guard !isClosed, let slot = registration?.slot else { return }
        isClosed = true
        if let reason {
            home.shared.provoked.say(
                of: client.host, reason, "closed \(client.peer) on \(client.listener.name): \(reason)",
                ["peer": client.peer])
        }
        tls?.close()
        home.loop.deregister(self)
        frame.release(to: home.pool, home.shared.budget, holder: number)
        queue.release()
        home.shared.broker.connectionClosed(client)
        home.shared.closed(descriptor, host: client.host)
        home.forget(slot)
    }
}
