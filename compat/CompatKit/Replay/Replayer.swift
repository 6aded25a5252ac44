internal import Glibc
internal import KafkaSchema

/// Has a recorded conversation once more, with a live broker in the recorded one's place, and compares what it answers.
package struct Replayer {
    /// Two requests on different connections that were on their way together reach the broker in the recorded order only if the
    /// second waits a little.
    private static let raceGapMs = 5.0
    /// A produce that asks for no answer is done some time after it was sent: what the client did later it also does later here.
    private static let silentProduceGapMs = 250.0
    private static let maximumDifferences = 200

    private let conversation: Conversation
    private let options: ReplayOptions
    private let skipped: Set<Int>
    private let isPaced: Bool
    /// Written by hand, every error on purpose.
    private let isHandMade: Bool
    private let passwords: [String: String]
    private let started = ContinuousClock.now

    private var report: ReplayReport
    private var comparer: Comparer
    private var rewriteIndex: RuleIndex
    private var connections: [Int: ReplayConnection] = [:]
    private var sentRequests: [Int: Packet] = [:]
    private var lastSend: (recordedMs: Double, instant: ContinuousClock.Instant, isSilent: Bool)?
    private var settleBudgetMs: Int
    private var lastAnswer: Packet?
    /// The conversation as it was had now: for another replay that is to be held against this one.
    private var live: Conversation

    /// Ends a replay: nothing that follows would mean anything.
    private struct Stop: Error {}

    package static func replay(_ conversation: Conversation, fixture: String, options: ReplayOptions) -> ReplayReport {
        var replayer = Replayer(conversation, fixture: fixture, options: options)
        return replayer.run()
    }

    /// The same, and with it the conversation as the live broker had it.
    package static func capture(
        _ conversation: Conversation, fixture: String, options: ReplayOptions
    ) -> (report: ReplayReport, live: Conversation) {
        var replayer = Replayer(conversation, fixture: fixture, options: options)
        let report = replayer.run()
        return (report, replayer.live)
    }

    private init(_ conversation: Conversation, fixture: String, options: ReplayOptions) {
        self.conversation = conversation
        self.options = options
        live = conversation
        report = ReplayReport(fixture: fixture)
        comparer = Comparer(rules: options.rules, fixture: fixture)
        rewriteIndex = RuleIndex(options.rules, fixture: fixture)
        isPaced = options.rules.isPaced(fixture)
        isHandMade = conversation.client.hasPrefix("raw") || conversation.client.hasPrefix("sweep")
        skipped = TransientExchanges.find(in: conversation, codes: options.rules.transient)
        settleBudgetMs = options.settleBudgetMs
        var passwords: [String: String] = [:]
        for user in conversation.setup.flatMap({ $0["scram_users"]?.elements ?? [] }) {
            guard let name = user["user"]?.string, let mechanism = user["mechanism"]?.string else { continue }
            passwords[SaslTranscript.key(user: name, mechanism: mechanism)] = user["password"]?.string
        }
        self.passwords = passwords
    }

    private mutating func run() -> ReplayReport {
        do {
            if options.preparesBroker { try prepare() }
            let start = ContinuousClock.now
            for (timeMs, step) in ReplayStep.steps(of: conversation) {
                if isPaced { pause(until: start + .milliseconds(timeMs)) }
                try perform(step)
            }
        } catch let error as KafkaClient.Failure {
            report.outcome = .cannot
            report.reason = "setup: \(error)"
        } catch let error as LinkError {
            report.outcome = .cannot
            report.reason = "\(error)"
        } catch {
            // A Stop: its difference is in the report.
        }
        for connection in connections.values { connection.link.close() }
        if report.outcome == .same, !report.differences.isEmpty { report.outcome = .differs }
        report.comparedFields = comparer.result.comparedFields
        report.neededRules = comparer.result.neededRules
        report.skippedExchanges = skipped.count
        report.milliseconds = Int(started.duration(to: .now) / .milliseconds(1))
        return report
    }

    private func prepare() throws {
        guard !conversation.setup.isEmpty else { return }
        func connect() throws -> KafkaClient {
            KafkaClient(FrameLink(try options.connect(.after(milliseconds: options.patienceMs))))
        }
        let client = try connect()
        defer { client.close() }
        let asksForLogin = conversation.listener.hasPrefix("SASL")
        if asksForLogin {
            guard let password = JaasUsers.password(of: "admin", in: conversation.brokerConfig) else {
                throw KafkaClient.Failure(api: "setup", reason: "no user admin in the broker's PLAIN configuration")
            }
            try client.authenticate(user: "admin", password: password)
        }
        try Preparation(client, connectForLogin: asksForLogin ? connect : nil).run(conversation)
    }

    private mutating func perform(_ step: ReplayStep) throws {
        switch step {
        case .open(let number):
            connections[number] = ReplayConnection(
                FrameLink(try options.connect(.after(milliseconds: options.patienceMs))))
        case .send(let index): try send(index)
        case .receive(let index): try receive(index)
        case .closeByClient(let number):
            noteUnasked(on: number)
            connections.removeValue(forKey: number)?.link.close()
        case .closeByBroker(let number): try awaitClose(of: number)
        }
    }
}

