package import KafkaWire

// What stands before the body of a stored record. Kafka has no schema for it; each kind of record has its own form.

extension WireWriter {
    /// A metadata record: frame version 1, record type and version as varints, then the body.
    package mutating func write(framed record: some MetadataRecord, version: Int16) throws(EncodeError) {
        try writeFrame(type: type(of: record).recordType.rawValue, record, version: version)
    }

    package mutating func write(framed record: some RemoteLogMetadataRecord, version: Int16) throws(EncodeError) {
        try writeFrame(type: type(of: record).recordType, record, version: version)
    }

    private mutating func writeFrame(
        type: Int16, _ record: some WireMessage, version: Int16
    ) throws(EncodeError) {
        reserve(WireLimits.fixedPartBytes)
        unsignedVarint(RecordFrame.currentFrameVersion)
        unsignedVarint(Int(type))
        unsignedVarint(Int(version))
        try record.write(into: &self, version: version)
    }

    /// A coordinator's key: the record type, then the body, which has one version only.
    package mutating func write(framed key: some CoordinatorKey) throws(EncodeError) {
        reserve(WireLimits.fixedPartBytes)
        int16(type(of: key).recordType)
        try key.write(into: &self, version: 0)
    }

    /// A coordinator's value: the version, then the body.
    package mutating func write(framed value: some CoordinatorValue, version: Int16) throws(EncodeError) {
        try writeVersioned(value, version: version)
    }

    package mutating func write(framed message: some ConsumerProtocolMessage, version: Int16) throws(EncodeError) {
        try writeVersioned(message, version: version)
    }

    /// A version as int16, then the body: also EndTxnMarker, DefaultPrincipalData, a producer snapshot.
    package mutating func writeVersioned(_ message: some WireMessage, version: Int16) throws(EncodeError) {
        reserve(WireLimits.fixedPartBytes)
        int16(version)
        try message.write(into: &self, version: version)
    }
}

extension MetadataRecord {
    /// The record as it stands in the value of a batch's record.
    package func framed(version: Int16) throws(EncodeError) -> [UInt8] {
        var writer = WireWriter()
        try writer.write(framed: self, version: version)
        return Array(writer.bytes)
    }
}

extension CoordinatorKey {
    package func framed() throws(EncodeError) -> [UInt8] {
        var writer = WireWriter()
        try writer.write(framed: self)
        return Array(writer.bytes)
    }
}

extension CoordinatorValue {
    package func framed(version: Int16) throws(EncodeError) -> [UInt8] {
        var writer = WireWriter()
        try writer.write(framed: self, version: version)
        return Array(writer.bytes)
    }
}

/// The head of a metadata record or remote log metadata record.
package struct RecordFrame: BitwiseCopyable {
    static let currentFrameVersion = 1

    package let recordType: Int16
    package let version: Int16

    package init(from reader: inout WireReader) throws(DecodeError) {
        let frameVersion = try reader.unsignedVarint("frameVersion")
        if frameVersion != RecordFrame.currentFrameVersion {
            throw DecodeError(.unknownFrameVersion(frameVersion), field: "frameVersion", offset: reader.offset)
        }
        recordType = try RecordFrame.int16("recordType", &reader)
        version = try RecordFrame.int16("version", &reader)
    }

    private static func int16(_ field: StaticString, _ reader: inout WireReader) throws(DecodeError) -> Int16 {
        let value = try reader.unsignedVarint(field)
        guard let short = Int16(exactly: value) else {
            throw DecodeError(.unexpectedRecordType(value), field: field, offset: reader.offset)
        }
        return short
    }
}

extension WireMessage {
    /// The body behind a version as int16, as coordinators' values and the consumer protocol have it; it takes up all
    /// that is left.
    package init(versioned bytes: UnsafeRawBufferPointer, arena: Arena) throws(DecodeError) {
        var reader = WireReader(bytes, arena: arena)
        let version = try reader.int16("version")
        try self.init(from: &reader, version: version)
        try reader.expectEnd()
    }
}
