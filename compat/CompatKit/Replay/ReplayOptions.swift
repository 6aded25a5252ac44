/// How to replay.
package struct ReplayOptions: Sendable {
    /// Opens a connection to the broker under test.
    package var connect: @Sendable (Deadline) throws(LinkError) -> any ByteLink
    package var preparesBroker = true
    /// How long an answer may take beyond what it took when it was recorded.
    package var patienceMs = 10_000
    /// How long, in all, a fixture's questions that settle by themselves are asked again.
    package var settleBudgetMs = 3_000
    /// How long a coordinator may take to load, a transaction to end.
    package var readinessMs = 15_000
    package var rules: Rules

    package init(rules: Rules, connect: @escaping @Sendable (Deadline) throws(LinkError) -> any ByteLink) {
        self.rules = rules
        self.connect = connect
    }

    package init(rules: Rules, address: Address, dialer: Dialer = .plain) {
        self.init(rules: rules) { deadline throws(LinkError) in try dialer.connect(to: address, until: deadline) }
    }
}
