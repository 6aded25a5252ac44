internal import Glibc
internal import Synchronization
package import Telemetry

/// The context of a listener as it is now: made of files, and made anew when they change. A file that is broken leaves the
/// old context in place and says so once. Thread-safe.
package final class TLSContextKeeper: Sendable {
    package enum Outcome: Sendable, Equatable { case unchanged, replaced, refused(TLSError) }

    private struct State {
        /// What the last attempt was made of, whether it succeeded or not.
        var configuration: TLSConfiguration
        var context: TLSContext
        /// Of the files as that attempt found them.
        var signatures: [StoreFile.Signature?]
        var lastRenewal: Int64
        /// Whether the context is of certificates of our own making.
        var isSelfMade: Bool
    }
    private let state: Mutex<State>
    /// Held while a new context is made: the later configuration must not be overtaken by the earlier one.
    private let refreshing = Mutex(())
    private let name: String
    private let logger: Logger
    private let selfMade: SelfMadeCertificates?

    private let source: @Sendable () -> TLSConfiguration

    /// `name` is the listener's, for the log; `source` is asked again by every `refresh`. Makes the first context: 4 ms.
    /// With certificates of our own making, `refresh` also renews them before they end.
    package init(
        source: @escaping @Sendable () -> TLSConfiguration, name: String, selfMade: SelfMadeCertificates? = nil,
        logger: Logger = Logger("tls")
    ) throws(TLSError) {
        let configuration = source()
        // Signatures first: a change while the files are read is then seen as one.
        let signatures = Self.signatures(configuration)
        let context = try TLSContext(server: configuration)
        state = Mutex(
            State(
                configuration: configuration, context: context, signatures: signatures, lastRenewal: Self.now(),
                isSelfMade: Self.isSelfMade(configuration, selfMade)))
        self.source = source
        self.selfMade = selfMade
        self.name = name
        self.logger = logger
        tell("certificate", context)
    }

    package convenience init(
        _ configuration: TLSConfiguration, name: String, selfMade: SelfMadeCertificates? = nil, logger: Logger = Logger("tls")
    ) throws(TLSError) {
        try self.init(source: { configuration }, name: name, selfMade: selfMade, logger: logger)
    }

    /// For the next connection.
    package var current: TLSContext { state.withLock { $0.context } }

    private static func signatures(_ configuration: TLSConfiguration) -> [StoreFile.Signature?] {
        [configuration.keystoreLocation, configuration.keyLocation, configuration.truststoreLocation].map { $0.flatMap(StoreFile.signature) }
    }

    /// Looks whether the configuration or a file changed, and takes it up.
    @discardableResult
    package func refresh() -> Outcome {
        refreshing.withLock { _ in
            renewIfDue()
            let configuration = source()
            return isNews(configuration) ? replace(with: configuration) : .unchanged
        }
    }

    /// Why this configuration would not be taken up; nothing changes by asking.
    package func refusal(of configuration: TLSConfiguration) -> TLSError? {
        guard isNews(configuration) else { return nil }
        do throws(TLSError) {
            _ = try successor(by: configuration)
            return nil
        } catch {
            return error
        }
    }

    private func isNews(_ configuration: TLSConfiguration) -> Bool {
        let (last, known) = state.withLock { ($0.configuration, $0.signatures) }
        return configuration != last || Self.signatures(configuration) != known
    }

    private func successor(by configuration: TLSConfiguration) throws(TLSError) -> TLSContext {
        let context = try TLSContext(server: configuration)
        // An operator's own certificate may take the place of one that we made, whatever its names.
        if !state.withLock({ $0.isSelfMade }) {
            try Self.requireSameNames(old: current.certificate, new: context.certificate, configuration)
        }
        return context
    }

    private static func isSelfMade(_ configuration: TLSConfiguration, _ selfMade: SelfMadeCertificates?) -> Bool {
        selfMade.map { $0.serverFile == configuration.keystoreLocation } ?? false
    }

    private static func now() -> Int64 { Int64(time(nil)) }

    private func renewIfDue() {
        // Certificates that exist are renewed; where an operator's own took their place there may be none.
        guard let selfMade, StoreFile.signature(selfMade.serverFile) != nil else { return }
        let now = Self.now()
        let isDue = state.withLock { state in
            guard now - state.lastRenewal >= Limits.renewalCheckSeconds else { return false }
            state.lastRenewal = now
            return true
        }
        guard isDue else { return }
        do throws(TLSError) {
            let made = try selfMade.ensure(nowSeconds: now)
            if made.contains(.authority) {
                logger.warn("made a new authority: clients need the new \(selfMade.authorityFile)", ["listener": name])
            }
        } catch {
            logger.error("cannot renew the certificate: \(error)", ["listener": name])
        }
    }

    private func replace(with configuration: TLSConfiguration) -> Outcome {
        let signatures = Self.signatures(configuration)
        do throws(TLSError) {
            let context = try successor(by: configuration)
            state.withLock {
                $0.isSelfMade = Self.isSelfMade(configuration, selfMade)
                $0.configuration = configuration
                $0.context = context
                $0.signatures = signatures
            }
            tell("took up the new certificate", context)
            return .replaced
        } catch {
            state.withLock {
                $0.configuration = configuration
                $0.signatures = signatures
            }
            logger.error("kept the old certificate: \(error.message)", ["listener": name])
            return .refused(error)
        }
    }

    /// Kafka's rule for a changed key store: the same subject, and no alternative name lost, unless that is allowed.
    private static func requireSameNames(
        old: CertificateSummary?, new: CertificateSummary?, _ configuration: TLSConfiguration
    ) throws(TLSError) {
        guard let old, let new else { return }
        if !configuration.allowDNChanges && old.subject != new.subject {
            throw TLSError(
                .configuration, "the new certificate is for \(new.subject), the old one for \(old.subject): \(configuration.keyPrefix)ssl.allow.dn.changes=true would allow it")
        }
        let lost = old.alternativeNames.filter { !new.alternativeNames.contains($0) }
        if !configuration.allowSANChanges && !lost.isEmpty {
            throw TLSError(
                .configuration, "the new certificate lacks \(lost.joined(separator: ", ")): \(configuration.keyPrefix)ssl.allow.san.changes=true would allow it")
        }
    }

    private func tell(_ message: String, _ context: TLSContext) {
        if let certificate = context.certificate {
            logger.info(
                message, [
                    "listener": name, "subject": certificate.subject, "issuer": certificate.issuer,
                    "names": certificate.alternativeNames.joined(separator: ","), "until": UTCDay.text(certificate.notAfter),
                ])
        }
        for warning in context.warnings { logger.warn(warning, ["listener": name]) }
    }
}
