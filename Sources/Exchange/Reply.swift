package import KafkaMessages
internal import EventLoop
internal import KafkaWire
internal import Telemetry

/// The right, and the duty, to answer one request: spent by `send`, `declined` or `refuse`, on any thread, at once or later.
/// Where the connection is gone by then, spending it does nothing.
package struct Reply: ~Copyable, @unchecked Sendable {  // a handle of integers; the desk it names outlives every connection of its loop
    private let desk: Unmanaged<RequestDesk>
    private let slot: UInt32
    private let generation: UInt32
    private let request: RequestIdentity

    /// For the connection that has just read the request.
    package init(on desk: RequestDesk, channel: AnswerChannel, api: ApiKey, version: Int16, correlationId: Int32) {
        guard let registration = channel.registration else { preconditionFailure("a connection answers while it is registered") }
        self.desk = .passUnretained(desk)
        slot = registration.slot
        generation = registration.generation
        request = RequestIdentity(api: api, version: version, correlationId: correlationId)
    }

    var identity: RequestIdentity { request }
    package var version: Int16 { request.version }
    package var api: ApiKey { request.api }

    /// Answers. What the response views (arena, frame) must still be there; nothing of it is needed afterwards.
    package consuming func send(_ response: borrowing some ResponseMessage) {
        let (desk, slot, generation, request) = spend()
        guard desk.loop.isCurrent else {
            Self.post(response, request, to: desk, slot, generation)
            return
        }
        guard let channel = Self.channel(desk, slot, generation) else { return }
        // While another connection's turn is on, the output is that connection's.
        guard desk.turn == nil || desk.turn === channel else {
            Self.post(response, request, to: desk, slot, generation)
            return
        }
        do throws(EncodeError) {
            try desk.write(response, to: request)
            channel.answered()
        } catch {
            channel.refused("the answer could not be encoded: \(error)")
        }
    }

    /// Answers with bytes that were written before.
    consuming func send(encoded answer: EncodedAnswer) {
        let (desk, slot, generation, _) = spend()
        Self.post(answer, to: desk, slot, generation)
    }

    /// Spends the reply without an answer: the client asked for none.
    package consuming func declined() {
        let (desk, slot, generation, _) = spend()
        Self.onLoop(of: desk, slot, generation) { $0.declined() }
    }

    /// Spends the reply by closing the connection; the log says why.
    package consuming func refuse(_ reason: String) {
        let (desk, slot, generation, _) = spend()
        Self.onLoop(of: desk, slot, generation) { $0.refused(reason) }
    }

    /// Spends the reply without an answer: the connection keeps the request and hands it over again when some time has passed. Only
    /// within the handler, before it has done anything.
    package consuming func holdBack() {
        let (desk, slot, generation, _) = spend()
        Self.channel(desk, slot, generation)?.heldBack()
    }

    private consuming func spend() -> (RequestDesk, UInt32, UInt32, RequestIdentity) {
        let parts = (desk.takeUnretainedValue(), slot, generation, request)
        discard self
        return parts
    }

    deinit {
        // A handler that loses its reply would leave the client waiting for ever; so the connection goes, and the log tells.
        let name = request.api
        Self.onLoop(of: desk.takeUnretainedValue(), slot, generation) { $0.refused("a reply to \(name.name) was dropped") }
    }

    private static func channel(_ desk: RequestDesk, _ slot: UInt32, _ generation: UInt32) -> AnswerChannel? {
        // Only an AnswerChannel makes replies, and the generation says that it is still the same one.
        desk.loop.channel(slot: slot, generation: generation).map { unsafeDowncast($0, to: AnswerChannel.self) }
    }

    private static func onLoop(
        of desk: RequestDesk, _ slot: UInt32, _ generation: UInt32, _ body: @escaping @Sendable (AnswerChannel) -> Void
    ) {
        if desk.loop.isCurrent {
            if let channel = channel(desk, slot, generation) { body(channel) }
        } else {
            desk.loop.post { if let channel = channel(desk, slot, generation) { body(channel) } }
        }
    }

    private static func post(
        _ response: borrowing some ResponseMessage, _ request: RequestIdentity, to desk: RequestDesk, _ slot: UInt32,
        _ generation: UInt32
    ) {
        do throws(EncodeError) {
            post(try EncodedAnswer(response, to: request), to: desk, slot, generation)
        } catch {
            onLoop(of: desk, slot, generation) { $0.refused("the answer could not be encoded: \(error)") }
        }
    }

    private static func post(_ answer: EncodedAnswer, to desk: RequestDesk, _ slot: UInt32, _ generation: UInt32) {
        desk.loop.post {
            guard let channel = channel(desk, slot, generation) else { return }
            desk.append(answer)
            channel.answered()
        }
    }
}
