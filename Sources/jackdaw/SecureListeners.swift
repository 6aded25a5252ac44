internal import Broker
internal import CommandLineOptions
internal import Configuration
internal import EventLoop
internal import Exchange
internal import Glibc
internal import Server
internal import Synchronization
internal import TLS
internal import Telemetry

/// The listeners that speak TLS: with the operator's certificates, or with `--tls` ones of our own making.
///
/// They open after the plaintext ones: reading a certificate takes some milliseconds, which a worker spends while the
/// loop answers already.
struct SecureListeners: Sendable {
    typealias BoundSocket = (descriptor: Int32, identity: ListenerIdentity)

    private let sockets: [BoundSocket]
    private let live: LiveConfiguration
    private let requiresClient: Bool
    private let selfMade: SelfMadeCertificates?
    private let keepers = Keepers()

    init(_ sockets: [BoundSocket], _ live: LiveConfiguration, _ options: ServeOptions) {
        self.sockets = sockets
        self.live = live
        requiresClient = options.tlsRequiresClient
        selfMade = options.tls
            ? SelfMadeCertificates(
                directory: live.current.logDirectories[0],
                names: SelfMadeCertificates.usualNames + sockets.map(\.identity.advertisedHost),
                makesClient: options.tlsRequiresClient)
            : nil
    }

    /// Opens them on the server's first loop, and calls `opened` there, at once if there are none; where that cannot be, `failed` is
    /// called on some thread.
    func open(
        on server: Server, _ loop: EventLoop, workers: WorkerPool, opened: @escaping @Sendable () -> Void,
        failed: @escaping @Sendable (StartFailure) -> Void
    ) {
        guard !sockets.isEmpty else { return opened() }
        workers.submit { [self] in
            do throws(TLSError) {
                var made: [String: TLSContextKeeper] = [:]
                for (_, identity) in sockets where made[identity.name] == nil {
                    made[identity.name] = try keeper(for: identity.name)
                }
                keepers.byListener.withLock { $0 = made }
                loop.post { [made] in
                    for (descriptor, identity) in sockets {
                        announceListening(server.listen(on: descriptor, as: identity, tls: made[identity.name]))
                    }
                    opened()
                    announceClientSettings()
                }
            } catch {
                failed(StartFailure(error.message))
            }
        }
    }

    /// What AlterConfigs asks before it stores new certificates, and does afterwards.
    var security: ListenerSecurity? {
        guard !sockets.isEmpty else { return nil }
        return ListenerSecurity { broker in
            for (listener, keeper) in keepers.byListener.withLock(\.self).sorted(by: { $0.key < $1.key }) {
                guard let error = keeper.refusal(of: configuration(listener, broker)) else { continue }
                return "Validation of dynamic config update of listener \(listener) failed: \(error.message)"
            }
            return nil
        } takeUp: {
            for keeper in keepers.byListener.withLock(\.self).values { keeper.refresh() }
        }
    }

    private func keeper(for listener: String) throws(TLSError) -> TLSContextKeeper {
        if let selfMade, !configured(listener).namesKeystore { _ = try selfMade.ensure(nowSeconds: Int64(time(nil))) }
        return try TLSContextKeeper(source: { configuration(listener, live.current) }, name: listener, selfMade: selfMade)
    }

    /// Asked again and again, so that what AlterConfigs changed counts from the next connection on.
    private func configuration(_ listener: String, _ broker: BrokerConfiguration) -> TLSConfiguration {
        var configuration = TLSConfiguration(broker, listener: listener)
        guard let selfMade else { return configuration }
        guard configuration.namesKeystore else {
            return selfMade.configuration(requiresClient: requiresClient, over: configuration)
        }
        if requiresClient { configuration.clientAuthentication = .required }
        return configuration
    }

    private func configured(_ listener: String) -> TLSConfiguration { TLSConfiguration(live.current, listener: listener) }

    /// What a user pastes to connect; with certificates of their own they know.
    private func announceClientSettings() {
        guard let identity = sockets.first?.identity, let selfMade, !configured(identity.name).namesKeystore else { return }
        let host = identity.advertisedHost.contains(":") ? "[\(identity.advertisedHost)]" : identity.advertisedHost
        announce("\n" + selfMade.clientSettings(bootstrap: "\(host):\(identity.advertisedPort)"))
    }
}

/// One for each listener, once they are open.
private final class Keepers: Sendable {
    let byListener = Mutex<[String: TLSContextKeeper]>([:])
}

/// Why a start that seemed to go well had to be given up; from whichever thread noticed.
final class LateFailure: Sendable {
    private let failure = Mutex<StartFailure?>(nil)

    var value: StartFailure? {
        get { failure.withLock { $0 } }
        set { failure.withLock { $0 = newValue } }
    }
}

/// On standard output for scripts, in the log for people.
func announceListening(_ endpoint: Server.Endpoint) {
    announce("listening \(endpoint.listener) \(endpoint.address)\n")
    Logger("jackdaw").info("listening", ["listener": endpoint.listener, "address": endpoint.address])
}
