internal import Exchange
internal import Groups
internal import KafkaMessages
internal import KafkaWire

// DescribeGroups, versions 0-6: state, protocol and members of groups.
//   1  throttle time in the answer
//   3  authorized operations (KIP-430)
//   4  group.instance.id (KIP-345)
//   5  flexible
//   6  an error message; a group that is not there is GROUP_ID_NOT_FOUND, before it is described as Dead (KIP-1043)

struct DescribeGroups: APIHandler {
    static let versions: ClosedRange<Int16> = 0...6
    let groups: GroupCoordinator
    let release: EmulatedRelease?

    func handle(_ request: DescribeGroupsRequest, from caller: Caller, reply: consuming Reply) {
        let arena = caller.arena
        var response = DescribeGroupsResponse()
        response.groups = WireArray(count: request.groups.count, in: arena) { index, group in
            let id = request.groups[index]
            let description = groups.describe(id)
            group.groupId = id
            group.errorCode = description.error.rawValue
            guard description.error == .none else { return }
            group.groupState = WireBytes(description.state.name)
            group.protocolType = description.protocolType.wire(in: arena)
            group.protocolData = description.protocolName.wire(in: arena)
            group.members = Self.members(description, version: caller.version, in: arena)
            if description.state == .dead, caller.version >= 6 {
                group.errorCode = ErrorCode.groupIdNotFound.rawValue
                group.errorMessage = WireBytes(copying: "Group \(id) not found.", in: arena)
            } else if request.includeAuthorizedOperations {
                group.authorizedOperations = authorizedOperations
            }
        }
        reply.send(response)
    }

    private static func members(
        _ description: GroupDescription, version: Int16, in arena: Arena
    ) -> WireArray<DescribeGroupsResponse.DescribedGroupMember> {
        WireArray(count: description.members.count, in: arena) { index, member in
            let described = description.members[index]
            member.memberId = described.id.wire(in: arena)
            member.groupInstanceId = version < 4 ? nil : described.instanceId?.wire(in: arena)
            member.clientId = described.clientId.wire(in: arena)
            member.clientHost = described.clientHost.wire(in: arena)
            member.memberMetadata = described.metadata.wire(in: arena)
            member.memberAssignment = described.assignment.wire(in: arena)
        }
    }

    /// All that there is for a group, one bit an operation: Read, Delete, Describe; from Kafka 4.0 on DescribeConfigs and
    /// AlterConfigs too.
    private var authorizedOperations: Int32 {
        let first: Int32 = 1 << 3 | 1 << 6 | 1 << 8
        return release?.isBefore4 == true ? first : first | 1 << 10 | 1 << 11
    }
}
