internal import EventLoop
internal import Exchange
internal import Files
internal import TLS
internal import Telemetry

/// The same two directions where a TLS connection stands between this one and its socket.
extension Connection {
    // MARK: handshake

    func shakeHands() {
        guard let tls, !isClosed else { return }
        switch tls.handshake() {
        case .done:
            isShakingHands = false
            client.principal = "User:" + tls.principalName
            lastRequest = desk.loop.clock.now()
            log.debug(
                "encrypted", [
                    "peer": client.peer, "listener": client.listener.name, "protocol": tls.protocolName,
                    "cipher": tls.cipherSuite, "resumed": tls.isResumed, "principal": client.principal,
                ])
            // The first request may lie behind the handshake's last record, inside OpenSSL.
            inTurn { read(from: tls) }
        case .wantRead: wait(for: [.readable, .peerClosed])
        case .wantWrite: wait(for: [.writable])
        case .failed(let failure): close(failure)
        }
    }

    /// What came and went without a word is no news: a health check, a port scan.
    private func close(_ failure: TLSFailure) { close(failure.kind == .silent ? nil : failure.message) }

    func closeIfStillShakingHands(at now: MonotonicTime) {
        guard isShakingHands, now.milliseconds(since: lastRequest) >= ServerLimits.handshakeMs else { return }
        close("the TLS handshake was not through after \(ServerLimits.handshakeMs / 1000) s")
    }

    // MARK: reading

    /// Goes on until the connection has nothing more: what lies inside it wakes no epoll.
    func read(from tls: TLSConnection) {
        while mayRead {
            // The free room of a cut frame is filled where it is.
            let free = frame.missing
            let target = frame.bytes.flatMap { free > 0 ? UnsafeMutableRawBufferPointer(start: $0 + frame.count, count: free) : nil }
            switch tls.read(into: target ?? home.readBuffer) {
            case .bytes(let count):
                frameProgress = desk.loop.clock.now()
                if target != nil { frame.grew(by: count) }
                take(UnsafeMutableRawBufferPointer(rebasing: home.readBuffer[0..<(target == nil ? count : 0)]))
                if tls.isDrained { return }
            case .wantRead, .wantWrite: return
            case .closed: return endOfInput()
            // A peer that goes in the middle of a record is no more news than one that goes in the middle of a frame.
            case .failed(let failure): return close(failure.kind == .socket || failure.kind == .closed ? nil : failure.message)
            }
        }
    }

    // MARK: writing

    /// How many bytes the connection took; -1 when it is closed now.
    func send(_ bytes: UnsafeRawBufferPointer, through tls: TLSConnection) -> Int {
        var taken = 0
        while taken < bytes.count {
            let count = tls.write(UnsafeRawBufferPointer(rebasing: bytes[taken...]))
            taken += count
            if count == 0, !uncork() { return isClosed ? -1 : taken }
        }
        return taken
    }

    /// Reads what the page cache has and encrypts it. How many bytes went; fewer where the socket takes no more or the
    /// page cache has no more, -1 when the connection is closed now.
    func send(_ region: FileRegion, through tls: TLSConnection) -> Int {
        var taken = 0
        while taken < region.count {
            let room = home.strideBuffer[0..<min(region.count - taken, ServerLimits.encryptionStrideBytes)]
            let offset = region.offset + Int64(taken)
            let count: Int?
            do throws(FileError) {
                count = try region.file.readWithoutWaiting(into: UnsafeMutableRawBufferPointer(rebasing: room), at: offset)
            } catch {
                close("sending a piece of a log: \(error)")
                return -1
            }
            guard let count else { return taken }
            if count == 0 {
                close("\(region.file.path) ended before the \(region.count - taken) bytes at \(offset) that were to be sent")
                return -1
            }
            let sent = send(UnsafeRawBufferPointer(rebasing: home.strideBuffer[0..<count]), through: tls)
            if sent < 0 { return -1 }
            taken += sent
            if sent < count { return taken }
        }
        return taken
    }

    /// True when nothing waits for the socket; on a plaintext connection that is so anyway.
    func uncork() -> Bool {
        guard let tls else { return true }
        switch tls.uncork() {
        case .allGone: return true
        case .blocked: return false
        case .failed:
            // The peer has gone; what it asked for is of no use.
            close(nil)
            return false
        }
    }
}
