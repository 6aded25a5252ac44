package import EventLoop
package import Files
internal import Synchronization

/// What all logs of a broker share: disk, clock, workers, and the bound on open files. Comes in from outside, so that tests own it.
package final class LogEnvironment: Sendable {
    package let fileSystem: FileSystem
    package let clock: Clock
    let openFiles: OpenFiles
    /// Starts a job on a thread that may wait for a disk. A simulation runs it where it likes.
    let submit: @Sendable (@escaping @Sendable () -> Void) -> Void
    /// The same on threads that are for compaction alone: it takes long, and sleeps where it is too fast.
    let submitCleaning: @Sendable (@escaping @Sendable () -> Void) -> Void
    /// There are to be so many of them.
    let resizeCleaning: @Sendable (Int) -> Void
    /// What waits to be written to slow disks, of all directories together: bytes.
    let queuedBytes = Atomic<Int>(0)
    /// How much may wait for one directory before requests are held back: bytes.
    let queuedBytesLimit: Int
    /// `producer.id.expiration.ms`
    let producerIdExpirationMs: Int64
    /// After so many appended bytes a log gets its mark anew; nil where marks are of no use (`FileSystem.uptimeName`).
    let unmarkedBytes: Int?

    package init(
        fileSystem: FileSystem, clock: Clock, openFileLimit: Int = LogLimits.openFiles,
        producerIdExpirationMs: Int64 = 24 * 3_600_000, unmarkedBytes: Int = LogLimits.unmarkedBytes,
        queuedBytesLimit: Int = LogLimits.queuedBytes,
        submit: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void,
        submitCleaning: (@Sendable (@escaping @Sendable () -> Void) -> Void)? = nil,
        resizeCleaning: @escaping @Sendable (Int) -> Void = { _ in }
    ) {
        self.fileSystem = fileSystem
        self.clock = clock
        self.queuedBytesLimit = queuedBytesLimit
        self.submit = submit
        self.submitCleaning = submitCleaning ?? submit
        self.resizeCleaning = resizeCleaning
        self.producerIdExpirationMs = producerIdExpirationMs
        self.unmarkedBytes = fileSystem.uptimeName == nil ? nil : unmarkedBytes
        openFiles = OpenFiles(limit: openFileLimit)
    }
}
