package import Exchange
internal import KafkaMessages
internal import KafkaWire

/// The broker behind the connections: finds a request's API and hands it over.
package final class Broker: Sendable {
    private let registry: APIRegistry
    private let closed: @Sendable (Client) -> Void

    /// `connectionClosed` hears of each connection that has ended.
    package init(
        registry: APIRegistry, identity: BrokerIdentity, features: @escaping @Sendable () -> BrokerFeatures,
        connectionClosed: @escaping @Sendable (Client) -> Void = { _ in }
    ) {
        self.registry = registry.withApiVersions(identity: identity, features: features)
        closed = connectionClosed
    }

    /// Works on one request; `frame` is without its length field, at least 8 bytes long, and may be written to: Produce
    /// patches batches where they lie.
    package func handle(
        _ frame: UnsafeMutableRawBufferPointer, from client: Client, on channel: AnswerChannel, desk: RequestDesk
    ) {
        func field<Number: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, _: Number.Type) -> Number {
            Number(bigEndian: frame.loadUnaligned(fromByteOffset: offset, as: Number.self))
        }
        let key = field(0, Int16.self)
        let version = field(2, Int16.self)
        let correlationId = field(4, Int32.self)

        guard let entry = registry.entry(for: key) else {
            channel.refused("\(ApiKey(rawValue: key).map { $0.name } ?? "API key \(key)") v\(version) is not served here")
            return
        }
        guard entry.served.contains(version) else {
            guard entry.api == .apiVersions else {
                channel.refused("\(entry.api.name) v\(version): versions \(entry.served) are served")
                return
            }
            // Kafka answers an unknown ApiVersions version in version 0 with error 35, and clients go on from there. Closing the
            // connection, as for every other API, makes librdkafka wait for its time-out and fall back to 0.9 (librdkafka#3057).
            let reply = Reply(on: desk, channel: channel, api: .apiVersions, version: 0, correlationId: correlationId)
            ApiVersions.answerUnknownVersion(served: entry.served, release: registry.release, desk.arena, reply)
            return
        }
        var reader = WireReader(UnsafeRawBufferPointer(frame), arena: desk.arena)
        var header = RequestHeader()
        do throws(DecodeError) {
            try header.decode(from: &reader, version: entry.api.requestHeaderVersion(for: version))
        } catch {
            channel.refused("\(entry.api.name) v\(version): \(error.inMessage(RequestHeader.self, version: version))")
            return
        }
        let caller = Caller(client: client, desk: desk, clientId: header.clientId, version: version)
        let reply = Reply(on: desk, channel: channel, api: entry.api, version: version, correlationId: correlationId)
        _ = entry.invoke(&reader, caller, reply)
    }

    package func connectionClosed(_ client: Client) { closed(client) }
}
