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

    /// Opens them on the server's first loop; `failed` is called on some thread where that cannot be.
    func open(
        on server: Server, _ loop: EventLoop, workers: WorkerPool, failed: @escaping @Sendable (StartFailure) -> Void
    ) {
        guard !sockets.isEmpty else { return }
        workers.submit { [self] in
            do throws(TLSError) {
                var keepers: [String: TLSContextKeeper] = [:]
                for (_, identity) in sockets where keepers[identity.name] == nil {
                    keepers[identity.name] = try keeper(for: identity.name)
                }
                loop.post { [keepers] in
                    for (descriptor, identity) in sockets {
                        announceListening(server.listen(on: descriptor, as: identity, tls: keepers[identity.name]))
                    }
                    announceClientSettings()
                }
            } catch {
                failed(StartFailure(error.message))
            }
        }
    }

    private func keeper(for listener: String) throws(TLSError) -> TLSContextKeeper {
        if let selfMade, !configured(listener).namesKeystore { _ = try selfMade.ensure(nowSeconds: Int64(time(nil))) }
        return try TLSContextKeeper(source: { configuration(listener) }, name: listener, selfMade: selfMade)
    }

    /// Asked again and again, so that what AlterConfigs changed counts from the next connection on.
    private func configuration(_ listener: String) -> TLSConfiguration {
        var configuration = configured(listener)
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
