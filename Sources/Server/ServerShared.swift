internal import Broker
internal import EventLoop
internal import Glibc
internal import Synchronization
internal import Telemetry

/// What the connections of all loops share: the broker, the bounds, and who is connected.
final class ServerShared: Sendable {
    let broker: Broker
    let limits: ServerLimits
    let budget: FrameBudget
    let workers: WorkerPool
    let log: Logger
    /// What peers bring about.
    let provoked: ProvokedLines

    private struct Census {
        var total = 0
        var perHost: [String: Int] = [:]
    }
    private let census = Mutex(Census())
    private let numbers = Atomic<Int>(0)

    init(broker: Broker, limits: ServerLimits, budget: FrameBudget, workers: WorkerPool, log: Logger, loop: EventLoop) {
        self.broker = broker
        self.limits = limits
        self.budget = budget
        self.workers = workers
        self.log = log
        provoked = ProvokedLines(log, loop: loop)
    }

    /// A number that no other connection of this process has; never 0.
    func nextConnectionNumber() -> Int { numbers.wrappingAdd(1, ordering: .relaxed).newValue }

    enum Admission: Equatable { case welcome, tooMany(String) }

    /// Counts a new connection, unless it is one too many.
    func admit(host: String) -> Admission {
        let perHost = limits.maxConnectionsPerIpOverrides[host] ?? limits.maxConnectionsPerIp
        return census.withLock { census in
            if census.total >= limits.maxConnections { return .tooMany("max.connections=\(limits.maxConnections)") }
            let ofHost = census.perHost[host, default: 0]
            if ofHost >= perHost { return .tooMany("max.connections.per.ip=\(perHost)") }
            census.total += 1
            census.perHost[host] = ofHost + 1
            return .welcome
        }
    }

    /// Closes the descriptor; `host` where the connection was counted.
    func closed(_ descriptor: Int32, host: String?) {
        close(descriptor)
        guard let host else { return }
        census.withLock { census in
            census.total -= 1
            let left = census.perHost[host, default: 1] - 1
            census.perHost[host] = left > 0 ? left : nil
        }
    }
}
