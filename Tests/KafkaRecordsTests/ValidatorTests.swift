import KafkaRecords
import Testing

/// What the vectors do not reach: request versions, sizes, messages, what the log gets.
@Suite struct ValidatorTests {
    private func batch(_ compression: CompressionType = .none, keys: [[UInt8]?] = [[1]], timestamp: Int64 = 1000) throws
        -> [UInt8]
    {
        var builder = RecordBatchBuilder(compression: Compression(compression))
        for key in keys { builder.append(timestamp: timestamp, key: key, value: [9, 9]) }
        return try builder.build()
    }

    private func failure(_ bytes: [UInt8], version: Int16) -> RecordError? {
        bytes.withUnsafeBytes { bytes in
            do throws(RecordError) {
                try RecordValidator.checkProduceRequest(bytes, version: version)
                return nil
            } catch {
                return error
            }
        }
    }

    private func failure(_ bytes: [UInt8], _ rules: AppendRules, nowMs: Int64 = 1000) -> RecordError? {
        var bytes = bytes
        return bytes.withUnsafeMutableBytes { bytes in
            do throws(RecordError) {
                _ = try RecordValidator(rules: rules, origin: .client, nowMs: nowMs).validate(bytes)
                return nil
            } catch {
                return error
            }
        }
    }

    @Test func `zstd may be sent from version 7 on`() throws {
        let zstd = try batch(.zstd)
        #expect(failure(zstd, version: 6)?.errorCode == 76)
        #expect(failure(zstd, version: 7) == nil)
        // Before version 3 nothing of it is asked.
        #expect(
            failure(zstd, version: 2) == nil && failure([], version: 2) == nil
                && failure([], version: 3)?.errorCode == 87)
    }

    @Test func `no batch is nothing to append`() throws {
        for bytes: [UInt8] in [[], [1, 2, 3], Array(try batch().dropLast())] {
            var bytes = bytes
            try bytes.withUnsafeMutableBytes { bytes in
                let validated = try RecordValidator(rules: AppendRules(), origin: .client, nowMs: 0).validate(bytes)
                #expect(validated == nil)
            }
        }
    }

    @Test func `a batch may be as large as max message bytes and no larger, also when it was packed anew`() throws {
        let plain = try batch(keys: [Array(repeating: 7, count: 500)])
        var rules = AppendRules()
        rules.maxMessageBytes = plain.count
        #expect(failure(plain, rules) == nil)
        rules.maxMessageBytes = plain.count - 1
        #expect(failure(plain, rules)?.errorCode == 10)
        // Small enough as it came, too large once the topic's compression.type has undone the producer's.
        let packed = try batch(.gzip, keys: [Array(repeating: 7, count: 500)])
        rules.maxMessageBytes = packed.count
        #expect(failure(packed, rules) == nil)
        rules.compression = Compression.none
        #expect(failure(packed, rules)?.errorCode == 10)
    }

    @Test func `each record without a key is named where the topic is compacted`() throws {
        var rules = AppendRules()
        rules.isCompacted = true
        for type in CompressionType.allCases {
            let error = failure(try batch(type, keys: [[1], nil, [2], nil]), rules)
            #expect(error?.errorCode == 87)
            #expect(error?.rejectedRecords.map(\.batchIndex) == [1, 3])
            #expect(
                error?.rejectedRecords.first?.message.hasPrefix("Compacted topic cannot accept message without key")
                    == true)
            let text = "Compacted topic cannot accept message without key in topic partition t-4"
            let named = error?.naming(partition: "t-4")
            #expect(named?.rejectedRecords.map(\.message) == [text, text])
            #expect(
                named?.message == "One or more records have been rejected due to 2 record errors in total, and only showing "
                    + "the first three errors at most: [RecordError(batchIndex=1, message='\(text)'), "
                    + "RecordError(batchIndex=3, message='\(text)')]")
        }
    }

    @Test func `timestamps out of bounds are refused by name`() throws {
        var rules = AppendRules()
        rules.timestampBeforeMaxMs = 100
        rules.timestampAfterMaxMs = 10
        for timestamp: Int64 in [900, 1010] {
            #expect(failure(try batch(timestamp: timestamp), rules) == nil, "\(timestamp)")
        }
        for timestamp: Int64 in [899, 1011, .max, .min] {
            let error = failure(try batch(timestamp: timestamp), rules)
            #expect(error?.errorCode == 32 && error?.rejectedRecords.count == 1, "\(timestamp)")
        }
        // A record without a timestamp has none to be wrong.
        #expect(failure(try batch(timestamp: -1), rules) == nil)
    }

    @Test func `log append time is written over the batch, and its base timestamp stays`() throws {
        var rules = AppendRules()
        rules.timestampType = .logAppendTime
        for type in CompressionType.allCases {
            var bytes = try batch(type, keys: [[1], [2]], timestamp: 500)
            try bytes.withUnsafeMutableBytes { bytes in
                let validator = RecordValidator(rules: rules, origin: .client, nowMs: 777)
                var validated = try #require(try validator.validate(bytes))
                #expect(validated.rewritten == nil && validated.logAppendTimeMs == 777 && validated.maxTimestamp == 777)
                #expect(validated.assign(firstOffset: 30, leaderEpoch: 4, in: bytes) == 31)
                let appended = try #require(try BatchView(firstOf: UnsafeRawBufferPointer(bytes)))
                let header = try appended.validHeader()
                #expect(
                    header.timestampType == .logAppendTime && header.maxTimestamp == 777 && header.baseTimestamp == 500)
                #expect(header.baseOffset == 30 && header.partitionLeaderEpoch == 4)
            }
        }
    }
}
