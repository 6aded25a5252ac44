internal import Cluster
internal import Configuration
internal import Exchange
internal import KafkaMessages
internal import KafkaWire

// AlterConfigs, versions 0-2: a resource's configuration becomes what is sent, and nothing else of it stays. Clients are
// better served by IncrementalAlterConfigs; older ones have only this.
//   2  flexible

struct AlterConfigs: APIHandler {
    static let versions: ClosedRange<Int16> = 0...2

    let alterer: ConfigurationAlterer

    func handle(_ request: AlterConfigsRequest, from caller: Caller, reply: consuming Reply) {
        let alterations = request.resources.map { resource in
            ConfigurationAlteration(
                ConfigurationResource(type: resource.resourceType, name: resource.resourceName.string),
                .replace(resource.configs.map { ($0.name.string, $0.value?.string) }))
        }
        alterer.alter(alterations, validateOnly: request.validateOnly, for: caller, reply) { errors, arena, reply in
            var response = AlterConfigsResponse()
            response.responses = WireArray(count: alterations.count, in: arena) { index, answer in
                let error = ResultError(errors[index], in: arena)
                answer.errorCode = error.code
                answer.errorMessage = error.message
                answer.resourceType = alterations[index].resource.type
                answer.resourceName = WireBytes(copying: alterations[index].resource.name, in: arena)
            }
            reply.send(response)
        }
    }
}
