internal import CJackdaw
internal import Glibc
internal import Synchronization

/// A file descriptor on a loop: a listener, a connection, a bell. `ready` runs on the loop's thread.
open class Channel {
    public init() {}

    /// Where the loop keeps it while it is registered.
    public internal(set) final var registration: EventLoop.Registration?

    /// `events` as epoll gives them.
    open func ready(_ events: EventLoop.Events) {}
}

/// One thread, one epoll instance, the channels that live on it, their deadlines, and a mailbox by which the other
/// threads reach it. Everything but `post`, `wake` and `stop` is for the loop's own thread.
///
/// A test makes a loop with its own clock and turns it by hand.
public final class EventLoop: @unchecked Sendable {  // the mailbox is locked, `thread` atomic; the rest belongs to the thread
    public struct Events: OptionSet, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        public static let readable = Events(rawValue: EPOLLIN.rawValue)
        public static let writable = Events(rawValue: EPOLLOUT.rawValue)
        /// The peer will send no more.
        public static let peerClosed = Events(rawValue: EPOLLRDHUP.rawValue)
        public static let hungUp = Events(rawValue: EPOLLHUP.rawValue)
        public static let failed = Events(rawValue: EPOLLERR.rawValue)
    }

    /// A channel's slot and that slot's generation: what comes for an earlier tenant of the slot is dropped.
    public struct Registration: Sendable, Equatable {
        public let slot: UInt32
        public let generation: UInt32
        let descriptor: Int32

        var tag: UInt64 { UInt64(generation) << 32 | UInt64(slot) }
    }

    enum Letter {
        case wake(Waiter)
        case job(@Sendable () -> Void)
    }

    public let index: Int
    public let clock: Clock

    private let epoll: Int32
    private let bell: Int32
    private let mailbox = Mutex<[Letter]>([])
    private let isStopped = Atomic<Bool>(false)
    private let thread = Atomic<UInt>(0)

    private var channels: [Channel?] = []
    private var generations: [UInt32] = []
    private var freeSlots: [UInt32] = []
    private var deadlines = DeadlineHeap()
    /// Letters of the loop to itself: read at the end of the turn, without lock and bell.
    private var ownLetters: [Letter] = []
    private let events: UnsafeMutablePointer<epoll_event>
    private static let eventsPerTurn = 256
    private static let bellTag = UInt64.max

    /// What the loop runs at the end of each turn, before it waits.
    package var atEndOfTurn: (() -> Void)?

    /// Fails only where the process is out of descriptors; `errno` says so.
    public init?(index: Int = 0, clock: Clock = Clock()) {
        self.index = index
        self.clock = clock
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        bell = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        events = .allocate(capacity: Self.eventsPerTurn)
        guard epoll >= 0, bell >= 0 else { return nil }
        control(EPOLL_CTL_ADD, bell, Self.bellTag, .readable)
    }

    deinit {
        events.deallocate()
        if epoll >= 0 { close(epoll) }
        if bell >= 0 { close(bell) }
    }

    // MARK: from any thread

    public var isCurrent: Bool { thread.load(ordering: .relaxed) == UInt(pthread_self()) }

    /// Runs `job` on the loop's thread, after what it is doing now.
    public func post(_ job: @escaping @Sendable () -> Void) { post(.job(job)) }

    func post(_ letter: Letter) {
        if isCurrent {
            ownLetters.append(letter)
            return
        }
        let isFirst = mailbox.withLock { letters in
            letters.append(letter)
            return letters.count == 1
        }
        if isFirst { ring() }
    }

    /// Ends `run` after the turn that it is in.
    public func stop() {
        isStopped.store(true, ordering: .releasing)
        ring()
    }

    private func ring() {
        var one: UInt64 = 1
        _ = write(bell, &one, 8)
    }

    // MARK: channels

    public func register(_ channel: Channel, descriptor: Int32, for interest: Events) -> Registration {
        let slot: UInt32
        if let free = freeSlots.popLast() {
            slot = free
        } else {
            slot = UInt32(channels.count)
            channels.append(nil)
            generations.append(0)
        }
        let registration = Registration(slot: slot, generation: generations[Int(slot)], descriptor: descriptor)
        channels[Int(slot)] = channel
        channel.registration = registration
        control(EPOLL_CTL_ADD, descriptor, registration.tag, interest)
        return registration
    }

    public func change(_ channel: Channel, to interest: Events) {
        guard let registration = channel.registration else { return }
        control(EPOLL_CTL_MOD, registration.descriptor, registration.tag, interest)
    }

    /// The descriptor stays open: its owner closes it.
    public func deregister(_ channel: Channel) {
        guard let registration = channel.registration else { return }
        channel.registration = nil
        channels[Int(registration.slot)] = nil
        generations[Int(registration.slot)] &+= 1
        freeSlots.append(registration.slot)
        control(EPOLL_CTL_DEL, registration.descriptor, registration.tag, [])
    }

    /// The channel in that slot, if it is still the same one.
    @inline(__always)
    public func channel(slot: UInt32, generation: UInt32) -> Channel? {
        Int(slot) < channels.count && generations[Int(slot)] == generation ? channels[Int(slot)] : nil
    }

    private func control(_ operation: Int32, _ descriptor: Int32, _ tag: UInt64, _ interest: Events) {
        var event = epoll_event()
        event.events = interest.rawValue
        event.data.u64 = tag
        epoll_ctl(epoll, operation, descriptor, &event)
    }

    // MARK: deadlines

    public func setDeadline(_ waiter: Waiter, at deadline: MonotonicTime) { deadlines.set(waiter, at: deadline) }

    public func clearDeadline(_ waiter: Waiter) { deadlines.remove(waiter) }

    /// Runs `body` on this loop at `deadline`, unless it is cancelled before.
    @discardableResult
    package func schedule(at deadline: MonotonicTime, _ body: @escaping @Sendable () -> Void) -> ScheduledWork {
        let work = ScheduledWork(on: self, body)
        deadlines.set(work, at: deadline)
        return work
    }

    /// Forgets channels, deadlines and letters, which may hold whoever holds the loop: for a simulation, whose broker dies without
    /// being stopped.
    package func abandon() {
        channels = []
        generations = []
        freeSlots = []
        deadlines = DeadlineHeap()
        ownLetters = []
        mailbox.withLock { $0 = [] }
    }

    // MARK: turning

    /// Turns until `stop`.
    public func run() {
        while !isStopped.load(ordering: .acquiring) { turn(waitingAtMostMs: .max) }
    }

    /// One turn: waits for events, a letter or a deadline, and works on all that there is.
    public func turn(waitingAtMostMs limit: Int64) {
        thread.store(UInt(pthread_self()), ordering: .relaxed)
        let count = epoll_wait(epoll, events, Int32(Self.eventsPerTurn), waitMs(limit))
        var next = 0
        while next < Int(count) {
            let event = events[next]
            next += 1
            if event.data.u64 == Self.bellTag {
                readMailbox()
                continue
            }
            let slot = UInt32(truncatingIfNeeded: event.data.u64)
            let generation = UInt32(truncatingIfNeeded: event.data.u64 >> 32)
            channel(slot: slot, generation: generation)?.ready(Events(rawValue: event.events))
        }
        expireDeadlines()
        readOwnLetters()
        atEndOfTurn?()
    }

    private func waitMs(_ limit: Int64) -> Int32 {
        if !ownLetters.isEmpty { return 0 }
        var wait = limit
        if let earliest = deadlines.earliest {
            let now = clock.now()
            // One more millisecond, since the rest is cut off: waking too early would only mean to wait again.
            wait = min(wait, earliest <= now ? 0 : earliest.milliseconds(since: now) + 1)
        }
        return wait > Int64(Int32.max) ? -1 : Int32(max(0, wait))
    }

    private func expireDeadlines() {
        guard deadlines.count > 0 else { return }
        let now = clock.now()
        while let waiter = deadlines.takeDue(at: now) { waiter.expired() }
    }

    private func readMailbox() {
        var rung: UInt64 = 0
        _ = read(bell, &rung, 8)
        let letters = mailbox.withLock { letters in
            let taken = letters
            letters = []
            return taken
        }
        for letter in letters { open(letter) }
    }

    /// Letters may write letters: those are read in the next turn, which does not wait, so that sockets get their turn between.
    private func readOwnLetters() {
        guard !ownLetters.isEmpty else { return }
        let letters = ownLetters
        ownLetters.removeAll()
        for letter in letters { open(letter) }
    }

    private func open(_ letter: Letter) {
        switch letter {
        case .wake(let waiter):
            // Cleared first: an event during `woken` must wake it again.
            waiter.isQueued.store(false, ordering: .releasing)
            waiter.woken()
        case .job(let job): job()
        }
    }
}
