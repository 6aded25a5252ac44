internal import KafkaSchema

/// Two live brokers, held against each other: what one answers is what is expected of the other.
package struct BrokerComparison {
    package var rules: Rules
    package var left: (address: Address, dialer: Dialer)
    package var right: (address: Address, dialer: Dialer)
    package var preparesBrokers: Bool

    package init(
        rules: Rules, left: (address: Address, dialer: Dialer), right: (address: Address, dialer: Dialer),
        preparesBrokers: Bool
    ) {
        self.rules = rules
        self.left = left
        self.right = right
        self.preparesBrokers = preparesBrokers
    }

    package func compare(_ conversation: Conversation, name: String) -> ReplayReport {
        var options = ReplayOptions(rules: rules, address: left.address, dialer: left.dialer)
        options.preparesBroker = preparesBrokers
        // What is recorded is only what to ask: that the left broker answers otherwise is not asked about.
        options.settleBudgetMs = 0
        let (first, live) = Replayer.capture(conversation, fixture: name, options: options)
        if first.outcome == .cannot { return .cannot(name, "\(left.address): \(first.reason)") }
        if let stop = first.differences.last, stop.path.isEmpty, stop.expected.hasPrefix("an answer") {
            return .cannot(name, "\(left.address): \(stop.text)")
        }
        var second = ReplayOptions(rules: rules, address: right.address, dialer: right.dialer)
        second.preparesBroker = preparesBrokers
        return Replayer.replay(live, fixture: name, options: second)
    }

    /// The questions of `BrokerProbe`, each by itself, so that one that a broker does not know hides no other.
    package func probe() throws -> [ReplayReport] {
        let conversation = try BrokerProbe.conversation(nodeId: try nodeId())
        return conversation.exchanges.indices.map { index in
            var question = conversation
            question.exchanges = [conversation.exchanges[index]]
            question.connections = [conversation.connections[index]]
            return compare(question, name: "probe \(question.exchanges[0].apiText)")
        }
    }

    private func nodeId() throws -> Int {
        let client = KafkaClient(
            FrameLink(try left.dialer.connect(to: left.address, until: .after(milliseconds: 10_000))), to: left.address)
        defer { client.close() }
        let answer = try client.call(
            "Metadata", version: 4, .object([("topics", .array([])), ("allowAutoTopicCreation", .bool(false))]))
        return Int(answer["brokers"]?.elements.first?["nodeId"]?.integer ?? 0)
    }
}
