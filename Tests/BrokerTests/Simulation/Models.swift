import KafkaRecords
import KafkaWire
import TestKit

@testable import PartitionLog

/// What the simulation's clients have sent to a partition, and what they were told.
final class PartitionModel: @unchecked Sendable {  // a simulation has one thread
    final class Sent: @unchecked Sendable {  // a simulation has one thread
        let values: [String]
        let key: [UInt8]
        /// nil: without a producer id.
        let sequence: Int32?
        /// Once it is answered, or found.
        var offset: Int64?

        init(values: [String], key: [UInt8], sequence: Int32?) {
            self.values = values
            self.key = key
            self.sequence = sequence
        }
    }

    let producerId: Int64
    var sent: [Sent] = []
    var nextSequence: Int32 = 0
    var producerIsIdle = true
    /// Everything below was answered, and is there unless power is lost.
    var answered: Int64 = 0
    /// Everything below is on the disk.
    var flushed: Int64 = 0
    /// DeleteRecords has asked for no more.
    var mayBeginUpTo: Int64 = 0

    init(producerId: Int64) { self.producerId = producerId }

    func goOn(with entry: ProducerEntry?) {
        nextSequence = (entry?.lastSequence ?? -1) + 1
        producerIsIdle = true
    }

    /// The log ends here after a start: what was sent and is not there is lost, what was not answered and is there counts.
    func forget(from end: Int64, _ found: [LogCheck.Record]) {
        let offsets = Dictionary(found.map { ($0.value, $0.offset) }) { first, _ in first }
        for sent in sent where sent.offset == nil {
            // Compaction may have taken the first of them.
            for (place, value) in sent.values.enumerated() {
                if let offset = offsets[value] { sent.offset = offset - Int64(place) }
            }
        }
        // A log whose end was lost behind a start that was not begins anew there, in the middle of a batch's offsets.
        sent.removeAll { sent in sent.offset.map { $0 + Int64(sent.values.count) > end } ?? true }
        answered = min(answered, end)
        flushed = min(flushed, end)
        mayBeginUpTo = min(mayBeginUpTo, end)
    }
}

final class TopicModel: @unchecked Sendable {  // a simulation has one thread
    let name: String
    let partitions: [PartitionModel]
    /// Its creation was answered; before, it may be there or not.
    var isCertain = false
    /// Its deletion is under way.
    var mayBeGone = false
    /// Each answer is on the disk (`flush.messages=1`).
    var flushes = false
    var compacts = false
    /// What segment.index.bytes may be.
    var indexBytes: [Int] = []

    init(name: String, partitions count: Int, producer: inout Int64) {
        self.name = name
        var partitions: [PartitionModel] = []
        for _ in 0..<count {
            partitions.append(PartitionModel(producerId: producer))
            producer += 1
        }
        self.partitions = partitions
    }
}

struct OffsetKey: Hashable {
    var group: String
    var topic: String
    var partition: Int32
}

/// What was committed for one partition by one group, in order; each value is larger than those before.
final class OffsetModel: @unchecked Sendable {  // a simulation has one thread
    var sent: [Int64] = []
    /// So many of them were answered, and so many are on the disk.
    var answered = 0
    var flushed = 0

    /// It was refused: where it is found nevertheless, nobody has sent it.
    func refuse(_ value: Int64) {
        guard let place = sent.lastIndex(of: value) else { return }
        sent.remove(at: place)
        // Those after it move up; so many as before are told of.
        if place < answered { answered -= 1 }
        if place < flushed { flushed -= 1 }
    }

    func count(upTo value: Int64) -> Int { (sent.lastIndex { $0 <= value } ?? -1) + 1 }

    /// After a start this is the last one.
    func cut(to count: Int) {
        sent = Array(sent.prefix(count))
        answered = count
        flushed = min(flushed, count)
    }
}

/// What a connection has asked for and not heard of.
enum Promise {
    case produce(TopicModel, Int32, PartitionModel.Sent)
    case commit(OffsetModel, Int64)
    /// Of no interest any more.
    case nothing
}

/// Looks at everything that a log has: checksums, order, indexes.
struct LogCheck {
    struct Record {
        var offset: Int64
        var key: [UInt8]
        var value: String
    }

    let log: PartitionLog

    init(_ log: PartitionLog) { self.log = log }

    private func require(_ condition: Bool, _ message: @autoclosure () -> String) throws {
        if !condition { throw BrokerSimulation.Violation(description: "\(log.partition): \(message())") }
    }

    func records() throws -> [Record] {
        var found: [Record] = []
        for segment in log.view.segments {
            _ = try segment.walkBatches(from: 0, to: segment.size) { batch, header, _ throws(LogError) in
                do {
                    var records = try batch.records(scratch: RecordScratch())
                    while let record = try records.next() {
                        let empty = UnsafeRawBufferPointer(start: nil, count: 0)
                        found.append(
                            Record(
                                offset: record.offset, key: Array(record.key ?? empty),
                                value: String(decoding: record.value ?? empty, as: UTF8.self)))
                    }
                } catch {
                    throw LogError(.corruptMessage, "\(error)")
                }
                return true
            }
        }
        return found
    }

    func run() throws {
        var last: Int64 = -1
        let isCompacted = log.configuration.compacts
        for segment in log.view.segments {
            var indexes = IndexCheck(segment: segment.baseOffset)
            let stop = try segment.walkBatches(from: 0, to: segment.size) { batch, header, position throws(LogError) in
                do { try batch.ensureValid() } catch { throw LogError(.corruptMessage, "offset \(header.baseOffset): \(error)") }
                guard header.baseOffset > last, isCompacted || last < 0 || header.baseOffset == last + 1 else {
                    throw LogError(.corruptMessage, "offset \(header.baseOffset) comes after \(last)")
                }
                last = header.lastOffset
                indexes.note(batchAt: position, lastOffset: header.lastOffset, maxTimestamp: header.maxTimestamp)
                return true
            }
            try require(stop == segment.size, "garbage in segment \(segment.baseOffset) at byte \(stop)")
            let problem = try indexes.problem(
                entries: segment.offsetIndex.count, segment.offsetIndex.entry, timeEntries: segment.timeIndex.count
            ) { slot in
                let entry = try segment.timeIndex.entry(slot)
                return (entry.timestamp, entry.offset)
            }
            try require(problem == nil, problem ?? "")
        }
    }
}
