import Cluster
import Files
import KafkaRecords
import KafkaWire
import TestKit

@testable import PartitionLog

// What clients do, and what they are told.

extension BrokerSimulation {
    /// A connection on which nothing is under way.
    func idleConnection() -> Int? { inFlight.indices.filter { inFlight[$0] == nil }.randomElement(using: &generator) }

    /// By name, so that a seed finds the same one again.
    func anyTopic() -> TopicModel? { topics.keys.sorted().randomElement(using: &generator).flatMap { topics[$0] } }

    func produce() throws {
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

    func commit() throws {
        guard let place = idleConnection(), let topic = anyTopic() else { return }
        let group = "g\(Int.random(in: 0..<3, using: &generator))", model = offsetModel(group, topic.name)
        nextValue += 1
        model.sent.append(Int64(nextValue))
        inFlight[place] = .commit(model, Int64(nextValue))
        try connections[place].sendCommit(group, topic.name, 0, Int64(nextValue))
    }

    func createTopic() throws {
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
        if error == 0 { topic.isCertain = true } else { try require(error == nil || disk.hasStopped || hadTrouble, "creating a topic: \(error!)") }
    }

    var isOffline: Bool { broker.logs.directories.contains { !$0.isOnline } }

    func deleteTopic() throws {
        guard let place = idleConnection(), let topic = anyTopic() else { return }
        topic.mayBeGone = true
        let error = try connections[place].deleteTopic(topic.name)
        trace("deleted \(topic.name): \(String(describing: error))")
        if error == 0 { forget(topic) }
    }

    func forget(_ topic: TopicModel) {
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

    func alterTopic() throws {
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

    func deleteRecords() throws {
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
    func flushAll() {
        for log in broker.logs.logs.sorted(by: { $0.partition < $1.partition }) {
            let model = topics[log.partition.topic]?.partitions[Int(log.partition.partition)]
            let end = log.logEndOffset
            let isInternal = log.partition.topic == "__consumer_offsets"
            let written = isInternal ? offsets.values.map { ($0, $0.answered) } : []
            let group = group, generation = isInternal ? group.answered : 0
            log.flushed(upTo: end) { failure in
                guard failure == nil else { return }
                if let model { model.flushed = max(model.flushed, end) }
                for (offset, count) in written { offset.flushed = max(offset.flushed, count) }
                group.flushed = max(group.flushed, generation)
            }
        }
        if generator.chance(0.7) { broker.jobs.run() }
    }

    func takeAnswers() throws {
        // In the order in which they came: what one is told holds for the others.
        for member in members.sorted(by: { $0.firstArrival < $1.firstArrival }) { try member.takeAnswer() }
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
}
