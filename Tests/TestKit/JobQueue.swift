internal import Synchronization

/// Jobs that wait until a simulation runs them.
package final class JobQueue: Sendable {
    private let jobs = Mutex<[@Sendable () -> Void]>([])

    package init() {}

    package var count: Int { jobs.withLock { $0.count } }

    package func submit(_ job: @escaping @Sendable () -> Void) { jobs.withLock { $0.append(job) } }

    package func drop() { jobs.withLock { $0 = [] } }

    /// Runs the oldest; false where there is none.
    @discardableResult
    package func runOne() -> Bool {
        let job = jobs.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        job?()
        return job != nil
    }

    /// Runs all, and those that they submit.
    package func run() { while runOne() {} }
}
