internal import Glibc

/// One client's connection and the one to the broker that it stands for. One thread carries bytes both ways, never waits on one
/// side while the other could go on, and keeps what passed.
final class ProxiedConnection {
    private static let readBytes = 256 << 10
    /// While so much waits for one side, nothing more is read from the other.
    private static let maximumWaitingBytes = 4 << 20

    /// Bytes on their way to one side.
    private struct Waiting {
        var bytes: [UInt8] = []
        var position = 0
        var count: Int { bytes.count - position }
    }

    private let client: any ByteLink
    private let broker: any ByteLink
    private let recorder: Recorder
    private let rewriter: AddressRewriter
    private let note: (String) -> Void
    private let number: Int

    private var fromClient = FrameCutter()
    private var fromBroker = FrameCutter()
    private var toClient = Waiting()
    private var toBroker = Waiting()
    private var dialogue = Dialogue()

    init(
        client: any ByteLink, broker: any ByteLink, recorder: Recorder, rewriter: AddressRewriter,
        note: @escaping (String) -> Void
    ) {
        self.client = client
        self.broker = broker
        self.recorder = recorder
        self.rewriter = rewriter
        self.note = note
        number = recorder.opened()
    }

    /// Returns when one side has closed, or the proxy stops.
    func run(until isStopped: () -> Bool) {
        var buffer = [UInt8](repeating: 0, count: Self.readBytes)
        let closer = buffer.withUnsafeMutableBytes { carry($0, isStopped) }
        recorder.closed(number, by: closer)
        client.close()
        broker.close()
    }

    private func carry(_ buffer: UnsafeMutableRawBufferPointer, _ isStopped: () -> Bool) -> ConnectionLife.Closer {
        while !isStopped() {
            do throws(LinkError) {
                if try !readRequests(buffer) {
                    _ = try? send(&toBroker, to: broker)
                    return .client
                }
            } catch {
                return .client
            }
            do throws(LinkError) {
                if try !readResponses(buffer) {
                    _ = try? send(&toClient, to: client)
                    return .broker
                }
                _ = try send(&toBroker, to: broker)
            } catch {
                return .broker
            }
            do throws(LinkError) { _ = try send(&toClient, to: client) } catch { return .client }
            waitForEither()
        }
        return .broker
    }

    private func waitForEither() {
        var entries = [
            pollfd(fd: client.descriptor, events: 0, revents: 0), pollfd(fd: broker.descriptor, events: 0, revents: 0),
        ]
        if toBroker.count < Self.maximumWaitingBytes { entries[0].events |= Int16(POLLIN) }
        if toClient.count > 0 { entries[0].events |= Int16(POLLOUT) }
        if toClient.count < Self.maximumWaitingBytes { entries[1].events |= Int16(POLLIN) }
        if toBroker.count > 0 { entries[1].events |= Int16(POLLOUT) }
        // Now and then it wakes to see whether the proxy stops.
        poll(&entries, 2, 200)
    }

    /// False when the client has closed.
    private func readRequests(_ buffer: UnsafeMutableRawBufferPointer) throws(LinkError) -> Bool {
        guard toBroker.count < Self.maximumWaitingBytes, let count = try client.receive(into: buffer) else {
            return true
        }
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[0..<count])
        let take: (FrameCutter.Piece) -> Void = { piece in
            switch piece {
            case .head(let head): self.toBroker.bytes += head
            case .pass(let range):
                self.toBroker.bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[range]))
            case .frame(let frame, _): self.request(frame)
            case .skipped(let length):
                self.note("connection \(self.number): a request of \(length) bytes passed unrecorded")
                self.dialogue.unreadRequest()
            case .notKafka(let length):
                self.note(
                    "connection \(self.number): a request begins with length \(length): passed on as it is from here on"
                )
            }
        }
        if count == 0 {
            fromClient.finish(take)
            return false
        }
        fromClient.feed(bytes, holds: { _, _ in false }, take)
        return true
    }

    /// False when the broker has closed.
    private func readResponses(_ buffer: UnsafeMutableRawBufferPointer) throws(LinkError) -> Bool {
        guard toClient.count < Self.maximumWaitingBytes, let count = try broker.receive(into: buffer) else {
            return true
        }
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[0..<count])
        let take: (FrameCutter.Piece) -> Void = { piece in
            switch piece {
            case .head(let head): self.toClient.bytes += head
            case .pass(let range):
                self.toClient.bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[range]))
            case .frame(let frame, let isHeld): self.response(frame, isHeld: isHeld)
            case .skipped(let length):
                self.note("connection \(self.number): an answer of \(length) bytes passed unrecorded")
            case .notKafka(let length):
                self.note(
                    "connection \(self.number): an answer begins with length \(length): passed on as it is from here on"
                )
            }
        }
        if count == 0 {
            fromBroker.finish(take)
            return false
        }
        fromBroker.feed(bytes, holds: holds, take)
        return true
    }

    private func send(_ waiting: inout Waiting, to link: any ByteLink) throws(LinkError) -> Bool {
        while waiting.count > 0 {
            var failure: LinkError?
            let count = waiting.bytes.withUnsafeBytes { all in
                do throws(LinkError) {
                    return try link.transmit(UnsafeRawBufferPointer(rebasing: all[waiting.position...]))
                } catch {
                    failure = error
                    return 0
                }
            }
            if let failure { throw failure }
            if count == 0 { break }
            waiting.position += count
        }
        if waiting.count == 0 {
            waiting.bytes.removeAll(keepingCapacity: waiting.bytes.capacity <= Self.maximumWaitingBytes)
            waiting.position = 0
        }
        return try link.flush()
    }
}

// What the frames say.
extension ProxiedConnection {
    private func request(_ frame: [UInt8]) {
        let problem = dialogue.request(frame) { packet, isSaslRaw in
            recorder.request(frame, packet, on: number, isSaslRaw: isSaslRaw)
        }
        if let problem { note("connection \(number): \(problem)") }
    }

    private func holds(_ length: Int, _ correlationId: Int32) -> Bool {
        guard let request = dialogue.pending(correlationId), let apiKey = request.apiKey else { return false }
        return AddressRewriter.mayName(apiKey: apiKey, version: request.version, length: length)
    }

    private func response(_ frame: [UInt8], isHeld: Bool) {
        var frame = frame
        if let request = dialogue.response(frame) {
            if isHeld, let apiKey = request.apiKey,
                let rewritten = rewriter.rewrite(frame, apiKey: apiKey, version: request.version)
            {
                frame = rewritten
            }
            if let exchange = request.exchange { recorder.response(frame, to: exchange) }
        } else {
            note(
                "connection \(number): an answer with correlation id \(Dialogue.correlationId(of: frame)) to no request"
            )
        }
        if isHeld { toClient.bytes += FrameCutter.lengthBytes(frame.count) + frame }
    }
}
