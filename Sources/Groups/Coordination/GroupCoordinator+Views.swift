package import KafkaMessages
package import KafkaWire

// What ListGroups and DescribeGroups show.

package struct GroupSummary: Sendable, Equatable {
    package var id: ByteString
    package var protocolType: ByteString
    package var state: ClassicGroup.State
}

package struct GroupDescription: Sendable {
    package struct Member: Sendable {
        package var id: ByteString
        package var instanceId: ByteString?
        package var clientId: ByteString
        package var clientHost: ByteString
        package var metadata: ByteString
        package var assignment: ByteString
    }
    package var error = ErrorCode.none
    package var state = ClassicGroup.State.dead
    package var protocolType = ByteString.empty
    package var protocolName = ByteString.empty
    package var members: [Member] = []
}

extension GroupCoordinator {
    /// All groups of all partitions that serve. While one loads the list would be wrong, so there is an error instead.
    package func listGroups() -> (groups: [GroupSummary], error: ErrorCode) {
        var summaries: [GroupSummary] = []
        for partition in partitions {
            let (groups, error) = partition.groups()
            if error == .coordinatorLoadInProgress { return ([], error) }
            for group in groups {
                let summary: GroupSummary? = group.withState { state in
                    guard !state.isRemoved else { return nil }
                    return GroupSummary(
                        id: group.id, protocolType: state.machine.protocolType ?? .empty, state: state.machine.state)
                }
                if let summary { summaries.append(summary) }
            }
        }
        return (summaries, .none)
    }

    /// A group that is not there is described as dead.
    package func describe(_ id: WireBytes) -> GroupDescription {
        var description = GroupDescription()
        let hash = ByteString.javaHash(id.buffer)
        switch home(ofHash: hash).find(id.buffer, hash: hash) {
        case .refused(let error):
            description.error = error
        case .nothing:
            break
        case .group(let group):
            group.withState { state in
                if !state.isRemoved { description = GroupDescription(state.machine) }
            }
        }
        return description
    }
}

extension GroupDescription {
    init(_ machine: ClassicGroup) {
        state = machine.state
        protocolType = machine.protocolType ?? .empty
        // Between generations neither protocol nor metadata hold for all.
        let isStable = machine.state == .stable
        if isStable { protocolName = machine.protocolName ?? .empty }
        members = machine.members.all.map { member in
            Member(
                id: member.id, instanceId: member.instanceId, clientId: member.clientId, clientHost: member.clientHost,
                metadata: isStable ? member.metadata(for: machine.protocolName) ?? .empty : .empty,
                assignment: member.assignment)
        }
    }
}
