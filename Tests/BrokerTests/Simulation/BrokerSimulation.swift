import Cluster
import Files
import Glibc
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
    private let clock = ManualClock()
    private let isTraced = getenv("JACKDAW_SIMULATION_TRACE") != nil
    private let directories: [String]
    private let unmarkedBytes: Int
    private var generator: SeededGenerator
    private var broker: SimulatedBroker!
    private var connections: [SimulatedConnection] = []
    /// What each connection waits for.
    private var inFlight: [Promise?] = []
    private var topics: [String: TopicModel] = [:]
    private var offsets: [OffsetKey: OffsetModel] = [:]
    /// What was committed for topics that were deleted: their tombstones are not flushed, and where they are lost it counts again for
    /// a topic of the same name, as in Kafka.
    private var formerOffsets: Set<Int64> = []
    private var nextValue = 0
    private var nextProducer: Int64 = 1

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
        try restart(losingPower: generator.chance(0.5))
    }

    private func trace(_ text: @autoclosure () -> String) { if isTraced { print(text()) } }

    private func require(_ condition: Bool, _ message: @autoclosure () -> String) throws {
        if !condition { throw Violation(description: message()) }
    }

    // MARK: what is done

    private func step() throws {
        let choice = Int.random(in: 0..<100, using: &generator)
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
        case 95..<97: disk.faults.slowWrites = disk.faults.slowWrites == nil ? (directories[0], clock, 100) : nil
        default: disk.faults.crashAfterCalls = Int.random(in: 0...60, using: &generator)
        }
        broker.turn()
    }

    /// A connection on which nothing is under way.
    private func idleConnection() -> Int? { inFlight.indices.filter { inFlight[$0] == nil }.randomElement(using: &generator) }

    /// By name, so that a seed finds the same one again.
    private func anyTopic() -> TopicModel? { topics.keys.sorted().randomElement(using: &generator).flatMap { topics[$0] } }

    private func produce() throws {
        guard let place = idleConnection(), let topic = anyTopic() else { return try createTopic() }
        let partition = Int32.random(in: 0..<Int32(topic.partitions.count), using: &generator)
        let model = topic.partitions[Int(partition)]
        var values: [String] = []
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
            nextValue += 1
            values.append("\(nextValue) " + String(repeating: "x", count: Int.random(in: 0...200, using: &generator)))
        }
        let key: [UInt8] = [UInt8.random(in: 0..<6, using: &generator)]
        // One producer a partition has one batch under way at a time; the others have no ids.
        let isIdempotent = generator.chance(0.4) && model.producerIsIdle
        let (producer, sequence) = (model.producerId, model.nextSequence)
        let batch = try simulatedBatch(values, key: key, timestamp: clock.wallMs()) { builder in
            guard isIdempotent else { return }
            builder.producerId = producer
            builder.producerEpoch = 0
            builder.baseSequence = sequence
        }
        if isIdempotent { model.producerIsIdle = false }
        let record = PartitionModel.Sent(values: values, key: key, sequence: isIdempotent ? sequence : nil)
        model.sent.append(record)
        inFlight[place] = .produce(topic, partition, record)
        try connections[place].sendProduce(topic.name, partition, batch)
    }

    private func commit() throws {
        guard let place = idleConnection(), let topic = anyTopic() else { return }
        let key = OffsetKey(group: "g\(Int.random(in: 0..<3, using: &generator))", topic: topic.name, partition: 0)
        nextValue += 1
        let model = offsets[key] ?? OffsetModel()
        offsets[key] = model
        model.sent.append(Int64(nextValue))
        inFlight[place] = .commit(model, Int64(nextValue))
        try connections[place].sendCommit(key.group, key.topic, key.partition, Int64(nextValue))
    }

    private func createTopic() throws {
        guard topics.count < 4, let place = idleConnection() else { return }
        let names = ["t0", "t1", "t2", "t3"].filter { topics[$0] == nil }
        guard let name = names.randomElement(using: &generator) else { return }
        let topic = TopicModel(name: name, partitions: Int.random(in: 1...2, using: &generator), producer: &nextProducer)
        topic.flushes = generator.chance(0.4)
        topic.compacts = generator.chance(0.3)
        var configs = [
            ("index.interval.bytes", "\(Int.random(in: 50...600, using: &generator))"),
            ("file.delete.delay.ms", "1000"), ("min.cleanable.dirty.ratio", "0"), ("delete.retention.ms", "3000"),
            ("retention.ms", "-1"),
        ]
        if topic.flushes { configs.append(("flush.messages", "1")) }
        if topic.compacts { configs.append(("cleanup.policy", "compact")) }
        let indexBytes = Int.random(in: 24...120, using: &generator)
        configs.append(("segment.index.bytes", "\(indexBytes)"))
        topic.indexBytes = [indexBytes]
        topic.isCertain = false
        topics[name] = topic
        let error = try connections[place].createTopic(name, partitions: Int32(topic.partitions.count), configs)
        trace("created \(name): \(String(describing: error))")
        if error == 0 { topic.isCertain = true } else { try require(error == nil || disk.hasStopped || isOffline, "creating a topic: \(error!)") }
    }

    private var isOffline: Bool { broker.logs.directories.contains { !$0.isOnline } }

    private func deleteTopic() throws {
        guard let place = idleConnection(), let topic = anyTopic() else { return }
        topic.mayBeGone = true
        let error = try connections[place].deleteTopic(topic.name)
        trace("deleted \(topic.name): \(String(describing: error))")
        if error == 0 { forget(topic) }
    }

    private func forget(_ topic: TopicModel) {
        topics[topic.name] = nil
        for (key, model) in offsets where key.topic == topic.name {
            formerOffsets.formUnion(model.sent)
            offsets[key] = nil
        }
        // Requests for it may still be answered, and promise nothing.
        for place in inFlight.indices {
            if case .produce(let other, _, _)? = inFlight[place], other === topic { inFlight[place] = .nothing }
        }
    }

    private func alterTopic() throws {
        guard let place = idleConnection(), let topic = anyTopic() else { return }
        let bytes = Int.random(in: 24...120, using: &generator)
        topic.indexBytes.append(bytes)
        let error = try connections[place].setConfig(topic.name, "segment.index.bytes", "\(bytes)")
        if error == 0 {
            topic.indexBytes = [bytes]
            for index in topic.partitions.indices {
                let log = broker.logs.log(TopicPartition(topic.name, Int32(index)))
                try require(log == nil || log?.configuration.segmentIndexBytes == bytes, "a changed configuration does not act at once")
            }
        }
    }

    private func deleteRecords() throws {
        guard let place = idleConnection(), let topic = anyTopic(), !topic.compacts else { return }
        let partition = Int32.random(in: 0..<Int32(topic.partitions.count), using: &generator)
        guard let log = broker.logs.log(TopicPartition(topic.name, partition)), log.highWatermark > 0 else { return }
        let offset = Int64.random(in: 0...log.highWatermark, using: &generator)
        let model = topic.partitions[Int(partition)]
        model.mayBeginUpTo = max(model.mayBeginUpTo, offset)
        let answer = try connections[place].deleteRecords(topic.name, partition, before: offset)
        if let answer, answer.error == 0 { try require(answer.lowWatermark >= offset, "records were not deleted up to \(offset)") }
    }

    /// What has been answered by now is on the disk from now on.
    private func flushAll() {
        for log in broker.logs.logs.sorted(by: { $0.partition < $1.partition }) {
            let model = topics[log.partition.topic]?.partitions[Int(log.partition.partition)]
            let end = log.logEndOffset
            let isInternal = log.partition.topic == "__consumer_offsets"
            let written = isInternal ? offsets.values.map { ($0, $0.answered) } : []
            log.flushed(upTo: end) { failure in
                guard failure == nil else { return }
                if let model { model.flushed = max(model.flushed, end) }
                for (offset, count) in written { offset.flushed = max(offset.flushed, count) }
            }
        }
        if generator.chance(0.7) { broker.jobs.run() }
    }

    private func takeAnswers() throws {
        for place in connections.indices {
            let connection = connections[place]
            guard let promise = inFlight[place] else { continue }
            if connection.wasHeldBack || connection.refusal != nil {
                inFlight[place] = nil
                continue
            }
            switch promise {
            case .nothing: if connection.dropAnswer() { inFlight[place] = nil }
            case .produce(let topic, let partition, let record):
                guard let (error, offset) = try connection.takeProduced() else { continue }
                inFlight[place] = nil
                let model = topic.partitions[Int(partition)]
                if error == 0 {
                    record.offset = offset
                    let end = offset + Int64(record.values.count)
                    model.answered = max(model.answered, end)
                    if topic.flushes { model.flushed = max(model.flushed, end) }
                    if record.sequence != nil {
                        model.producerIsIdle = true
                        model.nextSequence += Int32(record.values.count)
                    }
                } else {
                    try require([56, 3, 6].contains(error) || disk.hasStopped, "produce to \(topic.name)-\(partition): error \(error)")
                }
            case .commit(let model, let value):
                guard let error = try connection.takeCommitted() else { continue }
                inFlight[place] = nil
                if error == 0 { model.answered = max(model.answered, model.count(upTo: value)) }
            }
        }
    }

    // MARK: starts and stops

    private enum Event { case nothing, cleanStop, kill, powerLoss }

    private func stopCleanly() throws {
        disk.faults.slowWrites = nil
        broker.settle()
        try takeAnswers()
        broker.store.close()
        broker.logs.shutdown()
        guard !disk.hasStopped, !isOffline else { return try restart(losingPower: false) }
        try start(after: .cleanStop)
    }

    /// `since`: what has happened already that was not looked at yet.
    private func restart(losingPower: Bool, since: Event = .nothing) throws {
        crashes += 1
        try takeAnswers()
        disk.faults.slowWrites = nil
        if losingPower { disk.crash() } else { disk.killProcess() }
        // A start may be cut short as well.
        if generator.chance(0.2) { disk.faults.crashAfterCalls = Int.random(in: 0...200, using: &generator) }
        try start(after: losingPower || since == .powerLoss ? .powerLoss : .kill)
    }

    private func start(after event: Event) throws {
        connections = []
        broker?.die()
        broker = nil
        inFlight = []
        do {
            broker = try SimulatedBroker(
                directories: directories, disk: disk, clock: clock, unmarkedBytes: unmarkedBytes,
                ["offsets.topic.num.partitions": "1"])
            broker.settle()
        } catch {
            guard disk.hasStopped else { throw error }
        }
        if disk.hasStopped {
            trace("the start was cut short")
            return try restart(losingPower: generator.chance(0.5), since: event)
        }
        disk.faults.crashAfterCalls = nil
        connections = (0..<4).map { _ in broker.connect() }
        inFlight = Array(repeating: nil, count: 4)
        trace("started after \(event): \(broker.logs.logs.map { "\($0.partition) \($0.logStartOffset) to \($0.logEndOffset)" }.sorted())")
        if event == .nothing {
            _ = try connections[0].findCoordinator(of: "g")
            broker.settle()
            return
        }
        try verify(after: event)
    }

    // MARK: what is checked

    private func verify(after event: Event) throws {
        for name in topics.keys.sorted() {
            guard let topic = topics[name] else { continue }
            guard let image = broker.store.image.topic(name) else {
                try require(!topic.isCertain || topic.mayBeGone, "topic \(name) was answered as made and is not there")
                forget(topic)
                continue
            }
            topic.isCertain = true
            topic.mayBeGone = false
            let indexBytes = image.overrides["segment.index.bytes"].flatMap { Int($0) } ?? -1
            try require(topic.indexBytes.contains(indexBytes), "segment.index.bytes of \(name) is \(indexBytes), none of \(topic.indexBytes)")
            topic.indexBytes = [indexBytes]
            for (index, model) in topic.partitions.enumerated() {
                let partition = TopicPartition(name, Int32(index))
                guard let log = broker.logs.log(partition) else { throw Violation(description: "\(partition) has no log") }
                try verify(log, model, topic, after: event)
            }
        }
        try verifyOffsets(after: event)
    }

    private func verify(_ log: PartitionLog, _ model: PartitionModel, _ topic: TopicModel, after event: Event) throws {
        try LogCheck(log).run()
        let end = log.logEndOffset
        let least = event == .powerLoss ? model.flushed : model.answered
        try require(end >= least, "\(log.partition) ends at \(end) after \(event), though \(least) was acknowledged")
        try require(
            log.logStartOffset <= model.mayBeginUpTo, "\(log.partition) begins at \(log.logStartOffset), \(model.mayBeginUpTo) at most was asked for")
        let found = try LogCheck(log).records()
        var byOffset: [Int64: String] = [:]
        for record in found { byOffset[record.offset] = record.value }
        let sent = Dictionary(model.sent.flatMap { sent in sent.values.map { ($0, sent) } }) { first, _ in first }
        var seen: Set<String> = []
        for record in found {
            try require(sent[record.value] != nil, "\(log.partition) has at offset \(record.offset) what nobody sent")
            try require(seen.insert(record.value).inserted, "\(log.partition) has twice what was sent once: offset \(record.offset)")
        }
        for sent in model.sent {
            guard let offset = sent.offset else { continue }
            for (place, value) in sent.values.enumerated() where offset + Int64(place) < min(least, end) {
                let at = offset + Int64(place)
                if at < log.logStartOffset { continue }
                if topic.compacts, byOffset[at] == nil {
                    // Only a newer record with its key may have taken its place.
                    let isReplaced = found.contains { $0.key == sent.key && $0.offset > at }
                    try require(isReplaced, "\(log.partition) has lost offset \(at), the last of its key")
                    continue
                }
                try require(byOffset[at] == value, "\(log.partition) has something else at offset \(at) than what was acknowledged there")
            }
        }
        if topic.compacts {
            model.goOn(with: log.producers.first { $0.id == model.producerId }?.entry)
        } else {
            try verifyProducer(log, model, found)
        }
        model.forget(from: end, found)
    }

    /// The producer may go on where the log says, and nowhere else.
    private func verifyProducer(_ log: PartitionLog, _ model: PartitionModel, _ found: [LogCheck.Record]) throws {
        let values = Set(found.map(\.value))
        // The last batch of the producer that is in the log, answered or not.
        let written = model.sent.last { $0.sequence != nil && ($0.values.contains(where: values.contains) || ($0.offset.map { $0 < log.logEndOffset } ?? false)) }
        let entry = log.producers.first { $0.id == model.producerId }?.entry
        if let written, let sequence = written.sequence, let entry {
            let expected = sequence + Int32(written.values.count) - 1
            try require(entry.lastSequence == expected, "\(log.partition): the producer's last sequence is \(entry.lastSequence), not \(expected)")
        } else if written != nil, log.logStartOffset == 0 {
            throw Violation(description: "\(log.partition): the producer is forgotten")
        }
        model.goOn(with: entry)
    }

    private func verifyOffsets(after event: Event) throws {
        guard let log = broker.logs.log(TopicPartition("__consumer_offsets", 0)) else { return }
        try LogCheck(log).run()
        for (key, model) in offsets.sorted(by: { ($0.key.group, $0.key.topic) < ($1.key.group, $1.key.topic) }) {
            guard let (error, offset) = try connections[0].committed(key.group, key.topic, key.partition), error == 0 else {
                if disk.hasStopped { return }
                throw Violation(description: "\(key) cannot be read")
            }
            let least = event == .powerLoss ? model.flushed : model.answered
            let isNone = offset < 0 || formerOffsets.contains(offset)
            let count = isNone ? 0 : model.count(upTo: offset)
            try require(isNone || model.sent.contains(offset), "\(key) is at \(offset), which nobody committed")
            try require(count >= least, "\(key) is at commit \(count) after \(event), though \(least) was acknowledged")
            model.cut(to: count)
        }
    }
}
