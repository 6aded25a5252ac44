import KafkaMessages
import KafkaWire
import PartitionLog
import Telemetry
import TestKit
import Testing

/// `log.cleaner.*` changed while the broker runs.
@Suite struct CleanerConfigurationTests {
    private let disk = SimulatedDisk(seed: 5)
    private let clock = ManualClock()

    init() { Log.shared.level = .error }

    private func start() throws -> SimulatedBroker {
        let broker = try SimulatedBroker(disk: disk, clock: clock, ["offsets.topic.num.partitions": "1", "log.cleaner.threads": "2"])
        broker.settle()
        return broker
    }

    private func alter(_ broker: SimulatedBroker, _ key: String, _ value: String?) throws -> Int16? {
        let arena = Arena()
        defer { arena.staysUntilHere() }
        var request = IncrementalAlterConfigsRequest()
        request.resources = WireArray(count: 1, in: arena) { _, resource in
            resource.resourceType = 4
            resource.configs = WireArray(count: 1, in: arena) { _, config in
                config.name = WireBytes(copying: key, in: arena)
                config.configOperation = value == nil ? 1 : 0
                config.value = value.map { WireBytes(copying: $0, in: arena) }
            }
        }
        return try broker.connect().ask(request, version: 1) { $0.responses[0].errorCode }
    }

    @Test func `each setting acts at once, after a start too, and goes back when it is deleted`() throws {
        var broker = try start()
        var wanted = broker.logs.cleaner
        #expect(wanted.threads == 2)
        let before = wanted
        (wanted.threads, wanted.memoryBytes, wanted.loadFactor) = (4, 50_000_000, 0.5)
        (wanted.bufferBytes, wanted.maxBytesPerSecond, wanted.backoffMs) = (70_000, 1_000_000, 20)
        let settings = [
            ("threads", "4"), ("dedupe.buffer.size", "50000000"), ("io.buffer.load.factor", "0.5"), ("io.buffer.size", "70000"),
            ("io.max.bytes.per.second", "1000000"), ("backoff.ms", "20"),
        ]
        for (key, value) in settings { #expect(try alter(broker, "log.cleaner.\(key)", value) == 0) }
        #expect(broker.logs.cleaner == wanted)
        #expect(try alter(broker, "log.cleaner.threads", "9") == ErrorCode.invalidRequest.rawValue)
        #expect(broker.logs.cleaner == wanted)
        broker.die()
        disk.killProcess()
        broker = try start()
        #expect(broker.logs.cleaner == wanted)
        for (key, _) in settings { #expect(try alter(broker, "log.cleaner.\(key)", nil) == 0) }
        #expect(broker.logs.cleaner == before)
    }
}
