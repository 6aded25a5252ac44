import Foundation
import KafkaRecords
import Testing

/// Broken bytes get Kafka's verdict, step by step and as a produce request.
@Suite struct MalformedBatchAdversarialTests {
    /// What each step came to: "ok", or the name of the exception that Kafka throws for the same.
    private struct Verdict {
        var splitting = "ok"
        var ensureValid = "ok"
        var iterate = "ok"
        var batchesFound: Int64 = 0
        var recordsRead: Int64 = 0

        init(_ bytes: UnsafeRawBufferPointer) {
            let scratch = RecordScratch()
            var batches = RecordBatches(bytes)
            splitting = outcome {
                while let batch = try batches.next() {
                    batchesFound += 1
                    if ensureValid == "ok" { ensureValid = outcome { try batch.ensureValid() } }
                    if iterate == "ok" { iterate = outcome { try read(batch, scratch) } }
                }
            }
        }

        private mutating func read(_ batch: BatchView, _ scratch: RecordScratch) throws {
            // Kafka reads a plain message's checksum together with it.
            let isPlain = batch.header.map { $0.compression == CompressionType.none } ?? true
            if batch.magic < 2 && isPlain { try batch.ensureValid() }
            var records = try batch.records(scratch: scratch)
            while let record = try records.next() {
                guard record.hasValidChecksum else { throw RecordError(.corruptMessage, "inside") }
                recordsRead += 1
            }
        }

        private func outcome(_ step: () throws -> Void) -> String {
            do {
                try step()
                return "ok"
            } catch let error as RecordError {
                return exceptionName(error)
            } catch {
                return "\(error)"
            }
        }
    }

    private static func exceptionName(_ error: RecordError) -> String {
        switch error.kind {
        case .corruptMessage: "CorruptRecordException"
        case .invalidRecord: "InvalidRecordException"
        case .brokenCompression: "KafkaException"
        case .unsupportedCompressionType, .unreadable: "IllegalArgumentException"
        default: "\(error.kind)"
        }
    }

    /// Where our step says something else, and why that is meant.
    private static func isMeant(_ name: String, _ step: String, ours: String, kafka: String) -> Bool {
        switch step {
        case "iterate":
            // Kafka finds a key that does not fit into its message only when somebody asks for the key.
            if name.hasPrefix("v"), name.contains("-key-length-") { return ours == "InvalidRecordException" }
            // No head is there, or not that of the magic: the exception of whatever Kafka stumbles over.
            if kafka == "IllegalArgumentException" { return ours != "ok" }
            return false
        default:
            return false
        }
    }

    @Test func `every step of reading comes to Kafka's verdict`() throws {
        var steps = 0
        let rows = try BatchVectors.rows("malformed.jsonl.gz")
        for row in rows {
            let name = try #require(row.text("case"))
            let verdict = row.bytes.withUnsafeBytes { Verdict($0) }
            for (step, ours) in [
                ("splitting", verdict.splitting), ("ensureValid", verdict.ensureValid), ("iterate", verdict.iterate),
            ] {
                let kafka = try #require(row.text(step))
                #expect(
                    ours == kafka || Self.isMeant(name, step, ours: ours, kafka: kafka),
                    "\(name): \(step) \(ours), Kafka \(kafka)")
                steps += 1
            }
            #expect(verdict.batchesFound == row.integer("batchesFound"), "\(name)")
            if verdict.iterate == "ok" { #expect(verdict.recordsRead == row.integer("recordsRead"), "\(name)") }
        }
        print("malformed batches: \(rows.count) cases, \(steps) steps with Kafka's verdict")
        #expect(rows.count == 203)
    }

    @Test func `a produce request with broken bytes is answered with Kafka's code`() throws {
        var codes: [Int64: Int] = [:]
        for row in try BatchVectors.rows("malformed.jsonl.gz") {
            let name = try #require(row.text("case"))
            var bytes = row.bytes
            let (code, error) = bytes.withUnsafeMutableBytes { produceCode($0, version: 8) }
            let kafka = try #require(row.integer("produceCode"))
            #expect(code == expectedCode(kafka, error), "\(name): \(code) \(error?.message ?? ""), Kafka \(kafka)")
            codes[code, default: 0] += 1
        }
        print(
            "malformed batches as produce requests, by code:",
            codes.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" })
    }

    /// Kafka answers -1 for payloads that it cannot unpack and codecs that it does not know; there we say what is
    /// wrong.
    private func expectedCode(_ kafka: Int64, _ error: RecordError?) -> Int64 {
        guard kafka == -1 else { return kafka }
        switch error?.kind {
        case .brokenCompression: return 2
        case .unsupportedCompressionType: return 76
        default: return -1
        }
    }

    private func produceCode(_ bytes: UnsafeMutableRawBufferPointer, version: Int16) -> (Int64, RecordError?) {
        do {
            try RecordValidator.checkProduceRequest(UnsafeRawBufferPointer(bytes), version: version)
            // The broker's authorization stands between; without a transactional id it lets no transactional batch
            // pass.
            if try BatchView(firstOf: UnsafeRawBufferPointer(bytes))?.header?.isTransactional == true {
                return (53, nil)
            }
            let validator = RecordValidator(rules: AppendRules(), origin: .client, nowMs: 1_700_000_000_000)
            _ = try validator.validate(bytes)
            return (0, nil)
        } catch {
            return (Int64(error.errorCode), error)
        }
    }
}
