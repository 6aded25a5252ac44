import Configuration
import Testing

struct ValueTests {
    @Test func `every value gets Kafka's verdict, in Kafka's words`() throws {
        var keys: [(scope: ConfigurationScope, name: String)] = []
        var compared = 0
        for line in try Vectors.lines("verdicts.tsv") where !line.isEmpty {
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            if fields[0] == "keys" {
                keys = fields.dropFirst().map { field in
                    let parts = field.split(separator: " ").map(String.init)
                    return (parts[0] == "topic" ? .topic : .broker, parts[1])
                }
                continue
            }
            for key in keys {
                let facts = try #require(key.scope.keys.facts(ofKey: key.name), "no key \(key.name)")
                let expected = fields[1].replacing("%K", with: key.name)
                #expect(verdict(facts, fields[0]) == expected, "\(key.name)=\(fields[0])")
                compared += 1
            }
        }
        #expect(compared > 15_000)
    }

    private func verdict(_ facts: ConfigurationFacts, _ value: String) -> String {
        do throws(ConfigurationError) {
            try facts.parse(value)
            return "ok"
        } catch {
            return error.message
        }
    }

    @Test func `every default is a value that its key allows`() throws {
        let scopes: [ConfigurationScope] = [
            .broker, .topic, .group, .clientMetrics, .userClientQuota, .ipQuota, .brokerQuota,
        ]
        for facts in scopes.flatMap(\.keys) {
            if let text = facts.defaultText(in: .since4) { try facts.parse(text) }
        }
    }

    @Test func `every key is found by its name, and nothing else is`() {
        for scope in [ConfigurationScope.broker, .topic, .group] {
            for (index, facts) in scope.keys.enumerated() {
                #expect(scope.keys.index(ofKey: String(describing: facts.name)) == index)
            }
            #expect(scope.keys.index(ofKey: "") == nil)
            #expect(scope.keys.index(ofKey: "zzz") == nil)
            #expect(scope.keys.index(ofKey: "a") == nil)
        }
        #expect(BrokerKey("log.retention.ms") == .logRetentionMs)
        #expect(TopicKey("retention.ms") == .retentionMs)
        #expect(TopicKey.retentionMs.brokerKey == .logRetentionMs)
        #expect(TopicKey.errorsDeadletterqueueGroupEnable.brokerKey == nil)
    }
}
