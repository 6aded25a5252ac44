package import Cluster
package import Configuration
package import EventLoop
internal import PartitionLog
package import Replication

/// What the APIs stand on.
package struct BrokerServices: Sendable {
    package let identity: BrokerIdentity
    package let store: any MetadataStore
    package let replicas: ReplicaManager
    package let live: LiveConfiguration
    package let workers: WorkerPool
    package let autoCreation: TopicAutoCreation
    /// Nil where nothing is encrypted.
    package let listeners: ListenerSecurity?

    package init(
        identity: BrokerIdentity, store: any MetadataStore, replicas: ReplicaManager, live: LiveConfiguration,
        workers: WorkerPool, listeners: ListenerSecurity? = nil
    ) {
        self.identity = identity
        self.store = store
        self.replicas = replicas
        self.live = live
        self.workers = workers
        self.listeners = listeners
        autoCreation = TopicAutoCreation(store: store, live: live)
    }
}

extension APIRegistry {
    /// Every API that this broker serves.
    package init(_ services: BrokerServices, emulating release: EmulatedRelease? = nil) {
        self.init(emulating: release)
        let partitions = services.replicas.served
        let configuration = services.live.current
        let logs = services.replicas.logs
        register(Produce(partitions: partitions, identity: services.identity, mayBeCongested: { logs.mayBeCongested }))
        register(
            Fetch(
                partitions: partitions,
                sessions: FetchSessionCache(limit: configuration.maxIncrementalFetchSessionCacheSlots),
                workers: services.workers, fetchMaxBytes: configuration.fetchMaxBytes, identity: services.identity))
        register(ListOffsets(partitions: partitions, workers: services.workers))
        register(
            Metadata(identity: services.identity, store: services.store, autoCreation: services.autoCreation))
        register(DeleteRecords(partitions: partitions, workers: services.workers))
        register(
            InitProducerId(producerIds: ProducerIds(store: services.store, nodeId: services.identity.nodeId)))
        register(OffsetForLeaderEpoch(partitions: partitions))
        registerAdminAPIs(services)
    }
}

extension BrokerFeatures {
    /// What the image says; supported is what a release says that it could do, as far as it is served here.
    package init(_ image: ClusterImage, emulating release: EmulatedRelease?) {
        let lowest: Int16 = release?.isBefore4 == true ? 1 : MetadataVersion.oldest
        let highest = release?.isBefore4 == true ? MetadataVersion.fresh : MetadataVersion.newest
        self.init(
            supported: [(MetadataVersion.featureName, lowest...highest)],
            finalized: image.features.filter { $0.key == MetadataVersion.featureName }.map { ($0.key, $0.value) },
            epoch: image.offset)
    }
}
