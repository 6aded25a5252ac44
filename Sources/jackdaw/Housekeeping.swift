internal import CJackdaw
internal import Cluster
internal import EventLoop
internal import PartitionLog
internal import Server

/// What is done from time to time without being asked: the logs' upkeep, and giving back memory that a broker at rest does not
/// need. Without requests it wakes seldom.
final class Housekeeping: @unchecked Sendable {  // what changes belongs to the loop's thread
    private let loop: EventLoop
    private let workers: WorkerPool
    private let logs: LogManager
    private let store: EmbeddedMetadataStore
    private let server: Server

    /// How many requests there had been at the last look, and since when it is the same number.
    private var requests = 0
    private var quietSince: MonotonicTime

    /// So long after the last request the broker is at rest; the logs' own files rest by then, too.
    private static let restAfterMs: Int64 = 12_000
    /// Between two looks at rest: what is due by then is due in minutes.
    private static let restIntervalMs: Int64 = 5_000
    /// After so long the start is over and the first clients are served.
    private static let settlingMs: Int64 = 1_000

    init(loop: EventLoop, workers: WorkerPool, logs: LogManager, store: EmbeddedMetadataStore, server: Server) {
        self.loop = loop
        self.workers = workers
        self.logs = logs
        self.store = store
        self.server = server
        quietSince = loop.clock.now()
    }

    func begin() {
        // What only the start needed is most of what is resident by now.
        loop.schedule(at: loop.clock.now().advanced(byMs: Self.settlingMs)) { [workers] in
            workers.submit { Self.giveMemoryBack() }
        }
        lookAgain(afterMs: LogManager.maintenanceIntervalMs)
    }

    private func lookAgain(afterMs interval: Int64) {
        loop.schedule(at: loop.clock.now().advanced(byMs: interval)) { [self] in look() }
    }

    private func look() {
        let now = loop.clock.now(), count = server.requestCount
        if count != requests {
            requests = count
            quietSince = now
        }
        let isAtRest = now.milliseconds(since: quietSince) >= Self.restAfterMs
        workers.submit { [logs, store] in
            logs.maintain()
            store.maintain()
            // Each time: the look itself has brought some of it back.
            if isAtRest { Self.giveMemoryBack() }
        }
        lookAgain(afterMs: isAtRest ? Self.restIntervalMs : LogManager.maintenanceIntervalMs)
    }

    private static func giveMemoryBack() {
        jd_trim_memory()
        jd_release_program_pages()
    }
}
