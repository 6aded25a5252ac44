import Cluster
import Files
import KafkaRecords
import KafkaWire
import TestKit

@testable import PartitionLog

// What is looked at after each start.

extension BrokerSimulation {
    func verify(after event: Event) throws {
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
                guard let log = broker.logs.log(partition) else {
                    // Its directory is broken: nobody may take another one for it.
                    if hadTrouble, isOffline {
                        if event == .powerLoss { model.answered = min(model.answered, model.flushed) }
                        continue
                    }
                    throw Violation(description: "\(partition) has no log")
                }
                try verify(log, model, topic, after: event)
            }
        }
        try verifyOffsets(after: event)
    }

    func verify(_ log: PartitionLog, _ model: PartitionModel, _ topic: TopicModel, after event: Event) throws {
        try LogCheck(log).run()
        let end = log.logEndOffset
        let least = event == .powerLoss ? model.flushed : model.answered
        try require(end >= least, "\(log.partition) ends at \(end) after \(event), though \(least) was acknowledged")
        try require(
            log.logStartOffset <= model.mayBeginUpTo, "\(log.partition) begins at \(log.logStartOffset), \(model.mayBeginUpTo) at most was asked for")
        let found = try LogCheck(log).records()
        trace("\(log.partition) has \(found.map { "\($0.offset): \($0.key) \($0.value.prefix { $0 != " " })" })")
        trace("\(log.partition) was sent \(model.sent.map { "\($0.offset ?? -1): \($0.key) \($0.values.map { $0.prefix { $0 != " " } })" })")
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
        // Where compaction makes gaps one that a power loss has made is not seen.
        if topic.compacts, event == .powerLoss {
            model.sent.removeAll { sent in
                sent.offset.map { $0 + Int64(sent.values.count) > least } ?? false && !sent.values.contains(where: seen.contains)
            }
        }
    }

    /// The producer may go on where the log says, and nowhere else.
    func verifyProducer(_ log: PartitionLog, _ model: PartitionModel, _ found: [LogCheck.Record]) throws {
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

    func verifyOffsets(after event: Event) throws {
        guard let log = broker.logs.log(TopicPartition("__consumer_offsets", 0)) else {
            if event == .powerLoss { for model in offsets.values { model.answered = min(model.answered, model.flushed) } }
            return
        }
        try LogCheck(log).run()
        for (key, model) in offsets.sorted(by: { ($0.key.group, $0.key.topic) < ($1.key.group, $1.key.topic) }) {
            guard let (error, offset) = try connections[0].committed(key.group, key.topic, key.partition), error == 0 else {
                if disk.hasStopped { return }
                throw Violation(description: "\(key) cannot be read")
            }
            let least = event == .powerLoss ? model.flushed : model.answered
            let count = try found(offset, key, model)
            try require(count >= least, "\(key) is at commit \(count) after \(event), though \(least) was acknowledged")
            model.cut(to: count)
        }
    }
}
