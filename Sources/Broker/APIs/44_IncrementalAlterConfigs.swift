internal import Cluster
internal import Configuration
internal import Exchange
internal import KafkaMessages
internal import KafkaWire

// IncrementalAlterConfigs, versions 0-1: sets and deletes keys, appends to and subtracts from lists (KIP-339).
//   1  flexible

struct IncrementalAlterConfigs: APIHandler {
    static let versions: ClosedRange<Int16> = 0...1

    let alterer: ConfigurationAlterer

    func handle(_ request: IncrementalAlterConfigsRequest, from caller: Caller, reply: consuming Reply) {
        var alterations: [ConfigurationAlteration] = []
        // A resource with an operation that nobody knows is refused; its place in the list stays.
        var unknown: [Int: Int8] = [:]
        for (index, resource) in request.resources.enumerated() {
            var changes: [ConfigurationChange] = []
            for change in resource.configs {
                guard let operation = ConfigurationChange.Operation(rawValue: change.configOperation) else {
                    unknown[index] = change.configOperation
                    continue
                }
                changes.append(ConfigurationChange(operation, change.name.string, change.value?.string))
            }
            alterations.append(
                ConfigurationAlteration(
                    ConfigurationResource(type: resource.resourceType, name: resource.resourceName.string),
                    .change(unknown[index] == nil ? changes : [])))
        }
        let (asked, refused) = (alterations, unknown)
        alterer.alter(asked, validateOnly: request.validateOnly, for: caller, reply) { errors, arena, reply in
            var response = IncrementalAlterConfigsResponse()
            response.responses = WireArray(count: asked.count, in: arena) { index, answer in
                let unknown = refused[index].map {
                    ControllerError(.invalidRequest, "Unknown incremental alter config operation: \($0)")
                }
                let error = ResultError(unknown ?? errors[index], in: arena)
                answer.errorCode = error.code
                answer.errorMessage = error.message
                answer.resourceType = asked[index].resource.type
                answer.resourceName = WireBytes(copying: asked[index].resource.name, in: arena)
            }
            reply.send(response)
        }
    }
}
