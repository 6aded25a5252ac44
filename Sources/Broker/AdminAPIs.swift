internal import Cluster
internal import Configuration
internal import Replication

extension APIRegistry {
    /// Topics, configurations and what an administrator asks of the cluster.
    mutating func registerAdminAPIs(_ services: BrokerServices) {
        let (store, live) = (services.store, services.live)
        let alterer = ConfigurationAlterer(
            store: store, live: live, workers: services.workers, listeners: services.listeners)
        register(CreateTopics(store: store, live: live))
        register(DeleteTopics(store: store, live: live))
        register(DescribeConfigs(nodeId: services.identity.nodeId, store: store, live: live))
        register(AlterConfigs(alterer: alterer))
        register(DescribeLogDirs(logs: services.replicas.logs, workers: services.workers))
        register(CreatePartitions(store: store))
        register(IncrementalAlterConfigs(alterer: alterer))
        register(DescribeCluster(identity: services.identity))
        register(DescribeTopicPartitions(store: store, live: live))
    }
}
