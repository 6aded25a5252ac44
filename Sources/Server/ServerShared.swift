internal import Broker
internal import EventLoop
internal import Exchange
internal import Glibc
internal import Synchronization
internal import Telemetry

/// What the connections of all loops share: the broker, the bounds, and who is connected.
final class ServerShared: Sendable {
    let broker: Broker
    let limits: ServerLimits
    let bounds: @Sendable () -> ConnectionBounds
    let budget: FrameBudget
    let workers: WorkerPool
    let log: Logger
    /// What peers bring about.
    let provoked: ProvokedLines

    private struct Census {
        var total = 0
        var perHost: [String: Int] = [:]
        /// Listeners wait for a connection to close.
        var isFull = false
    }
    private let census = Mutex(Census())
    private let numbers = Atomic<Int>(0)
    /// Told when there is room again after there was none.
    private let hasRoomAgain = Mutex<(@Sendable () -> Void)?>(nil)

    init(
        broker: Broker, limits: ServerLimits, bounds: @escaping @Sendable () -> ConnectionBounds, budget: FrameBudget, workers: WorkerPool, log: Logger, loop: EventLoop
    ) {
        self.broker = broker
        self.limits = limits
        self.bounds = bounds
        self.budget = budget
        self.workers = workers
        self.log = log
        provoked = ProvokedLines(log, loop: loop)
    }

    /// A number that no other connection of this process has; never 0.
    func nextConnectionNumber() -> Int { numbers.wrappingAdd(1, ordering: .relaxed).newValue }

    func whenThereIsRoom(_ tell: @escaping @Sendable () -> Void) { hasRoomAgain.withLock { $0 = tell } }

    /// Whether one more may be accepted; where not, the next connection that closes is told of.
    func hasRoom(on listener: ListenerIdentity) -> Bool {
        let most = bounds().maxConnections
        let isFull = census.withLock { census in
            census.isFull = census.total >= most
            return census.isFull
        }
        guard isFull else { return true }
        provoked.say(
            of: "listener \(listener.name)", "max.connections",
            "listener \(listener.name): max.connections=\(most) is reached: more of them wait until one is closed")
        return false
    }

    enum Admission: Equatable { case welcome, tooMany(String) }

    /// Counts a new connection, unless it is one too many of its address.
    func admit(host: String) -> Admission {
        let bounds = bounds()
        let perHost = bounds.maxConnectionsPerIpOverrides[host] ?? bounds.maxConnectionsPerIp
        return census.withLock { census in
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
        let wasFull = census.withLock { census in
            census.total -= 1
            let left = census.perHost[host, default: 1] - 1
            census.perHost[host] = left > 0 ? left : nil
            defer { census.isFull = false }
            return census.isFull
        }
        if wasFull { hasRoomAgain.withLock { $0 }?() }
    }
}