// Sending.
extension Replayer {
    private mutating func send(_ index: Int) throws {
        let exchange = conversation.exchanges[index]
        guard !skipped.contains(index) else { return }
        guard let connection = connections[exchange.connection] else {
            try stop(
                index, expected: "a connection that stands",
                got: "none: the recording does not open connection \(exchange.connection)")
            return
        }
        waitForRace(exchange, on: connection)
        let frame = liveFrame(of: index, exchange, on: connection)
        live.exchanges[index].request = frame
        try transmit(frame, index, exchange, on: connection)
        report.exchanges += 1
    }

    private mutating func transmit(
        _ frame: [UInt8], _ index: Int, _ exchange: RecordedExchange, on connection: ReplayConnection
    ) throws {
        let correlationId = exchange.isSaslRaw || exchange.isMalformed ? nil : exchange.correlationId
        do {
            try connection.send(
                frame, exchange: index, correlationId: correlationId, until: .after(milliseconds: options.patienceMs))
        } catch {
            // A broker that closes on a bad request may do so before this one is written; the close has its own step.
            if exchange.response != nil { try stop(index, expected: "an answer", got: "\(error)") }
        }
        lastSend = (exchange.timeMs, .now, exchange.apiKey == 0 && exchange.response == nil)
    }

    private mutating func liveFrame(of index: Int, _ exchange: RecordedExchange, on connection: ReplayConnection)
        -> [UInt8]
    {
        if exchange.isSaslRaw { return connection.sasl?.liveToken(for: exchange.request) ?? exchange.request }
        guard !exchange.isMalformed, var packet = Packet(request: exchange.request) else { return exchange.request }
        sentRequests[index] = packet
        if packet.apiKey == 17, let mechanism = packet.body["mechanism"]?.string {
            connection.sasl = SaslTranscript(mechanism: mechanism, passwords: passwords)
        } else if packet.apiKey == 36, packet.problem == nil, let token = packet.body["authBytes"]?.content,
            let live = connection.sasl?.liveToken(for: token), live != token
        {
            packet.body["authBytes"] = FieldTree(.bytes(live))
            return (try? packet.encoded()) ?? exchange.request
        }
        return RequestRewriter.rewrite(packet, mapping: comparer.mapping, index: &rewriteIndex)
    }

    private func waitForRace(_ exchange: RecordedExchange, on connection: ReplayConnection) {
        guard let lastSend,
            connections.values.contains(where: { $0 !== connection && !$0.pending.isEmpty }) || lastSend.isSilent
        else { return }
        let gap = min(
            exchange.timeMs - lastSend.recordedMs, lastSend.isSilent ? Self.silentProduceGapMs : Self.raceGapMs)
        if gap > 0 { pause(until: lastSend.instant + .milliseconds(gap)) }
    }
}

// Receiving.
extension Replayer {
    private mutating func receive(_ index: Int) throws {
        let exchange = conversation.exchanges[index]
        guard !skipped.contains(index), let connection = connections[exchange.connection] else { return }
        let countedBefore = comparer.result.comparedFields
        var differences = try compareAnswer(index, exchange, on: connection)
        if !differences.isEmpty {
            differences = try settle(index, exchange, on: connection, differences, countedBefore: countedBefore)
        }
        add(differences, at: index)
    }

    private mutating func compareAnswer(
        _ index: Int, _ exchange: RecordedExchange, on connection: ReplayConnection
    ) throws -> [FieldDifference] {
        let recorded = exchange.response ?? []
        let patience = options.patienceMs + Int(exchange.roundTripMs ?? 0)
        let live: [UInt8]
        do {
            live = try connection.receive(index, until: .after(milliseconds: patience))
        } catch let error {
            switch error {
            case .link(let error): try stop(index, expected: "an answer", got: "\(error)")
            case .unexpected(let id):
                try stop(
                    index, expected: "its answer", got: "an answer with correlation id \(id.map { "\($0)" } ?? "none")")
            }
            return []
        }
        self.live.exchanges[index].response = live
        guard !exchange.isSaslRaw, let apiKey = exchange.apiKey, let version = exchange.apiVersion else {
            defer { connection.sasl?.answered(recorded: recorded, live: live) }
            return comparer.compareToken(recorded: recorded, live: live, sasl: connection.sasl)
        }
        let recordedPacket = Packet(response: recorded, apiKey: apiKey, version: version)
        let livePacket = Packet(response: live, apiKey: apiKey, version: version)
        lastAnswer = livePacket
        let request = sentRequests[index]?.body
        // The client gave up on a broker that was not ready; this one is.
        if !isHandMade, recordedPacket.body.hasErrorCode(in: options.rules.transient),
            !livePacket.body.hasErrorCode(in: options.rules.transient)
        {
            return []
        }
        var differences = comparer.compare(
            recorded: recordedPacket, live: livePacket, request: request, sasl: connection.sasl)
        // Neither was ready; what a broker that starts lacks first is a matter of moments.
        if recordedPacket.body.hasErrorCode(in: options.rules.transient),
            livePacket.body.hasErrorCode(in: options.rules.transient)
        {
            differences = []
        }
        if apiKey == 36, let one = recordedPacket.body["authBytes"]?.content,
            let other = livePacket.body["authBytes"]?.content
        {
            connection.sasl?.answered(recorded: one, live: other)
        }
        return differences
    }

