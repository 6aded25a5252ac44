internal import Glibc

/// The threads that may wait for a disk (`num.io.threads`): fsync, cold reads, recovery, compaction, deletion.
///
/// Threads start when there is work that no idle one takes, and stay. Jobs start in the order in which they came.
package final class WorkerPool: @unchecked Sendable {  // everything mutable is behind `lock`
    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    private let changed: UnsafeMutablePointer<pthread_cond_t>
    private var limit: Int
    private var jobs: [@Sendable () -> Void] = []
    private var next = 0
    private var idle = 0
    private var isStopping = false
    private var threads: [WorkerThread] = []
    private let divert: ((@escaping @Sendable () -> Void) -> Void)?

    /// For a simulation: no threads, every job goes to `divert`, which runs it when and where it likes.
    package convenience init(divertedTo divert: @escaping (@escaping @Sendable () -> Void) -> Void) {
        self.init(threads: 1, divert: divert)
    }

    package convenience init(threads limit: Int) { self.init(threads: limit, divert: nil) }

    private init(threads limit: Int, divert: ((@escaping @Sendable () -> Void) -> Void)?) {
        precondition(limit > 0)
        self.limit = limit
        self.divert = divert
        lock = .allocate(capacity: 1)
        changed = .allocate(capacity: 1)
        pthread_mutex_init(lock, nil)
        pthread_cond_init(changed, nil)
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(lock)
        lock.deallocate()
        changed.deallocate()
    }

    /// From now on at most so many threads work; those that are more than that stay where they are, and do nothing.
    package func resize(to threads: Int) {
        precondition(threads > 0)
        pthread_mutex_lock(lock)
        limit = threads
        pthread_mutex_unlock(lock)
    }

    /// Thread-safe; never waits. After `stop` it does nothing and says so.
    @discardableResult
    package func submit(_ job: @escaping @Sendable () -> Void) -> Bool {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        guard !isStopping else { return false }
        if let divert {
            divert(job)
            return true
        }
        jobs.append(job)
        if jobs.count - next > idle, threads.count < limit {
            if let thread = WorkerThread("worker-\(threads.count)", { self.work() }) { threads.append(thread) }
        }
        pthread_cond_signal(changed)
        return true
    }

    /// Finishes what was submitted, then ends the threads.
    package func stop() {
        pthread_mutex_lock(lock)
        isStopping = true
        let running = threads
        threads = []
        pthread_cond_broadcast(changed)
        pthread_mutex_unlock(lock)
        for thread in running { thread.join() }
    }

    private func work() {
        pthread_mutex_lock(lock)
        while true {
            if next < jobs.count {
                let job = jobs[next]
                next += 1
                if next == jobs.count {
                    jobs.removeAll()
                    next = 0
                } else if next >= 1024 {
                    jobs.removeFirst(next)
                    next = 0
                }
                pthread_mutex_unlock(lock)
                job()
                pthread_mutex_lock(lock)
            } else if isStopping {
                pthread_mutex_unlock(lock)
                return
            } else {
                idle += 1
                pthread_cond_wait(changed, lock)
                idle -= 1
            }
        }
    }
}
