package import Cluster
package import Groups

extension APIRegistry {
    /// The APIs of consumer groups.
    package mutating func registerGroupAPIs(
        _ groups: GroupCoordinator, nodeId: Int32, metadata: any MetadataStore,
        makeOffsetsTopic: @escaping @Sendable () -> Void
    ) {
        register(OffsetCommit(groups: groups, metadata: metadata, release: release))
        register(OffsetFetch(groups: groups, metadata: metadata))
        register(FindCoordinator(nodeId: nodeId, metadata: metadata, makeOffsetsTopic: makeOffsetsTopic))
        register(JoinGroup(groups: groups))
        register(Heartbeat(groups: groups))
        register(LeaveGroup(groups: groups))
        register(SyncGroup(groups: groups))
        register(DescribeGroups(groups: groups, release: release))
        register(ListGroups(groups: groups))
        register(DeleteGroups(groups: groups))
        register(OffsetDelete(groups: groups, metadata: metadata))
    }
}
