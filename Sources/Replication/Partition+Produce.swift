internal import KafkaMessages
package import KafkaRecords
package import KafkaWire
internal import PartitionLog

/// What became of a producer's records for one partition.
package struct ProduceOutcome: Sendable {
    package var errorCode: Int16 = 0
    package var baseOffset: Int64 = -1
    package var logAppendTimeMs: Int64 = -1
    package var logStartOffset: Int64 = -1
    /// For the application behind the producer, where single records are to blame.
    package var message: String?
    package var rejected: [RecordError.RejectedRecord] = []
    /// The answer waits until everything below `endOffset` may be acknowledged (`PartitionLog.acknowledged`).
    package var mustWait = false
    package var endOffset: Int64 = -1

    init() {}

    init(_ error: ErrorCode) { errorCode = error.rawValue }

    init(_ error: RecordError) {
        errorCode = error.errorCode
        rejected = error.rejectedRecords
        if !rejected.isEmpty { message = error.message }
    }
}

extension Partition {
    /// Checks a producer's records where they lie, in the frame that they came in, and appends them. Requests with a transactional
    /// id do not come this far; a transactional batch without one is what Kafka takes for a lack of authorization.
    package func produce(_ records: WireRecords, version: Int16, wallMs: Int64) -> ProduceOutcome {
        guard case .bytes(let bytes) = records else {
            return ProduceOutcome(RecordError(.invalidRecord, "null records"))
        }
        // The frame is the connection's own memory, and this request's until its handler returns.
        let buffer = UnsafeMutableRawBufferPointer(
            start: UnsafeMutableRawPointer(mutating: bytes.pointer), count: bytes.count)
        do throws(RecordError) {
            try RecordValidator.checkProduceRequest(UnsafeRawBufferPointer(buffer), version: version)
            if RecordBatchHeader(UnsafeRawBufferPointer(buffer))?.isTransactional == true {
                return ProduceOutcome(.transactionalIdAuthorizationFailed)
            }
        } catch {
            return ProduceOutcome(error)
        }
        do throws(RecordError) {
            let validator = RecordValidator(rules: rules.append, origin: .client, nowMs: wallMs)
            guard var valid = try validator.validate(buffer) else {
                // An empty message set of the old versions: nothing to append, which is no error.
                return ProduceOutcome()
            }
            return valid.withBytes(in: buffer) { appendProduced($0) }
        } catch {
            return refusal(error)
        }
    }

    private func appendProduced(_ bytes: UnsafeMutableRawBufferPointer) -> ProduceOutcome {
        var outcome = ProduceOutcome()
        do throws(LogError) {
            let result = try append(bytes, origin: .client)
            outcome.baseOffset = result.firstOffset
            outcome.logAppendTimeMs = result.logAppendTimeMs
            outcome.logStartOffset = result.logStartOffset
            outcome.mustWait = !result.isAcknowledged
            outcome.endOffset = result.lastOffset + 1
        } catch {
            outcome.errorCode = error.errorCode
            switch error.kind {
            case .corruptMessage, .messageTooLarge, .recordListTooLarge, .storage, .closed: break
            default: outcome.logStartOffset = log.logStartOffset
            }
        }
        return outcome
    }

    /// Kafka tells the log start offset with an error, unless the log could not look at the records at all.
    private func refusal(_ error: RecordError) -> ProduceOutcome {
        var outcome = ProduceOutcome(error.naming(partition: "\(topic)-\(index)"))
        if error.kind != .corruptMessage, error.kind != .messageTooLarge { outcome.logStartOffset = log.logStartOffset }
        return outcome
    }
}
