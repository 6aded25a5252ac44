import Configuration
import Testing

/// What may become of `log.cleaner.*` while a broker runs with four threads, and what is said against the rest, as Apache Kafka 4.4
/// says it.
@Suite struct CleanerChangeTests {
    private func refusal(_ values: [String: String], by configuration: BrokerConfiguration) -> String? {
        do throws(ConfigurationError) {
            try configuration.validateDynamic(values, forAllBrokers: true)
            return nil
        } catch {
            return error.message
        }
    }

    private static func threads(_ reason: String) -> String {
        "Invalid value org.apache.kafka.common.config.ConfigException: Log cleaner threads \(reason) for configuration "
            + "Invalid dynamic configuration"
    }

    private static let memory = "requirement failed: log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread."

    @Test(arguments: [
        ("threads", "9", threads("cannot be increased to more than double the current value 4")),
        ("threads", "1", threads("cannot be reduced to less than half the current value 4")),
        ("threads", "2", nil), ("threads", "4", nil), ("threads", "8", nil),
        ("threads", "-1", "Invalid value -1 for configuration log.cleaner.threads: Value must be at least 0"),
        ("threads", "x", "Invalid value x for configuration log.cleaner.threads: Not a number of type INT"),
        // Kafka says "/ by zero".
        ("threads", "0", threads("should be at least 1")),
        ("dedupe.buffer.size", "100", memory), ("dedupe.buffer.size", "-5", memory), ("dedupe.buffer.size", "4194304", memory),
        ("dedupe.buffer.size", "4194308", nil), ("dedupe.buffer.size", "99999999999", nil),
        ("io.buffer.size", "0", nil), ("io.buffer.size", "1000", nil),
        ("io.buffer.size", "-1", "Invalid value -1 for configuration log.cleaner.io.buffer.size: Value must be at least 0"),
        ("io.buffer.load.factor", "-1", nil), ("io.buffer.load.factor", "2", nil),
        ("io.buffer.load.factor", "x", "Invalid value x for configuration log.cleaner.io.buffer.load.factor: Not a number of type DOUBLE"),
        ("io.max.bytes.per.second", "0", nil), ("io.max.bytes.per.second", "-7", nil), ("io.max.bytes.per.second", "1000.5", nil),
        ("backoff.ms", "0", nil),
        ("backoff.ms", "-1", "Invalid value -1 for configuration log.cleaner.backoff.ms: Value must be at least 0"),
        ("enable", "false", "Cannot update these configs dynamically: [log.cleaner.enable]"),
    ] as [(String, String, String?)])
    func `a change is taken, or refused in Kafka's words`(key: String, value: String, message: String?) throws {
        let configuration = try BrokerConfiguration(["log.cleaner.threads": "4"])
        #expect(refusal(["log.cleaner.\(key)": value], by: configuration) == message)
    }

    @Test func `the threads that there are now count, and what a deletion brings back`() throws {
        let configuration = try BrokerConfiguration(["log.cleaner.threads": "4"])
            .with(dynamicDefaults: ["log.cleaner.threads": "8"], dynamicValues: [:])
        #expect(refusal(["log.cleaner.threads": "16"], by: configuration) == nil)
        #expect(refusal([:], by: configuration) == nil)
        let further = configuration.with(dynamicDefaults: ["log.cleaner.threads": "16"], dynamicValues: [:])
        #expect(refusal([:], by: further) == Self.threads("cannot be reduced to less than half the current value 16"))
    }

    @Test func `a broker without a cleaner lets its threads be anything`() throws {
        let configuration = try BrokerConfiguration(["log.cleaner.enable": "false"])
        #expect(refusal(["log.cleaner.threads": "50"], by: configuration) == nil)
    }

    @Test(arguments: [("log.cleaner.threads", "0"), ("log.cleaner.dedupe.buffer.size", "1048576")])
    func `what no cleaner can work with stops the start`(key: String, value: String) {
        let error = #expect(throws: ConfigurationError.self) { try BrokerConfiguration([key: value]) }
        #expect(error?.key == key)
    }
}
