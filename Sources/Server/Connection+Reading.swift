internal import Broker
internal import EventLoop
internal import Exchange
internal import Glibc
internal import KafkaMessages
internal import KafkaWire

extension Connection {
    /// Reads what the socket has, as long as the connection may go on.
    func read() {
        if let tls { return read(from: tls) }
        while mayRead {
            let free = frame.missing
            let count = receive(free)
            if count == 0 { return endOfInput() }
            if count < 0 {
                if errno == EAGAIN || errno == EINTR { return }
                return close(errno == ECONNRESET ? nil : "reading: \(String(cString: strerror(errno)))")
            }
            frameProgress = desk.loop.clock.now()
            let intoFrame = min(free, count)
            frame.grew(by: intoFrame)
            take(UnsafeMutableRawBufferPointer(rebasing: home.readBuffer[0..<(count - intoFrame)]))
            // Less than there was room for: the socket is empty, and asking again would only cost a call.
            if count < free + home.readBuffer.count { return }
        }
    }

    /// Into the free room of the cut frame first, then into the loop's buffer.
    private func receive(_ free: Int) -> Int {
        guard free > 0, let bytes = frame.bytes else {
            return recv(descriptor, home.readBuffer.baseAddress, home.readBuffer.count, 0)
        }
        var pieces = (
            iovec(iov_base: bytes + frame.count, iov_len: free),
            iovec(iov_base: home.readBuffer.baseAddress, iov_len: home.readBuffer.count)
        )
        return withUnsafeMutablePointer(to: &pieces) { pointer in
            pointer.withMemoryRebound(to: iovec.self, capacity: 2) { readv(descriptor, $0, 2) }
        }
    }

    /// Works on the kept bytes and then on the fresh ones behind them; keeps what is left.
    func take(_ fresh: UnsafeMutableRawBufferPointer) {
        var rest = fresh
        // The kept bytes may hold several frames, and end in the middle of another one.
        while !frame.isEmpty, mayRead {
            guard let taken = completeKeptFrame(with: rest) else { return }
            rest = UnsafeMutableRawBufferPointer(rebasing: rest[taken...])
            if rest.isEmpty { return }
        }
        guard frame.isEmpty else { return keep(rest) }
        keep(UnsafeMutableRawBufferPointer(rebasing: rest[workOnFrames(rest)...]))
    }

    /// Moves as much of the fresh bytes to the kept ones as completes their first frame, and works on what is kept.
    /// How many fresh bytes that took; nil where the connection stops here (and all of them are kept).
    private func completeKeptFrame(with fresh: UnsafeMutableRawBufferPointer) -> Int? {
        var taken = 0
        func move(_ target: Int) -> Bool {
            let missing = min(target - frame.count, fresh.count - taken)
            guard missing > 0 else { return true }
            guard frame.reserve(
                frame.count + missing, expected: target, from: home.pool, home.shared.budget, holder: number)
            else {
                starve(UnsafeMutableRawBufferPointer(rebasing: fresh[taken...]))
                return false
            }
            frame.append(fresh.baseAddress! + taken, missing)
            taken += missing
            return true
        }
        guard move(4) else { return nil }
        guard let length = frame.frameLength else { return taken }
        guard isAcceptable(frameLength: length - 4, start: UnsafeRawPointer(frame.bytes!)) else { return nil }
        guard move(length) else { return nil }
        if frame.count >= length { workOnKept() }
        if isClosed { return nil }
        return taken
    }

    /// Works on whole frames that are kept; called when an answer is out and there may be more of them.
    func resume() {
        if !frame.isEmpty { workOnKept() }
        if mayRead { read() }
    }

    private func workOnKept() {
        guard let bytes = frame.bytes else { return }
        let done = workOnFrames(UnsafeMutableRawBufferPointer(start: bytes, count: frame.count))
        if isClosed { return }
        if done == frame.count {
            frame.release(to: home.pool, home.shared.budget, holder: number)
        } else {
            frame.drop(done)
        }
    }

