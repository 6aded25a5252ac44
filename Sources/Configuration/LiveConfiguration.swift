internal import Synchronization

/// The broker's configuration as it is at the moment: dynamic changes replace it while requests read it.
package final class LiveConfiguration: Sendable {
    private let configuration: Mutex<BrokerConfiguration>

    package init(_ configuration: BrokerConfiguration) { self.configuration = Mutex(configuration) }

    package var current: BrokerConfiguration {
        get { configuration.withLock { $0 } }
        set { configuration.withLock { $0 = newValue } }
    }
}