    /// Asks again where the answer may become right by itself: a coordinator that loads, a topic that appears.
    private mutating func settle(
        _ index: Int, _ exchange: RecordedExchange, on connection: ReplayConnection, _ first: [FieldDifference],
        countedBefore: Int
    ) throws -> [FieldDifference] {
        guard let apiKey = exchange.apiKey, !exchange.isSaslRaw else { return first }
        let isQuestion = options.rules.settling.contains(Schema.shared.apiName(apiKey))
        var differences = first
        let begun = ContinuousClock.now
        let readiness = Deadline.after(milliseconds: options.readinessMs)
        while !differences.isEmpty {
            let before = ContinuousClock.now
            // An answer that says "not ready" has changed nothing, so whatever was asked may be asked again.
            let isReady = !isTransient(exchange)
            guard isReady ? isQuestion && settleBudgetMs > 0 : readiness.remainingMs > 0 else { break }
            pause(milliseconds: 25)
            try transmit(liveFrame(of: index, exchange, on: connection), index, exchange, on: connection)
            comparer.count(from: countedBefore)
            differences = try compareAnswer(index, exchange, on: connection)
            if isReady { settleBudgetMs -= Int(before.duration(to: .now) / .milliseconds(1)) }
        }
        // A question that settled was worth its time.
        if differences.isEmpty { settleBudgetMs += Int(begun.duration(to: .now) / .milliseconds(1)) }
        settleBudgetMs = min(settleBudgetMs, options.settleBudgetMs)
        return differences
    }

    /// Whether the last answer says that the broker is not ready, where the recorded one does not.
    private func isTransient(_ exchange: RecordedExchange) -> Bool {
        guard let lastAnswer, let recorded = exchange.response, let apiKey = exchange.apiKey,
            let version = exchange.apiVersion
        else { return false }
        return lastAnswer.body.hasErrorCode(in: options.rules.transient)
            && !Packet(response: recorded, apiKey: apiKey, version: version).body.hasErrorCode(
                in: options.rules.transient)
    }

    private mutating func awaitClose(of number: Int) throws {
        guard let connection = connections.removeValue(forKey: number) else { return }
        defer { connection.link.close() }
        let last = conversation.exchanges.lastIndex { $0.connection == number }
        let recordedWaitMs = conversation.connections.first { $0.number == number }?.closedMs ?? 0
        let since = last.map { max(0, recordedWaitMs - conversation.exchanges[$0].timeMs) } ?? 0
        let patience = min(options.patienceMs, 3_000) + Int(since)
        guard !connection.link.waitForClose(until: .after(milliseconds: patience)) else { return }
        if let last {
            try stop(last, expected: "the broker to close the connection", got: "it stays open")
        }
    }

    /// Answers where the recorded broker gave none.
    private mutating func noteUnasked(on number: Int) {
        guard let connection = connections[number] else { return }
        // A request that was on its way when the client closed may be answered or not; one that later ones overtook may not.
        let lastAnswered = conversation.exchanges.lastIndex { $0.connection == number && $0.response != nil } ?? 0
        for (index, frame) in connection.unasked
        where conversation.exchanges[index].response == nil && index < lastAnswered {
            add([FieldDifference(path: "", expected: "no answer", got: "one of \(frame.count) bytes")], at: index)
        }
    }

    private mutating func add(_ differences: [FieldDifference], at index: Int) {
        let place = conversation.exchanges[index].place
        for difference in differences where report.differences.count < Self.maximumDifferences {
            report.differences.append(
                .init(
                    exchange: index, place: place, path: difference.path, expected: difference.expected,
                    got: difference.got))
        }
    }

    private mutating func stop(_ index: Int, expected: String, got: String) throws {
        add([FieldDifference(path: "", expected: expected, got: got)], at: index)
        throw Stop()
    }
}

/// Waits of a tool whose counterpart is another process: nothing here could signal that the moment has come.
func pause(milliseconds: Int) { usleep(UInt32(milliseconds) * 1000) }

func pause(until instant: ContinuousClock.Instant) {
    let microseconds = Int(ContinuousClock.now.duration(to: instant) / .microseconds(1))
    if microseconds > 0 { usleep(UInt32(clamping: microseconds)) }
}
