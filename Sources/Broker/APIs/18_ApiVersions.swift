internal import Exchange
internal import KafkaMessages
internal import KafkaWire

// ApiVersions, versions 0-5: what this broker serves; every client's first request.
//   1  throttle time
//   3  flexible, but for the response's header; client software name and version (KIP-511); features (KIP-584)
//   4  supported features whose lowest level is 0 are no longer left out (KAFKA-17011)
//   5  the cluster and node that the client means to reach (KIP-1242): another one gets REBOOTSTRAP_REQUIRED
// A name that is not as KIP-511 wants it is INVALID_REQUEST in a body without keys.

struct ApiVersions: APIHandler {
    static let versions: ClosedRange<Int16> = 0...5

    private let registry: APIRegistry
    private let identity: BrokerIdentity
    private let features: @Sendable () -> BrokerFeatures

    init(registry: APIRegistry, identity: BrokerIdentity, features: @escaping @Sendable () -> BrokerFeatures) {
        self.registry = registry
        self.identity = identity
        self.features = features
    }

    func handle(_ request: ApiVersionsRequest, from caller: Caller, reply: consuming Reply) {
        var response = ApiVersionsResponse()
        let refusal = refusal(of: request, version: caller.version)
        guard refusal == .none else {
            response.errorCode = refusal.rawValue
            reply.send(response)
            return
        }
        if caller.version >= 3 {
            caller.client.softwareName = request.clientSoftwareName.string
            caller.client.softwareVersion = request.clientSoftwareVersion.string
        }
        let entries = registry.all
        response.apiKeys = WireArray(count: entries.count, in: caller.arena) { index, key in
            key.apiKey = entries[index].api.rawValue
            key.minVersion = entries[index].advertised.lowerBound
            key.maxVersion = entries[index].advertised.upperBound
        }
        fill(&response, features(), caller)
        reply.send(response)
    }

    private func refusal(of request: ApiVersionsRequest, version: Int16) -> ErrorCode {
        guard version >= 3 else { return .none }
        guard Self.isSoftwareName(request.clientSoftwareName), Self.isSoftwareName(request.clientSoftwareVersion) else {
            return .invalidRequest
        }
        guard version >= 5, request.clusterId != nil || request.nodeId != -1 else { return .none }
        // One without the other says nothing.
        guard let clusterId = request.clusterId, request.nodeId != -1 else { return .invalidRequest }
        let isMeant = clusterId == identity.clusterId && request.nodeId == identity.nodeId
        return isMeant ? .none : .rebootstrapRequired
    }

    /// KIP-511: letters, digits, `-` and `.`, the first and the last one a letter or digit.
    private static func isSoftwareName(_ name: WireBytes) -> Bool {
        func isAlphanumeric(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"): true
            default: false
            }
        }
        guard let first = name.buffer.first, let last = name.buffer.last else { return false }
        return isAlphanumeric(first) && isAlphanumeric(last)
            && name.buffer.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".") }
    }

    private func fill(_ response: inout ApiVersionsResponse, _ features: BrokerFeatures, _ caller: Caller) {
        // Clients before version 4 cannot read a range that begins with 0.
        let supported = features.supported.filter { caller.version >= 4 || $0.levels.lowerBound > 0 }
        response.supportedFeatures = WireArray(count: supported.count, in: caller.arena) { index, feature in
            feature.name = WireBytes(copying: supported[index].name, in: caller.arena)
            feature.minVersion = supported[index].levels.lowerBound
            feature.maxVersion = supported[index].levels.upperBound
        }
        response.finalizedFeaturesEpoch = features.epoch
        response.finalizedFeatures = WireArray(count: features.finalized.count, in: caller.arena) { index, feature in
            feature.name = WireBytes(copying: features.finalized[index].name, in: caller.arena)
            feature.minVersionLevel = features.finalized[index].level
            feature.maxVersionLevel = features.finalized[index].level
        }
    }

    /// In version 0, whatever the client asked for: the only form that every client can read. Kafka 4 and 3.9 say no more
    /// in it than which versions of this API they have.
    static func answerUnknownVersion(
        served: ClosedRange<Int16>, release: EmulatedRelease?, _ arena: Arena, _ reply: consuming Reply
    ) {
        var response = ApiVersionsResponse()
        response.errorCode = ErrorCode.unsupportedVersion.rawValue
        response.apiKeys = WireArray(count: 1, in: arena) { _, key in
            key.apiKey = ApiKey.apiVersions.rawValue
            key.minVersion = served.lowerBound
            key.maxVersion = served.upperBound
        }
        reply.send(response)
    }
}
