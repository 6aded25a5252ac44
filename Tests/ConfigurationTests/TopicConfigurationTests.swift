import Configuration
import Testing

struct TopicConfigurationTests {
    @Test func `Kafka's defaults`() {
        let topic = TopicConfiguration()
        #expect(topic.cleanupPolicy == .delete)
        #expect(topic.retentionMs == 604_800_000)
        #expect(topic.retentionBytes == -1)
        #expect(topic.segmentBytes == 1 << 30)
        #expect(topic.segmentMs == 604_800_000)
        #expect(topic.segmentJitterMs == 0)
        #expect(topic.flushMs == .max)
        #expect(topic.flushMessages == .max)
        #expect(topic.maxMessageBytes == 1_048_588)
        #expect(topic.messageTimestampType == .createTime)
        #expect(topic.compressionType == .producer)
        #expect(topic.minCleanableDirtyRatio == 0.5)
    }

    @Test(arguments: [
        (["log.retention.hours": "1"], 3_600_000), (["log.retention.minutes": "2", "log.retention.hours": "1"], 120_000),
        (["log.retention.ms": "3", "log.retention.minutes": "2"], 3), (["log.retention.hours": "-1"], -1),
        (["log.retention.ms": "-1", "log.retention.hours": "5"], -1),
    ] as [([String: String], Int64)])
    func `retention is the finest of the broker's three keys`(values: [String: String], expected: Int64) throws {
        var properties = Properties()
        for (key, value) in values { properties.set(key, value) }
        let broker = try BrokerConfiguration(properties: properties)
        #expect(TopicConfiguration(broker: broker).retentionMs == expected)
        #expect(TopicConfiguration(overrides: ["retention.ms": "42"], broker: broker).retentionMs == 42)
    }

    @Test func `a zero retention is refused as Kafka does`() {
        let error = #expect(throws: ConfigurationError.self) { try BrokerConfiguration(["log.retention.ms": "0"]) }
        #expect(error?.description == "log.retention.ms must be unlimited (-1) or, greater than or equal to 1")
    }

    @Test func `the topic's value comes before the broker's dynamic, its static and the default`() throws {
        let fixed = try BrokerConfiguration(["log.segment.bytes": "2000000", "log.roll.hours": "1", "log.flush.scheduler.interval.ms": "77"])
        #expect(TopicConfiguration(broker: fixed).segmentBytes == 2_000_000)
        #expect(TopicConfiguration(broker: fixed).segmentMs == 3_600_000)
        #expect(TopicConfiguration(broker: fixed).flushMs == 77)
        let dynamic = fixed.with(dynamicDefaults: ["log.segment.bytes": "3000000"], dynamicValues: ["log.roll.ms": "9"])
        #expect(TopicConfiguration(broker: dynamic).segmentBytes == 3_000_000)
        #expect(TopicConfiguration(broker: dynamic).segmentMs == 9)
        let topic = TopicConfiguration(["segment.bytes": "4000000"], broker: dynamic)
        #expect(topic.segmentBytes == 4_000_000)
    }

    @Test func `both, one or no cleanup policy`() {
        #expect(TopicConfiguration(["cleanup.policy": "compact, delete"]).cleanupPolicy == [.compact, .delete])
        #expect(TopicConfiguration(["cleanup.policy": "compact"]).cleanupPolicy == .compact)
        #expect(TopicConfiguration(["cleanup.policy": ""]).cleanupPolicy == [])
    }

    @Test func `an override that cannot be read is reported and the broker's value counts`() {
        var rejected: [String] = []
        let topic = TopicConfiguration(overrides: ["retention.ms": "soon", "flush.ms": "5"]) { rejected.append($0.key) }
        #expect(rejected == ["retention.ms"])
        #expect(topic.retentionMs == 604_800_000)
        #expect(topic.flushMs == 5)
    }

    @Test func `overrides are validated as a whole`() throws {
        let broker = BrokerConfiguration()
        func message(_ overrides: [String: String]) -> String? {
            do throws(ConfigurationError) {
                try TopicConfiguration.validate(overrides, broker: broker)
                return nil
            } catch {
                return error.message
            }
        }
        #expect(message(["retention.ms": "-1", "cleanup.policy": "compact"]) == nil)
        #expect(message(["foo": "1"]) == "Unknown topic config name: foo")
        #expect(message(["retention.ms": "-2"])
            == "Invalid value -2 for configuration retention.ms: Value must be at least -1")
        #expect(message(["min.compaction.lag.ms": "5", "max.compaction.lag.ms": "4"])
            == "conflict topic config setting min.compaction.lag.ms (5) > max.compaction.lag.ms (4)")
        #expect(message(["remote.storage.enable": "true"])?.hasPrefix("Tiered Storage functionality is disabled") == true)
    }

    @Test func `jitter stays below the segment's time`() {
        let topic = TopicConfiguration(["segment.jitter.ms": "100", "segment.ms": "10"])
        #expect((0..<1000).allSatisfy { (0...10).contains(topic.randomSegmentJitterMs(random: UInt64($0))) })
        #expect(TopicConfiguration().randomSegmentJitterMs(random: .max) == 0)
    }
}
