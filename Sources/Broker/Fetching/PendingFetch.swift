internal import EventLoop
internal import Exchange
internal import Replication

/// A fetch that waits: for records, for its time to be over, or for a worker that reads from the disk.
final class PendingFetch: Waiter, @unchecked Sendable {  // what changes belongs to the loop's thread
    private let context: FetchContext
    private let terms: FetchTerms
    private let served: ServedPartitions
    private let workers: WorkerPool
    private let desk: RequestDesk
    private let deadline: MonotonicTime
    private var reply: Reply?
    private var rooms: [WaitingRoom] = []
    private var isWithWorker = false

    init(
        _ context: FetchContext, _ terms: FetchTerms, in served: ServedPartitions, workers: WorkerPool, desk: RequestDesk,
        until deadline: MonotonicTime, reply: consuming Reply
    ) {
        self.context = context
        self.terms = terms
        self.served = served
        self.workers = workers
        self.desk = desk
        self.deadline = deadline
        self.reply = consume reply
        super.init(on: desk.loop)
    }

    func begin(needsWorker: Bool) {
        if needsWorker { return readWithWorker() }
        loop.setDeadline(self, at: deadline)
        // Register first, look again after: an append in between would otherwise wake nobody.
        let table = served.current
        for target in context.targets {
            let topic = table.topic(of: target.key, version: terms.version)
            guard let room = topic?.partition(target.key.partition)?.waiting else { continue }
            room.enter(self)
            rooms.append(room)
        }
        lookAgain()
    }

    override func woken() { lookAgain() }

    override func expired() {
        guard reply != nil else { return }
        finish(served.current.read(context.targets, terms, mayWait: false))
    }

    private func lookAgain() {
        guard reply != nil else { return }
        let reading = served.current.read(context.targets, terms, mayWait: false)
        if reading.mustWait || reading.isEnough(for: terms) { finish(reading) }
    }

    private func finish(_ reading: FetchReading) {
        if reading.mustWait { return readWithWorker() }
        guard let reply = reply.take() else { return }
        leave()
        context.send(reading, terms, on: desk, reply)
    }

    private func leave() {
        loop.clearDeadline(self)
        for room in rooms { room.leave(self) }
        rooms = []
    }

    /// What is not in the page cache a worker reads; the answer is then whatever there is.
    private func readWithWorker() {
        guard !isWithWorker else { return }
        isWithWorker = true
        leave()
        let submitted = workers.submit { [self] in
            let reading = served.current.read(context.targets, terms, mayWait: true)
            loop.post { [self] in
                isWithWorker = false
                guard let reply = reply.take() else { return }
                if !reading.isEnough(for: terms), loop.clock.now() < deadline {
                    self.reply = consume reply
                    begin(needsWorker: false)
                } else {
                    context.send(reading, terms, on: desk, reply)
                }
            }
        }
        // The broker stops: the connection is closed with it.
        if !submitted { reply.take()?.refuse("the broker is stopping") }
    }
}
