internal import Exchange
internal import Groups
internal import KafkaMessages
internal import KafkaWire

// ListGroups, versions 0-5: the groups that this broker coordinates.
//   1  throttle time in the answer
//   3  flexible
//   4  states, and a filter by them (KIP-518)
//   5  types, and a filter by them (KIP-848)
// Filters do not look at upper and lower case.

struct ListGroups: APIHandler {
    static let versions: ClosedRange<Int16> = 0...5
    let groups: GroupCoordinator

    func handle(_ request: ListGroupsRequest, from caller: Caller, reply: consuming Reply) {
        let arena = caller.arena
        var response = ListGroupsResponse()
        let states = request.statesFilter.map { Self.normalized($0.string) }
        let types = request.typesFilter.map { Self.normalized($0.string) }
        let (all, error) = groups.listGroups()
        response.errorCode = error.rawValue
        let listed = all.filter { group in
            (states.isEmpty || states.contains(Self.normalized("\(group.state.name)")))
                && (types.isEmpty || types.contains("classic"))
        }
        response.groups = WireArray(count: listed.count, in: arena) { index, group in
            group.groupId = listed[index].id.wire(in: arena)
            group.protocolType = listed[index].protocolType.wire(in: arena)
            group.groupState = caller.version < 4 ? .empty : WireBytes(listed[index].state.name)
            group.groupType = caller.version < 5 ? .empty : "classic"
        }
        reply.send(response)
    }

    /// Lower case, no space around.
    private static func normalized(_ text: String) -> String {
        let lower = text.lowercased()
        guard let first = lower.firstIndex(where: { !$0.isWhitespace }),
            let last = lower.lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return String(lower[first...last])
    }
}
