package import EventLoop
package import Files

/// What all logs of a broker share: disk, clock, workers, and the bound on open files. Comes in from outside, so that tests own it.
package final class LogEnvironment: Sendable {
    package let fileSystem: FileSystem
    package let clock: Clock
    let openFiles: OpenFiles
    /// Starts a job on a thread that may wait for a disk. A simulation runs it where it likes.
    let submit: @Sendable (@escaping @Sendable () -> Void) -> Void
    /// `producer.id.expiration.ms`
    let producerIdExpirationMs: Int64

    package init(
        fileSystem: FileSystem, clock: Clock, openFileLimit: Int = LogLimits.openFiles,
        producerIdExpirationMs: Int64 = 24 * 3_600_000,
        submit: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void
    ) {
        self.fileSystem = fileSystem
        self.clock = clock
        self.submit = submit
        self.producerIdExpirationMs = producerIdExpirationMs
        openFiles = OpenFiles(limit: openFileLimit)
    }
}
