/// Every bound of this room, with its unit.
package enum LogLimits {
    /// Index entries that wait in memory before they are written in one piece: entries.
    static let pendingIndexEntries = 256
    /// What an index search reads in one piece once it has narrowed the range: bytes. Up to 1024, and known to the compiler, such
    /// scratch memory lies on the stack; beyond it a read would allocate.
    @inline(__always) static var indexPageBytes: Int { 1024 }
    /// What a walk over batch headers reads at a time: bytes. The same holds.
    @inline(__always) static var headerWindowBytes: Int { 1024 }
    /// What recovery, and other reading of whole batches, takes at a time: bytes. A larger batch gets its own size.
    static let scanWindowBytes = 1 << 20
    /// No batch in a log is larger: bytes. Kafka's length field would allow 2 GB; `message.max.bytes` has no such use.
    static let batchBytes = 512 << 20
    /// A segment's positions are 32-bit numbers in the index: bytes.
    static let segmentBytes = Int(Int32.max)
    /// Small files (checkpoints, meta.properties) beyond this are not ours: bytes.
    static let smallFileBytes = 64 << 20
    /// A producer snapshot: bytes. Kafka's entry has 40 bytes, so this is some 6 million producers.
    static let producerSnapshotBytes = 256 << 20
    /// How many segment files stand open at once, unless the caller says otherwise: files.
    package static let openFiles = 4096
    /// Not yet flushed bytes after which a flush is started without being asked for, so that a start after a kill has
    /// little to read: bytes of one partition.
    static let unflushedBytes = 64 << 20
    /// Appended bytes after which a mark says how far the log is written: a start after a kill reads so much of a partition at most.
    package static let unmarkedBytes = 64 << 20
    /// The same of all partitions together: with more, those with little to read get a mark as well. Bytes.
    static let unmarkedBytesOfAll = 256 << 20
    /// A mark: bytes. It holds what a producer snapshot does, and the leader epochs.
    static let markBytes = 320 << 20
    /// A write that takes longer is slow: nanoseconds, and bytes a second for what is larger than a disk's cache takes in that time.
    static let slowWriteNs: UInt64 = 20_000_000
    static let slowBytesPerSecond = 200_000_000
    /// So long after the last slow write workers go on writing, and at most so long where slow writes come again and again: ns.
    static let calmNs: UInt64 = 50_000_000
    static let longestCalmNs: UInt64 = 2_000_000_000
    /// What may wait for one directory before requests are held back: bytes.
    package static let queuedBytes = 64 << 20
    /// What the cleaner reads or writes at a time, however little is allowed: bytes.
    static let leastCleaningBuffer = 16 << 10
    /// How often a read looks again when a segment vanishes under it: tries.
    static let readAttempts = 4
}
