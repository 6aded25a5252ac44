/// Who this broker is.
package struct BrokerIdentity: Sendable {
    package let clusterId: String
    package let nodeId: Int32

    package let rack: String?

    package init(clusterId: String, nodeId: Int32, rack: String? = nil) {
        self.clusterId = clusterId
        self.nodeId = nodeId
        self.rack = rack
    }
}

/// The features of KIP-584, as ApiVersions tells of them.
package struct BrokerFeatures: Sendable {
    /// What this broker could serve.
    package var supported: [(name: String, levels: ClosedRange<Int16>)]
    /// What the cluster has agreed on.
    package var finalized: [(name: String, level: Int16)]
    /// The offset in the metadata log up to which `finalized` is known.
    package var epoch: Int64

    package init(
        supported: [(name: String, levels: ClosedRange<Int16>)], finalized: [(name: String, level: Int16)], epoch: Int64
    ) {
        self.supported = supported
        self.finalized = finalized
        self.epoch = epoch
    }
}
