package import Exchange
package import KafkaMessages
internal import KafkaWire

/// One API: which versions it serves, and what it does with a request.
///
/// What is advertised comes from the registered handlers and from nothing else.
package protocol APIHandler: Sendable {
    associatedtype Request: RequestMessage

    /// The versions that are served and advertised.
    static var versions: ClosedRange<Int16> { get }

    /// The request's bytes and everything decoded from them are gone once this returns; what a wait needs is copied.
    func handle(_ request: Request, from caller: Caller, reply: consuming Reply)
}

/// The handlers by API key. Filled at start, then only read.
package struct APIRegistry: Sendable {
    typealias Invoke = @Sendable (inout WireReader, Caller, consuming Reply) -> DecodeError?

    struct Entry: Sendable {
        let api: ApiKey
        /// What requests may use.
        let served: ClosedRange<Int16>
        /// What ApiVersions says.
        let advertised: ClosedRange<Int16>
        let invoke: Invoke
    }

    private var entries: [Entry?] = []
    let release: EmulatedRelease?

    package init(emulating release: EmulatedRelease? = nil) { self.release = release }

    /// All that is served, by ascending key.
    var all: [Entry] { entries.compactMap(\.self) }

    @inline(__always)
    func entry(for key: Int16) -> Entry? { key >= 0 && Int(key) < entries.count ? entries[Int(key)] : nil }

    /// With ApiVersions, which tells of itself too.
    func withApiVersions(
        identity: BrokerIdentity, features: @escaping @Sendable () -> BrokerFeatures
    ) -> APIRegistry {
        var draft = self
        draft.register(ApiVersions(registry: self, identity: identity, features: features))
        var complete = self
        complete.register(ApiVersions(registry: draft, identity: identity, features: features))
        return complete
    }

    package mutating func register<Handler: APIHandler>(_ handler: Handler) {
        let api = Handler.Request.apiKey
        var served = Handler.versions
        var advertised = served
        if let release {
            // A release without that API, or with none of our versions of it, does not have it.
            guard let range = release.versions(of: api), range.overlaps(served) else { return }
            served = served.clamped(to: range)
            // Kafka 4 advertises Produce from 0 for old librdkafkas, and closes the connection on what is below 3.
            advertised = release.advertisedVersions(of: api)?.clamped(to: Handler.versions) ?? served
        }
        let index = Int(api.rawValue)
        if entries.count <= index { entries += Array(repeating: nil, count: index + 1 - entries.count) }
        precondition(entries[index] == nil, "two handlers for \(api)")
        entries[index] = Entry(api: api, served: served, advertised: advertised) { reader, caller, reply in
            var request = Handler.Request()
            do throws(DecodeError) {
                try request.decode(from: &reader, version: caller.version)
            } catch {
                let named = error.inMessage(Handler.Request.self, version: caller.version)
                reply.refuse("\(named)")
                return named
            }
            handler.handle(request, from: caller, reply: reply)
            return nil
        }
    }
}
