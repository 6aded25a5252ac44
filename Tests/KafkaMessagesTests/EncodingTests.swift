import KafkaMessages
import KafkaWire
import Testing
import TestKit

private func failure(_ body: () throws(EncodeError) -> Void) -> String? {
    do throws(EncodeError) {
        try body()
        return nil
    } catch {
        return "\(error)"
    }
}

private func refusal(_ bytes: [UInt8], _ type: any WireMessage.Type, _ version: Int16) -> String? {
    withFrame(bytes) { frame in
        do throws(DecodeError) {
            _ = try type.init(wholeOf: frame, version: version, arena: Arena())
            return nil
        } catch {
            return "\(error)"
        }
    }
}

@Suite struct EncodingTests {
    let arena = Arena()

    @Test func `null where the version has none is an error that names the field`() {
        var request = MetadataRequest()
        request.topics = nil
        #expect(failure { () throws(EncodeError) in _ = try request.encoded(version: 1) } == nil)
        #expect(
            failure { () throws(EncodeError) in _ = try request.encoded(version: 0) }
                == "MetadataRequest v0: topics: null is not allowed in this version")

        var topic = MetadataRequest.MetadataRequestTopic()
        topic.name = nil
        request.topics = WireArray(copying: [.init(), topic], in: arena)
        #expect(
            failure { () throws(EncodeError) in _ = try request.encoded(version: 4) }
                == "MetadataRequest v4: topics[1].name: null is not allowed in this version")
        #expect(failure { () throws(EncodeError) in _ = try request.encoded(version: 12) } == nil)
    }

    @Test func `a set field that the version lacks is an error unless it may be dropped`() {
        var request = ProduceRequest()
        request.transactionalId = "t"
        #expect(
            failure { () throws(EncodeError) in _ = try request.encoded(version: 2) }
                == "ProduceRequest v2: transactionalId: is set, and this version does not have it")
        #expect(failure { () throws(EncodeError) in _ = try request.encoded(version: 3) } == nil)

        var response = JoinGroupResponse()
        response.throttleTimeMs = 100
        #expect(failure { () throws(EncodeError) in _ = try response.encoded(version: 0) } == nil)
    }

    @Test func `a set tagged field that the version lacks is an error too`() {
        var request = FetchRequest()
        request.clusterId = "ignorable"
        #expect(failure { () throws(EncodeError) in _ = try request.encoded(version: 11) } == nil)
        request.replicaState.replicaId = 1
        #expect(
            failure { () throws(EncodeError) in _ = try request.encoded(version: 14) }
                == "FetchRequest v14: replicaState: is set, and this version does not have it")
        #expect(failure { () throws(EncodeError) in _ = try request.encoded(version: 15) } == nil)
    }

    @Test func `a string that Kafka could not read is not written`() {
        var request = HeartbeatRequest()
        request.groupId = WireBytes(copying: [UInt8](repeating: 97, count: 32_767), in: arena)
        #expect(failure { () throws(EncodeError) in _ = try request.encoded(version: 4) } == nil)
        request.groupId = WireBytes(copying: [UInt8](repeating: 97, count: 32_768), in: arena)
        for version: Int16 in [0, 4] {
            #expect(
                failure { () throws(EncodeError) in _ = try request.encoded(version: version) }
                    == "HeartbeatRequest v\(version): groupId: a string of 32768 bytes, 32767 are allowed")
        }
    }

    @Test func `unknown tags are written back among the known ones, ascending`() throws {
        // ApiVersionsResponse v3 knows tags 0 to 3. The peer's tags 1 and 5 come in the wrong order, with 9 before them.
        let body: [UInt8] = [0, 0, 1, 0, 0, 0, 0]
        let tags: [UInt8] = [3, 9, 1, 0xAA, 5, 2, 0xBB, 0xCC, 1, 8, 0, 0, 0, 0, 0, 0, 0, 7]
        let written = try withFrame(body + tags) { frame in
            let response = try ApiVersionsResponse(wholeOf: frame, version: 3, arena: arena)
            #expect(response.finalizedFeaturesEpoch == 7)
            return try response.encoded(version: 3)
        }
        #expect(written == body + [3, 1, 8, 0, 0, 0, 0, 0, 0, 0, 7, 5, 2, 0xBB, 0xCC, 9, 1, 0xAA])
    }

    @Test func `a records piece leaves its length and its place`() throws {
        var partition = ProduceRequest.PartitionProduceData()
        partition.records = .piece(number: 4, length: 1000)
        var topic = ProduceRequest.TopicProduceData()
        topic.name = "t"
        topic.partitionData = WireArray(copying: [partition], in: arena)
        var request = ProduceRequest()
        request.topicData = WireArray(copying: [topic], in: arena)
        var writer = WireWriter()
        try request.write(into: &writer, version: 8)
        // Null id, acks, timeout, one topic "t", one partition 0, length 1000; the records go behind.
        let expected = "ffff" + "0000" + "00000000" + "00000001" + "000174" + "00000001" + "00000000" + "000003e8"
        #expect(GoldenVectors.hex(writer.bytes) == expected)
        let piece = try #require(writer.pieces.first)
        #expect(writer.pieces.count == 1 && piece.number == 4 && piece.length == 1000 && piece.offset == writer.count)
    }
}

