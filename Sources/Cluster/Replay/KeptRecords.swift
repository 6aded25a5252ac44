internal import KafkaMessages
internal import KafkaWire

/// Records that nobody here reads yet, as they were written: a snapshot has them again, so that what a real Kafka knew of
/// ACLs, SCRAM users, quotas and tokens survives.
struct KeptRecords: Sendable {
    /// What a record is about: its type and the bytes that name the thing.
    struct Key: Hashable, Sendable {
        var type: Int16
        var identity: [UInt8]
    }

    private(set) var byKey: [Key: [UInt8]] = [:]
    /// Records of types that this release does not know, in their order.
    private(set) var unknown: [[UInt8]] = []

    mutating func set(_ type: MetadataRecordType, _ identity: [UInt8], _ record: [UInt8]) {
        byKey[Key(type: type.rawValue, identity: identity)] = record
    }

    mutating func remove(_ type: MetadataRecordType, _ identity: [UInt8]) {
        byKey[Key(type: type.rawValue, identity: identity)] = nil
    }

    mutating func add(unknown record: [UInt8]) { unknown.append(record) }

    var counts: [String: Int] {
        Dictionary(grouping: byKey.keys) { MetadataRecordType(rawValue: $0.type).map { "\($0)" } ?? "\($0.type)" }
            .mapValues(\.count)
    }

    /// In a fixed order, so that two snapshots of one state are the same bytes.
    var all: [[UInt8]] {
        let sorted = byKey.sorted { left, right in
            if left.key.type != right.key.type { return left.key.type < right.key.type }
            return left.key.identity.lexicographicallyPrecedes(right.key.identity)
        }
        return sorted.map(\.value) + unknown
    }
}

/// Bytes that name a thing: what tells two records of a type apart.
struct Identity {
    private(set) var bytes: [UInt8] = []

    init(_ id: Uuid) {
        withUnsafeBytes(of: (id.mostSignificantBits.bigEndian, id.leastSignificantBits.bigEndian)) { bytes = Array($0) }
    }
    init(_ number: some FixedWidthInteger) { append(number) }
    init(_ text: WireBytes) { append(text) }
    init() {}

    mutating func append(_ number: some FixedWidthInteger) {
        withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) }
    }

    /// With its length in front: no two lists of texts give the same bytes.
    mutating func append(_ text: WireBytes?) {
        append(Int32(text?.count ?? -1))
        if let text { bytes.append(contentsOf: text.buffer) }
    }
}
