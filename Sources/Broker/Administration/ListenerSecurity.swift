package import Configuration

/// What the listeners with TLS have to say about a changed configuration; their room lies above this one. Both read files and
/// are for a worker.
package struct ListenerSecurity: Sendable {
    /// Why a listener could not work by this configuration; nil where all can.
    let refusal: @Sendable (BrokerConfiguration) -> String?
    /// Lets new connections have what was changed.
    let takeUp: @Sendable () -> Void

    package init(refusal: @escaping @Sendable (BrokerConfiguration) -> String?, takeUp: @escaping @Sendable () -> Void) {
        self.refusal = refusal
        self.takeUp = takeUp
    }
}
