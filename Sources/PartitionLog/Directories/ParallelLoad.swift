internal import Files
internal import Glibc
internal import Synchronization
internal import Telemetry

/// Loads partitions on several threads: each takes the next one until none is left.
final class ParallelLoad: Sendable {
    private struct State {
        var next = 0
        var running = 0
        var done = 0
        var failure: LogError?
    }

    private let jobs: [LogLoader]
    private let manager: LogManager
    private let state = Mutex(State())

    init(jobs: [LogLoader], manager: LogManager) {
        self.jobs = jobs
        self.manager = manager
    }

    var failure: LogError? { state.withLock { $0.failure } }

    /// Returns when all are loaded.
    func run(threads: Int, submit: @Sendable (@escaping @Sendable () -> Void) -> Void) {
        let helpers = min(threads, jobs.count) - 1
        let finished = Finish()
        if helpers > 0 {
            state.withLock { $0.running = helpers }
            for _ in 0..<helpers {
                submit {
                    self.work()
                    if self.state.withLock({ state in
                        state.running -= 1
                        return state.running == 0
                    }) {
                        finished.signal()
                    }
                }
            }
        }
        work()
        if helpers > 0 { finished.wait() }
    }

    private func work() {
        while let loader = state.withLock({ state -> LogLoader? in
            guard state.next < jobs.count, state.failure == nil else { return nil }
            defer { state.next += 1 }
            return jobs[state.next]
        }) {
            load(loader)
        }
    }

    private func load(_ loader: LogLoader) {
        guard loader.directory.isOnline else { return }
        do throws(LogError) {
            try manager.add(try loader.load())
        } catch where error.kind == .unusableDirectory {
            state.withLock { $0.failure = $0.failure ?? error }
        } catch {
            LogManager.logger.error("could not load a partition's log", ["partition": loader.partition, "error": error])
            loader.directory.fail(error)
        }
        let done = state.withLock { state in
            state.done += 1
            return state.done
        }
        if done % 1000 == 0 { LogManager.logger.info("loading partitions", ["done": done, "of": jobs.count]) }
    }
}

/// One thread waits until another says so.
private final class Finish: @unchecked Sendable {  // the semaphore is made for several threads
    private let semaphore: UnsafeMutablePointer<sem_t>

    init() {
        semaphore = .allocate(capacity: 1)
        sem_init(semaphore, 0, 0)
    }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    func signal() { sem_post(semaphore) }

    func wait() {
        while sem_wait(semaphore) != 0 {}
    }
}
