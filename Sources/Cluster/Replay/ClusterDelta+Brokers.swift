internal import KafkaMessages
internal import KafkaWire

extension ClusterDelta {
    mutating func applyBroker(_ record: [UInt8], _ type: MetadataRecordType) throws(MetadataError) {
        switch type {
        case .registerBrokerRecord: set(try BrokerImage.decode(record))
        case .unregisterBrokerRecord:
            let id = try record.withRecord(UnregisterBrokerRecord.self) { record, _ in record.brokerId }
            brokers.removeAll { $0.id == id }
        case .fenceBrokerRecord:
            let id = try record.withRecord(FenceBrokerRecord.self) { record, _ in record.id }
            try change(id) { $0.fenced = true }
        case .unfenceBrokerRecord:
            let id = try record.withRecord(UnfenceBrokerRecord.self) { record, _ in record.id }
            try change(id) { $0.fenced = false }
        case .brokerRegistrationChangeRecord: try applyRegistrationChange(record)
        default: preconditionFailure("\(type) is not about a broker")
        }
    }

    private mutating func applyRegistrationChange(_ bytes: [UInt8]) throws(MetadataError) {
        // The views must live as long as the change takes: both records are open at once.
        let id = try bytes.withRecord(BrokerRegistrationChangeRecord.self) { record, _ in record.brokerId }
        guard let broker = brokers.first(where: { $0.id == id }) else { throw missing(id) }
        let changed = try bytes.withRecord(BrokerRegistrationChangeRecord.self) { change, _ in
            Result { () throws(MetadataError) in
                try broker.changed { record, version in
                    // 1 sets, -1 clears, 0 leaves it.
                    if change.fenced != 0 { record.fenced = change.fenced > 0 }
                    if change.inControlledShutdown != 0 { record.inControlledShutdown = change.inControlledShutdown > 0 }
                    if !change.logDirs.isEmpty {
                        record.logDirs = change.logDirs
                        version = max(version, 3)
                    }
                    if let cordoned = change.cordonedLogDirs {
                        record.cordonedLogDirs = cordoned
                        version = max(version, 4)
                    }
                }
            }
        }
        set(try changed.get())
    }

    private func missing(_ id: Int32) -> MetadataError {
        MetadataError(.unreadable, "metadata record: change of broker \(id), which is not registered")
    }

    private mutating func change(_ id: Int32, _ body: (inout RegisterBrokerRecord) -> Void) throws(MetadataError) {
        guard let broker = brokers.first(where: { $0.id == id }) else { throw missing(id) }
        set(try broker.changed { record, _ in body(&record) })
    }

    private mutating func set(_ broker: BrokerImage) {
        brokers.removeAll { $0.id == broker.id }
        brokers.insert(broker, at: brokers.firstIndex { $0.id > broker.id } ?? brokers.count)
    }
}

extension BrokerImage {
    /// The registration with a changed record.
    fileprivate func changed(
        _ body: (inout RegisterBrokerRecord, _ version: inout Int16) -> Void
    ) throws(MetadataError) -> BrokerImage {
        let bytes = try framed.withRecord(RegisterBrokerRecord.self) { record, version in
            var (record, version) = (record, version)
            body(&record, &version)
            return Result { () throws(EncodeError) in try record.framed(version: version) }
        }
        return try BrokerImage.decode(try bytes.bytesOrError())
    }
}
