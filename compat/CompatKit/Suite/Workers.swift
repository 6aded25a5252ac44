package import Glibc
internal import Synchronization

/// Threads for work that waits on other processes.
package enum Workers {
    private final class Job: Sendable {
        let work: @Sendable () -> Void
        init(_ work: @escaping @Sendable () -> Void) { self.work = work }
    }

    /// Starts a thread; the result ends with `join`.
    package static func start(_ work: @escaping @Sendable () -> Void) -> pthread_t? {
        var thread = pthread_t()
        let job = Unmanaged.passRetained(Job(work))
        let code = pthread_create(
            &thread, nil,
            { raw in
                guard let raw else { return nil }
                Unmanaged<Job>.fromOpaque(raw).takeRetainedValue().work()
                return nil
            }, job.toOpaque())
        guard code == 0 else {
            job.release()
            return nil
        }
        return thread
    }

    /// Calls `body` for every index, so many at a time, and returns when all are done.
    package static func forEach(_ count: Int, atOnce: Int, _ body: @escaping @Sendable (Int) -> Void) {
        let next = Mutex(0)
        let run: @Sendable () -> Void = {
            while true {
                let index = next.withLock { value in
                    defer { value += 1 }
                    return value
                }
                guard index < count else { return }
                body(index)
            }
        }
        let threads = (0..<min(max(atOnce, 1), count)).compactMap { _ in start(run) }
        if threads.isEmpty { run() }
        for thread in threads { pthread_join(thread, nil) }
    }
}
