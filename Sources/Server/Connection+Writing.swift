internal import EventLoop
internal import Exchange
internal import Files
internal import Glibc
internal import KafkaWire

extension Connection {
    /// Sends the turn's answers: the bytes in one call, each region behind its place. What the socket does not take is
    /// kept, and nothing is read until it is out.
    func flush() {
        guard desk.output.count > 0, !isClosed else { return }
        var start = 0
        let bytes = desk.output.bytes
        for placed in desk.regions {
            put(UnsafeRawBufferPointer(rebasing: bytes[start..<placed.place]), more: true)
            put(placed.region)
            start = placed.place
        }
        put(UnsafeRawBufferPointer(rebasing: bytes[start...]), more: false)
        desk.clearOutput()
        if !isClosed, tls != nil || !queue.isEmpty { _ = drain() }
    }

    private func put(_ bytes: UnsafeRawBufferPointer, more: Bool) {
        guard !bytes.isEmpty, !isClosed else { return }
        guard queue.isEmpty else { return queue.append(copying: bytes) }
        let sent = send(bytes, more: more)
        guard sent >= 0, sent < bytes.count else { return }
        queue.append(copying: UnsafeRawBufferPointer(rebasing: bytes[sent...]))
    }

    private func put(_ region: FileRegion) {
        guard !isClosed else { return }
        guard queue.isEmpty, region.count <= ServerLimits.sendStrideBytes, tls != nil || region.isResident else {
            return queue.append(region)
        }
        let sent = send(region, region.count)
        guard sent >= 0, sent < region.count else { return }
        queue.append(
            FileRegion(file: region.file, offset: region.offset + Int64(sent), count: region.count - sent))
    }

    /// Sends what is owed. True when all of it is out.
    func drain() -> Bool {
        while let piece = queue.first {
            if isClosed || isLoading { return false }
            switch piece {
            case .bytes(let buffer, let sent):
                let rest = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[sent...])
                let count = send(rest, more: false)
                if count > 0 { queue.sent(count) }
                if count < rest.count { return false }
            case .region(let region):
                let stride = FileRegion(
                    file: region.file, offset: region.offset, count: min(region.count, ServerLimits.sendStrideBytes))
                guard tls != nil || stride.isResident else {
                    load(stride)
                    return false
                }
                let count = send(stride, stride.count)
                if count > 0 { queue.sent(count) }
                if count < stride.count {
                    // Under TLS the socket may have taken everything, and the page cache had no more.
                    if tls != nil, count >= 0, uncork(), case .region(let rest)? = queue.first {
                        load(FileRegion(file: rest.file, offset: rest.offset, count: stride.count - count))
                    }
                    return false
                }
            }
        }
        return !isClosed && uncork()
    }

    /// How many bytes the socket took; -1 when the connection is closed now.
    private func send(_ bytes: UnsafeRawBufferPointer, more: Bool) -> Int {
        if let tls { return send(bytes, through: tls) }
        let count = Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL) | (more ? Int32(MSG_MORE) : 0))
        if count >= 0 { return count }
        if errno == EAGAIN || errno == EINTR { return 0 }
        // The peer has gone; what it asked for is of no use.
        close(nil)
        return -1
    }

    private func send(_ region: FileRegion, _ count: Int) -> Int {
        if let tls { return send(region, through: tls) }
        do throws(FileError) {
            guard let sent = try region.file.send(to: descriptor, from: region.offset, count: count) else { return 0 }
            if sent == 0 {
                close("\(region.file.path) ended before the \(count) bytes at \(region.offset) that were to be sent")
                return -1
            }
            return sent
        } catch {
            // The file's error or the socket's: a peer that has gone is no news.
            close(error.code == EPIPE || error.code == ECONNRESET ? nil : "sending a piece of a log: \(error)")
            return -1
        }
    }

    /// The loop never waits for the disk: a worker reads the piece into the page cache first.
    func load(_ region: FileRegion) {
        isLoading = true
        guard let registration else { return }
        let loop = home.loop
        home.shared.workers.submit {
            // A failure to read shows again when the piece is sent, where the connection can be told.
            try? region.load()
            loop.post {
                guard let channel = loop.channel(slot: registration.slot, generation: registration.generation) else { return }
                unsafeDowncast(channel, to: Connection.self).loaded()
            }
        }
    }

    private func loaded() {
        isLoading = false
        inTurn { if drain() { resume() } }
    }
}
