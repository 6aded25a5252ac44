internal import Cluster
package import Configuration
internal import KafkaMessages
internal import KafkaWire

/// What AlterConfigs and IncrementalAlterConfigs do alike.
struct ConfigurationAlterer: Sendable {
    let store: any MetadataStore
    let live: LiveConfiguration

    typealias Outcomes = [Result<Void, ControllerError>]

    func decide(
        _ alterations: [ConfigurationAlteration], validateOnly: Bool
    ) -> @Sendable (ClusterImage) -> (records: [[UInt8]], outcome: Outcomes) {
        { [live] image in
            let decision = ConfigurationAlteration.decide(alterations, in: image, configuration: live.current)
            return (validateOnly ? [] : decision.records, decision.outcomes)
        }
    }

    /// The error of each resource: its own, or the store's for all.
    static func errors(
        _ result: Result<Outcomes, MetadataError>, count: Int
    ) -> [ControllerError?] {
        switch result {
        case .success(let outcomes): outcomes.map(\.error)
        case .failure(let error): Array(repeating: error.refusal, count: count)
        }
    }
}

extension KeyList {
    /// The keys that the emulated release has.
    package init(_ release: EmulatedRelease?) { self = release?.isBefore4 == true ? .before4 : .since4 }
}
