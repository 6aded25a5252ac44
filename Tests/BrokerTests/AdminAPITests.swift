import Broker
import BrokerKit
import Cluster
import Configuration
import EventLoop
import Exchange
import Files
import Foundation
import KafkaMessages
import KafkaWire
import PartitionLog
import Replication
import Server
import Synchronization
import TestKit
import Testing

@Suite struct AdminAPITests {
    private let arena = Arena()

    private func topics(_ names: String..., partitions: Int32 = 1, validateOnly: Bool = false) -> CreateTopicsRequest {
        var request = CreateTopicsRequest()
        request.validateOnly = validateOnly
        request.topics = WireArray(count: names.count, in: arena) { index, topic in
            topic.name = WireBytes(copying: names[index], in: arena)
            topic.numPartitions = partitions
            topic.replicationFactor = 1
        }
        return request
    }

    @Test func `every version makes topics, and names each one's error`() throws {
        let broker = try WholeBroker()
        defer { broker.stop() }
        let peer = try Peer(port: broker.port)
        for version in CreateTopicsRequest.validVersions {
            let name = "made-\(version)"
            try peer.ask(topics(name, "bad name", partitions: 2), version: version) { response in
                #expect(response.topics.map(\.errorCode) == [0, ErrorCode.invalidTopicException.rawValue])
                if version >= 5 {
                    #expect(response.topics[0].numPartitions == 2)
                    #expect(response.topics[0].configs?.contains { $0.name == "cleanup.policy" } == true)
                }
                if version >= 7 { #expect(broker.store.image.topic(response.topics[0].topicId)?.name == name) }
            }
            try peer.ask(topics(name), version: version) { response in
                #expect(response.topics.map(\.errorCode) == [ErrorCode.topicAlreadyExists.rawValue])
                if version >= 1 { #expect(response.topics[0].errorMessage?.string == "Topic '\(name)' already exists.") }
            }
        }
        #expect(broker.store.image.topicCount == 8)
    }

    @Test func `a validation alone makes nothing`() throws {
        let broker = try WholeBroker()
        defer { broker.stop() }
        let peer = try Peer(port: broker.port)
        try peer.ask(topics("a", validateOnly: true), version: 4) { #expect($0.topics[0].errorCode == 0) }
        #expect(broker.store.image.topicCount == 0)
    }

    @Test func `topics go by name and by id, or not at all where deletion is off`() throws {
        let broker = try WholeBroker()
        defer { broker.stop() }
        let peer = try Peer(port: broker.port)
        try peer.ask(topics("a", "b", "c"), version: 7) { #expect($0.topics.allSatisfy { $0.errorCode == 0 }) }
        let id = try #require(broker.store.image.topic("b")?.id)
        var byName = DeleteTopicsRequest()
        byName.topicNames = WireArray(copying: [WireBytes("a"), WireBytes("nowhere")], in: arena)
        try peer.ask(byName, version: 5) { response in
            #expect(response.responses.map(\.errorCode) == [0, ErrorCode.unknownTopicOrPartition.rawValue])
        }
        var byId = DeleteTopicsRequest()
        byId.topics = WireArray(count: 4, in: arena) { index, topic in
            if index == 0 { topic.topicId = id }
            if index == 1 { topic.topicId = Uuid(1, 2) }
            if index == 3 { (topic.name, topic.topicId) = ("c", id) }
        }
        try peer.ask(byId, version: 6) { response in
            #expect(response.responses.map(\.errorCode) == [
                0, ErrorCode.unknownTopicId.rawValue, ErrorCode.invalidRequest.rawValue, ErrorCode.invalidRequest.rawValue,
            ])
            #expect(response.responses[0].name?.string == "b")
        }
        #expect(broker.store.image.topics.map(\.name) == ["c"])

        let strict = try WholeBroker(["delete.topic.enable": "false"])
        defer { strict.stop() }
        let other = try Peer(port: strict.port)
        try other.ask(byName, version: 1) { #expect($0.responses[0].errorCode == ErrorCode.invalidRequest.rawValue) }
        try other.ask(byName, version: 4) { #expect($0.responses[0].errorCode == ErrorCode.topicDeletionDisabled.rawValue) }
    }

    @Test func `topics are described in pieces, each going on where the one before ended`() throws {
        let broker = try WholeBroker()
        defer { broker.stop() }
        let peer = try Peer(port: broker.port)
        try peer.ask(topics("a", "b", "c", partitions: 3), version: 7) { _ in }
        var seen: [String] = []
        var cursor: (topic: String, partition: Int32)?
        var answers = 0
        repeat {
            var request = DescribeTopicPartitionsRequest()
            request.responsePartitionLimit = 2
            if let cursor {
                var next = DescribeTopicPartitionsRequest.Cursor()
                next.topicName = WireBytes(copying: cursor.topic, in: arena)
                next.partitionIndex = cursor.partition
                request.cursor = next
            }
            cursor = try peer.ask(request, version: 0) { response in
                for topic in response.topics {
                    seen += topic.partitions.map { "\(topic.name?.string ?? "")-\($0.partitionIndex)" }
                }
                return response.nextCursor.map { ($0.topicName.string, $0.partitionIndex) }
            }
            answers += 1
        } while cursor != nil && answers < 20
        #expect(seen == ["a-0", "a-1", "a-2", "b-0", "b-1", "b-2", "c-0", "c-1", "c-2"])
        #expect(answers == 5)
        var unknown = DescribeTopicPartitionsRequest()
        unknown.topics = WireArray(count: 2, in: arena) { index, topic in topic.name = index == 0 ? "nowhere" : "b" }
        try peer.ask(unknown, version: 0) { response in
            #expect(response.topics.map(\.errorCode) == [0, ErrorCode.unknownTopicOrPartition.rawValue])
        }
    }

    @Test func `configurations are altered and described`() throws {
        let broker = try WholeBroker()
        defer { broker.stop() }
        let peer = try Peer(port: broker.port)
        try peer.ask(topics("conf"), version: 7) { _ in }
        var change = IncrementalAlterConfigsRequest()
        change.resources = WireArray(count: 3, in: arena) { index, resource in
            resource.resourceType = index == 1 ? 4 : 2
            resource.resourceName = index == 1 ? "1" : index == 0 ? "conf" : "nowhere"
            resource.configs = WireArray(count: 1, in: arena) { _, config in
                (config.name, config.value) = index == 1 ? ("log.segment.bytes", "2000000") : ("retention.ms", "77")
            }
        }
        try peer.ask(change, version: 1) { response in
            #expect(response.responses.map(\.errorCode) == [0, 0, ErrorCode.unknownTopicOrPartition.rawValue])
        }
        var strange = IncrementalAlterConfigsRequest()
        strange.resources = WireArray(count: 1, in: arena) { _, resource in
            (resource.resourceType, resource.resourceName) = (2, "conf")
            resource.configs = WireArray(count: 1, in: arena) { _, config in
                (config.name, config.configOperation, config.value) = ("flush.ms", 9, "1")
            }
        }
        try peer.ask(strange, version: 1) { #expect($0.responses[0].errorCode == ErrorCode.invalidRequest.rawValue) }
        var question = DescribeConfigsRequest()
        question.includeSynonyms = true
        question.resources = WireArray(count: 3, in: arena) { index, resource in
            (resource.resourceType, resource.resourceName) = index == 1 ? (4, "1") : (2, index == 0 ? "conf" : "nowhere")
            resource.configurationKeys = nil
        }
        for version in DescribeConfigsRequest.validVersions {
            question.includeSynonyms = version > 0
            try peer.ask(question, version: version) { response in
                #expect(response.results.map(\.errorCode) == [0, 0, ErrorCode.unknownTopicOrPartition.rawValue])
                let topic = response.results[0].configs
                #expect(topic.first { $0.name == "retention.ms" }?.value?.string == "77")
                // What a broker is told acts on its topics at once.
                #expect(topic.first { $0.name == "segment.bytes" }?.value?.string == "2000000")
                #expect(response.results[1].configs.count > 300)
                guard version > 0, let segment = topic.first(where: { $0.name == "segment.bytes" }) else { return }
                #expect(segment.configSource == ConfigurationSource.dynamicBroker.rawValue)
                #expect(segment.synonyms.map(\.source) == [2, 5])
            }
        }
        var replacement = AlterConfigsRequest()
        replacement.resources = WireArray(count: 1, in: arena) { _, resource in
            (resource.resourceType, resource.resourceName) = (2, "conf")
            resource.configs = WireArray(count: 1, in: arena) { _, config in (config.name, config.value) = ("flush.ms", "5") }
        }
        for version in AlterConfigsRequest.validVersions {
            try peer.ask(replacement, version: version) { #expect($0.responses.map(\.errorCode) == [0]) }
        }
        #expect(broker.store.image.topic("conf")?.overrides == ["flush.ms": "5"])
    }

    @Test func `a certificate that the listeners cannot serve is refused before it is stored`() throws {
        let key = "listener.name.ssl.ssl.keystore.location"
        let takenUp = Mutex(0)
        let listeners = ListenerSecurity { broker in
            broker.string(.sslKeystoreLocation, listener: "SSL") == "bad.pem" ? "bad.pem is bad" : nil
        } takeUp: {
            takenUp.withLock { $0 += 1 }
        }
        let broker = try WholeBroker(listeners: listeners)
        defer { broker.stop() }
        let peer = try Peer(port: broker.port)
        func incremental(_ value: String, validateOnly: Bool = false) throws -> (Int16, String?) {
            var change = IncrementalAlterConfigsRequest()
            change.validateOnly = validateOnly
            change.resources = WireArray(count: 1, in: arena) { _, resource in
                (resource.resourceType, resource.resourceName) = (4, "1")
                resource.configs = WireArray(count: 1, in: arena) { _, config in
                    (config.name, config.value) = (WireBytes(copying: key, in: arena), WireBytes(copying: value, in: arena))
                }
            }
            var answer: (Int16, String?) = (-1, nil)
            try peer.ask(change, version: 1) { answer = ($0.responses[0].errorCode, $0.responses[0].errorMessage?.string) }
            return answer
        }
        for validateOnly in [true, false] {
            #expect(try incremental("bad.pem", validateOnly: validateOnly) == (ErrorCode.invalidRequest.rawValue, "bad.pem is bad"))
        }
        #expect(try incremental("good.pem", validateOnly: true) == (0, nil))
        let resource = ConfigurationResource(type: 4, name: "1")
        #expect(broker.store.image.configuration(resource).isEmpty)
        let before = takenUp.withLock(\.self)
        #expect(try incremental("good.pem") == (0, nil))
        #expect(broker.store.image.configuration(resource) == [key: "good.pem"])
        #expect(takenUp.withLock(\.self) == before + 1)
        var replacement = AlterConfigsRequest()
        replacement.resources = WireArray(count: 1, in: arena) { _, resource in
            (resource.resourceType, resource.resourceName) = (4, "1")
            resource.configs = WireArray(count: 1, in: arena) { _, config in
                (config.name, config.value) = (WireBytes(copying: key, in: arena), "bad.pem")
            }
        }
        try peer.ask(replacement, version: 2) { #expect($0.responses[0].errorCode == ErrorCode.invalidRequest.rawValue) }
        #expect(broker.store.image.configuration(resource) == [key: "good.pem"])
    }

    @Test func `partitions are added, and where they lie is described`() throws {
        let broker = try WholeBroker()
        defer { broker.stop() }
        let peer = try Peer(port: broker.port)
        try peer.ask(topics("a"), version: 7) { _ in }
        var more = CreatePartitionsRequest()
        more.topics = WireArray(count: 2, in: arena) { index, topic in
            (topic.name, topic.count, topic.assignments) = (index == 0 ? "a" : "nowhere", 3, nil)
        }
        try peer.ask(more, version: 3) { response in
            #expect(response.results.map(\.errorCode) == [0, ErrorCode.unknownTopicOrPartition.rawValue])
        }
        var all = DescribeLogDirsRequest()
        all.topics = nil
        for version in DescribeLogDirsRequest.validVersions {
            try peer.ask(all, version: version) { response in
                #expect(response.results.count == 1)
                #expect(response.results[0].topics.map { $0.partitions.map(\.partitionIndex) } == [[0, 1, 2]])
                if version >= 4 { #expect(response.results[0].totalBytes > 0) }
            }
        }
    }

    @Test func `the cluster is described to who asks a broker for it`() throws {
        let broker = try WholeBroker()
        defer { broker.stop() }
        let peer = try Peer(port: broker.port)
        for version in DescribeClusterRequest.validVersions {
            try peer.ask(DescribeClusterRequest(), version: version) { response in
                #expect(response.errorCode == 0)
                #expect(response.brokers.map(\.port) == [9])
                #expect(response.controllerId == 1)
            }
        }
        for (type, error) in [(2, ErrorCode.mismatchedEndpointType), (7, .unsupportedEndpointType)] as [(Int8, ErrorCode)] {
            var request = DescribeClusterRequest()
            request.endpointType = type
            try peer.ask(request, version: 2) { #expect($0.errorCode == error.rawValue) }
        }
    }
}