    /// Hands over whole frames, one after the other, until one waits for its answer. How many bytes that were.
    private func workOnFrames(_ bytes: UnsafeMutableRawBufferPointer) -> Int {
        var place = 0
        while mayRead, bytes.count - place >= 4 {
            let start = bytes.baseAddress! + place
            let length = Int(Int32(bigEndian: start.loadUnaligned(as: Int32.self)))
            guard isAcceptable(frameLength: length, start: start) else { return place }
            guard bytes.count - place - 4 >= length else { return place }
            handle(UnsafeMutableRawBufferPointer(start: start + 4, count: length))
            if isHeldBack { return place }
            place += 4 + length
            if desk.output.count >= ServerLimits.outputPerSendBytes || !desk.regions.isEmpty, !isClosed { flush() }
        }
        return place
    }

    private func keep(_ rest: UnsafeMutableRawBufferPointer) {
        guard !rest.isEmpty, !isClosed else { return }
        var expected = 0
        if frame.isEmpty, rest.count >= 4 {
            expected = 4 + Int(Int32(bigEndian: rest.baseAddress!.loadUnaligned(as: Int32.self)))
        }
        guard frame.reserve(
            frame.count + rest.count, expected: expected, from: home.pool, home.shared.budget, holder: number)
        else { return starve(rest) }
        frame.append(rest.baseAddress!, rest.count)
    }

    /// The budget has no room for more: what was read is kept in any case (it is at most a read buffer), but nothing more
    /// is read until there is room.
    private func starve(_ rest: UnsafeMutableRawBufferPointer) {
        isStarved = true
        home.starve(self)
        frame.appendBeyondBudget(UnsafeRawBufferPointer(rest), from: home.pool)
    }

    /// Time has passed or memory has come free.
    func retryReading() {
        if isHeldBack, !isClosed {
            isHeldBack = false
            frameProgress = desk.loop.clock.now()
            if !isStarved { return inTurn { resume() } }
        }
        guard isStarved, !isClosed, let length = frame.frameLength else { return }
        guard frame.reserve(
            frame.count + 1, expected: length, from: home.pool, home.shared.budget, holder: number)
        else { return }
        isStarved = false
        frameProgress = desk.loop.clock.now()
        inTurn { resume() }
    }

    // MARK: frames

    private func isAcceptable(frameLength length: Int, start: UnsafeRawPointer) -> Bool {
        if length >= 8, length <= home.shared.limits.socketRequestMaxBytes { return true }
        if let guess = ForeignProtocol(firstBytes: UnsafeRawBufferPointer(start: start, count: 4)) {
            close(guess.reason(on: client.listener))
        } else if length < 8 {
            close("a frame of \(length) bytes has no room for a request header")
        } else {
            close(
                "a frame of \(length) bytes is longer than "
                    + "socket.request.max.bytes=\(home.shared.limits.socketRequestMaxBytes)")
        }
        return false
    }

    private func handle(_ bytes: UnsafeMutableRawBufferPointer) {
        lastRequest = frameProgress
        isWorking = true
        isHandling = true
        countRequest()
        home.shared.broker.handle(bytes, from: client, on: self, desk: desk)
        desk.arena.reset()
        finishHandling()
    }
}

/// What comes to a Kafka port by mistake, told by its first four bytes.
enum ForeignProtocol: Equatable {
    case tls, http

    init?(firstBytes: UnsafeRawBufferPointer) {
        guard firstBytes.count >= 4 else { return nil }
        // A TLS record: handshake (22), version 3.x.
        if firstBytes[0] == 0x16, firstBytes[1] == 3, firstBytes[2] <= 4 {
            self = .tls
            return
        }
        let text = String(decoding: firstBytes[..<4], as: UTF8.self)
        guard ["GET ", "POST", "HEAD", "PUT ", "OPTI", "DELE", "CONN", "PATC", "TRAC", "PRI "].contains(text) else { return nil }
        self = .http
    }

    func reason(on listener: ListenerIdentity) -> String {
        switch self {
        case .tls: "a TLS hello on a listener of protocol \(listener.securityProtocol): the client has security.protocol=SSL"
        case .http: "an HTTP request; this port speaks Kafka's protocol"
        }
    }
}
