internal import Synchronization

/// Many conversations, replayed one by one or several at a time.
package struct ReplaySuite: Sendable {
    package enum Target: Sendable {
        /// A broker that stands.
        case address(Address)
        /// A command that starts one for each fixture.
        case command(String)
    }

    package var target: Target
    package var rules: Rules
    package var preparesBroker = true
    package var jobs = 1
    package var patienceMs = 10_000
    package var dialer = Dialer.plain

    package init(target: Target, rules: Rules) {
        self.target = target
        self.rules = rules
    }

    /// Reports come in the order of `paths`, whatever was done first; `done` hears of each at once.
    package func run(_ paths: [String], done: @escaping @Sendable (Int, ReplayReport) -> Void) -> [ReplayReport] {
        let reports = Mutex([ReplayReport?](repeating: nil, count: paths.count))
        Workers.forEach(paths.count, atOnce: jobs) { index in
            let report = replay(paths[index])
            reports.withLock { $0[index] = report }
            done(index, report)
        }
        return reports.withLock { $0.compactMap { $0 } }
    }

    package func replay(_ path: String) -> ReplayReport {
        let name = FixtureName.of(path)
        do {
            return try replay(Conversation(reading: path), name: name)
        } catch {
            return .cannot(name, "\(error)")
        }
    }

    package func replay(_ conversation: Conversation, name: String) throws -> ReplayReport {
        switch target {
        case .address(let address):
            return Replayer.replay(conversation, fixture: name, options: options(for: address))
        case .command(let command):
            let broker = try BrokerProcess(
                command: command, configuration: conversation.brokerConfig, release: conversation.release,
                listener: conversation.listener)
            defer { withExtendedLifetime(broker) {} }
            return Replayer.replay(conversation, fixture: name, options: options(for: broker.address))
        }
    }

    private func options(for address: Address) -> ReplayOptions {
        var options = ReplayOptions(rules: rules, address: address, dialer: dialer)
        options.preparesBroker = preparesBroker
        options.patienceMs = patienceMs
        return options
    }
}