@Suite struct DecodeErrorTests {
    @Test func `an error names message, version, field and byte`() {
        // Two topics; the second one's only partition says that its records take 1 GB.
        let bytes = GoldenVectors.bytes(
            hex: "ffff" + "0001" + "00000000" + "00000002" + "000161" + "00000000" + "000162" + "00000001" + "00000007"
                + "40000000" + "aabb")
        #expect(
            refusal(bytes, ProduceRequest.self, 3)
                == "ProduceRequest v3: topicData[1].partitionData[0].records: length 1073741824 exceeds what is left"
                + " (2 bytes) at byte 34")
    }

    @Test func `what is missing, null, too long or too much is told apart`() {
        #expect(
            refusal([0], HeartbeatRequest.self, 0) == "HeartbeatRequest v0: groupId: 2 bytes wanted, 1 left at byte 0")
        #expect(
            refusal([0xFF, 0xFF], HeartbeatRequest.self, 0)
                == "HeartbeatRequest v0: groupId: null where this version has none at byte 2")
        #expect(
            refusal([0, 0, 0, 0, 0, 0, 0, 0, 9], HeartbeatRequest.self, 0)
                == "HeartbeatRequest v0: 1 bytes too many at byte 8")
        #expect(
            refusal([0x81, 0x80, 0x02] + [UInt8](repeating: 97, count: 40_000), HeartbeatRequest.self, 4)
                == "HeartbeatRequest v4: groupId: a string of 32768 bytes, 32767 are allowed at byte 3")
        #expect(
            refusal([0x80, 0x80, 0x80, 0x80, 0x80, 0x00], HeartbeatRequest.self, 4)
                == "HeartbeatRequest v4: groupId: a varint that does not end at byte 5")
        #expect(refusal([], HeartbeatRequest.self, 9) == "HeartbeatRequest v9: no such version at byte 0")
    }

    @Test func `a tagged field that does not fill its size is refused`() {
        // Tag 1, the epoch, is said to take 9 bytes.
        let bytes: [UInt8] = [0, 0, 1, 0, 0, 0, 0, 1, 1, 9, 0, 0, 0, 0, 0, 0, 0, 7, 0]
        #expect(
            refusal(bytes, ApiVersionsResponse.self, 3)
                == "ApiVersionsResponse v3: tagged field 1 does not fill its 9 bytes at byte 18")
    }
}

@Suite struct ListTests {
    @Test func `API keys and error codes have Kafka's names`() {
        #expect(ApiKey.allCases.count == 95)
        #expect(ApiKey(rawValue: 12) == .heartbeat)
        #expect(ApiKey(rawValue: 95) == nil)
        #expect(ApiKey.initProducerId.unstableVersion == 6)
        #expect(ApiKey.produce.unstableVersion == nil)
        #expect(ErrorCode.unknownServerError.rawValue == -1)
        #expect(ErrorCode.none.name == "NONE")
        #expect(ErrorCode(rawValue: 27) == .rebalanceInProgress)
        #expect("\(ErrorCode.notLeaderOrFollower)" == "NOT_LEADER_OR_FOLLOWER")
        #expect(ErrorCode.notLeaderOrFollower.isRetriable)
        #expect(!ErrorCode.topicAuthorizationFailed.isRetriable)
        #expect("\(ErrorCode(rawValue: 999))" == "error 999")
    }
}
