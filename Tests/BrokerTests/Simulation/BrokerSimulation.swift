import Cluster
import Files
import Glibc
import Groups
import KafkaRecords
import KafkaWire
import TestKit

@testable import PartitionLog

/// A random life of a whole broker on a disk that misbehaves, driven by requests, and a model of what it has promised.
final class BrokerSimulation: SeededSimulation {
    struct Violation: Error, CustomStringConvertible {
        var description: String
    }

    let disk: SimulatedDisk
    private(set) var steps = 0
    private(set) var crashes = 0
    let clock = ManualClock()
    let isTraced = getenv("JACKDAW_SIMULATION_TRACE") != nil
    let directories: [String]
    let unmarkedBytes: Int
    var generator: SeededGenerator
    var broker: SimulatedBroker!
    var connections: [SimulatedConnection] = []
    /// What each connection waits for.
    var inFlight: [Promise?] = []
    var topics: [String: TopicModel] = [:]
    var offsets: [OffsetKey: OffsetModel] = [:]
    /// What was committed for topics that were deleted: their tombstones are not flushed, and where they are lost it counts again for
    /// a topic of the same name, as in Kafka.
    var formerOffsets: Set<Int64> = []
    var nextValue = 0
    var nextProducer: Int64 = 1
    let group = GroupModel()
    var members: [SimulatedMember] = []
    /// The disk has refused something since the start: what fails then need not be anybody's fault.
    var hadTrouble = false
    var lastEvent = Event.nothing
    /// What is wrong with the broker on purpose, for a canary.
    var bug: Bug?

    enum Bug {
        /// Group coordinators tell of what waits to be written.
        case tellsTooEarly
        /// Members of former generations are let in.
        case hasNoFences
    }

    init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
        disk = SimulatedDisk(seed: seed ^ 0xb20c)
        directories = generator.chance(0.4) ? ["/a", "/b"] : ["/a"]
        unmarkedBytes = Int.random(in: 200...5000, using: &generator)
    }

    func run() throws {
        try start(after: .nothing)
        for _ in 0..<Int.random(in: 15...60, using: &generator) {
            steps += 1
            try step()
            try takeAnswers()
            if disk.hasStopped { try restart(losingPower: generator.chance(0.6)) }
        }
        disk.faults.trouble = nil
        try restart(losingPower: generator.chance(0.5))
        try regroup()
    }

    func trace(_ text: @autoclosure () -> String) { if isTraced { print(text()) } }

    func require(_ condition: Bool, _ message: @autoclosure () -> String) throws {
        if !condition { throw Violation(description: message()) }
    }

    // MARK: what is done

    func step() throws {
        let choice = Int.random(in: 0..<130, using: &generator)
        trace("step \(steps): \(choice), jobs \(broker.jobs.count), calls \(disk.calls), topics \(topics.keys.sorted())")
        switch choice {
        case 0..<45: try produce()
        case 45..<55: try commit()
        case 55..<65: broker.jobs.runOne()
        case 65..<70: broker.settle()
        case 70..<76:
            clock.advance(ms: Int64.random(in: 1...30_000, using: &generator))
            let logs = broker.logs
            broker.jobs.submit { logs.maintain() }
            broker.turn()
        case 76..<80: try createTopic()
        case 80..<81: try deleteTopic()
        case 81..<84: try alterTopic()
        case 84..<87: try deleteRecords()
        case 87..<89: flushAll()
        case 89..<91: try stopCleanly()
        case 91..<93: try restart(losingPower: false)
        case 93..<95: try restart(losingPower: true)
        case 100..<116: try members.randomElement(using: &generator)?.goOn(&nextValue)
        case 116..<121: try commitAsMember()
        case 121..<122: try members.randomElement(using: &generator)?.leave()
        case 122..<124: try readOffsets()
        case 124..<126: try restartTogether()
        case 126..<130: disk.faults.trouble = disk.faults.trouble == nil ? trouble(of: directories) : nil
        case 95..<97: disk.faults.slowWrites = disk.faults.slowWrites == nil ? (directories[0], clock, 100) : nil
        default: disk.faults.crashAfterCalls = Int.random(in: 0...60, using: &generator)
        }
        broker.turn()
        hadTrouble = hadTrouble || disk.faults.trouble != nil
    }

    private func trouble(of paths: [String]) -> SimulatedDisk.Trouble? {
        guard let path = paths.randomElement(using: &generator) else { return nil }
        let probability: Double = [0.02, 0.2, 1].randomElement(using: &generator) ?? 1
        let isFull = generator.chance(0.4)
        return SimulatedDisk.Trouble(
            path: path, code: isFull ? ENOSPC : EIO, probability: probability, alsoReads: !isFull && generator.chance(0.3))
    }

    // MARK: starts and stops

    enum Event { case nothing, cleanStop, kill, powerLoss }

    func stopCleanly() throws {
        disk.faults.slowWrites = nil
        broker.settle()
        try takeAnswers()
        let isComplete = broker.store.close()
        broker.logs.shutdown(isComplete: isComplete)
        guard !disk.hasStopped, !isOffline else { return try restart(losingPower: false) }
        disk.killProcess()
        try start(after: .cleanStop)
    }

    /// `since`: what has happened already that was not looked at yet.
    func restart(losingPower: Bool, since: Event = .nothing) throws {
        crashes += 1
        try takeAnswers()
        disk.faults.slowWrites = nil
        if losingPower { disk.crash() } else { disk.killProcess() }
        // A start may be cut short as well.
        if generator.chance(0.2) { disk.faults.crashAfterCalls = Int.random(in: 0...200, using: &generator) }
        try start(after: losingPower || since == .powerLoss ? .powerLoss : .kill)
    }

    func start(after event: Event) throws {
        connections = []
        // With one directory that is broken the others serve; nothing serves without the one that has the metadata.
        let isBroken = directories.count > 1 && generator.chance(0.15)
        disk.faults.trouble = isBroken ? trouble(of: Array(directories.dropFirst())) : nil
        broker?.die()
        broker = nil
        inFlight = []
        do {
            broker = try SimulatedBroker(
                directories: directories, disk: disk, clock: clock, unmarkedBytes: unmarkedBytes,
                log: { [bug] log -> any GroupLog in if bug == .tellsTooEarly { EagerGroupLog(log) } else { log } },
                [
                    "offsets.topic.num.partitions": "1", "group.initial.rebalance.delay.ms": "0",
                    // A group that is empty and has no offsets would be forgotten, and begin with its first generation.
                    "offsets.retention.check.interval.ms": "1000000000",
                ])
            broker.settle()
        } catch {
            guard disk.hasStopped else { throw error }
        }
        if disk.hasStopped {
            trace("the start was cut short")
            return try restart(losingPower: generator.chance(0.5), since: event)
        }
        disk.faults.crashAfterCalls = nil
        disk.faults.trouble = nil
        hadTrouble = isBroken
        lastEvent = event
        connections = (0..<4).map { _ in broker.connect() }
        inFlight = Array(repeating: nil, count: 4)
        if members.isEmpty {
            members = (0..<3).map { _ in SimulatedMember(group, broker.connect()) }
            for member in members { member.isNeverFenced = bug == .hasNoFences }
        } else {
            group.restarted(losingPower: event == .powerLoss)
            for member in members { member.connect(broker.connect()) }
        }
        trace("started after \(event): \(broker.logs.logs.map { "\($0.partition) \($0.logStartOffset) to \($0.logEndOffset)" }.sorted())")
        if event == .nothing {
            _ = try connections[0].findCoordinator(of: "g")
            broker.settle()
            return
        }
        try verify(after: event)
    }
}
