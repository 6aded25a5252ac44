internal import Synchronization

/// The broker's configuration as it is at the moment: dynamic changes replace it while requests read it.
package final class LiveConfiguration: Sendable {
    private struct State {
        var configuration: BrokerConfiguration
        /// What topics without overrides share, once somebody has asked for it.
        var plainTopic: TopicConfiguration?
    }
    private let state: Mutex<State>

    package init(_ configuration: BrokerConfiguration) { state = Mutex(State(configuration: configuration)) }

    package var current: BrokerConfiguration {
        get { state.withLock { $0.configuration } }
        set { state.withLock { $0 = State(configuration: newValue) } }
    }

    /// The configuration in force of a topic with these overrides. Most topics have none, and share one object.
    package func topic(
        _ overrides: [String: String], rejected: (ConfigurationError) -> Void = { _ in }
    ) -> TopicConfiguration {
        guard overrides.isEmpty else {
            return TopicConfiguration(overrides: overrides, broker: current, rejected: rejected)
        }
        return state.withLock { state in
            if let plain = state.plainTopic { return plain }
            let plain = TopicConfiguration(broker: state.configuration)
            state.plainTopic = plain
            return plain
        }
    }
}
