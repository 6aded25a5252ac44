/// What one committed change did, for those who act upon it: partitions to make or delete, configurations to apply.
package struct ClusterChange: Sendable {
    package let before: ClusterImage
    package let after: ClusterImage
    /// Each topic that is not the same object as before; `after` nil: deleted, `before` nil: new.
    package let topics: [(before: TopicImage?, after: TopicImage?)]
    package let configurations: Set<ConfigurationResource>
}

/// Where the cluster's metadata are kept, and the one who changes them: a log of records in the data directory
/// (`EmbeddedMetadataStore`), or ZooKeeper.
///
/// Thread-safe. Nothing waits here: a change answers by its completion, on whichever thread finds it committed.
package protocol MetadataStore: AnyObject, Sendable {
    /// After the last committed change. Keep it no longer than one request takes.
    var image: ClusterImage { get }

    /// Rises with every committed change: a loop renews its reference to the image when it has moved.
    var generation: UInt64 { get }

    /// Decides on a change and commits it.
    ///
    /// `decide` is given the metadata after all changes before this one (which may be further than `image`) and returns
    /// framed metadata records, none where there is nothing to change, and whatever its caller wants to know of the
    /// decision. It may be called more than once. `completion` follows when the records are durable, the image has
    /// changed, and the observers have acted.
    func change<Outcome: Sendable>(
        _ decide: @escaping @Sendable (ClusterImage) -> (records: [[UInt8]], outcome: Outcome),
        completion: @escaping @Sendable (Result<Outcome, MetadataError>) -> Void)

    /// Calls `observer` for each committed change, in order, one at a time, before its completion is called. An observer
    /// that is added late is first told of all that is there.
    func observe(_ observer: @escaping @Sendable (ClusterChange) -> Void)
}
