/// A struct of a message, or a message: one Swift type for all its versions.
///
/// A value starts with Kafka's defaults; decoding sets what the version has and leaves the rest.
public protocol WireStruct: BitwiseCopyable {
    init()

    /// The fewest bytes that one of these takes in any version, at least 1: it bounds the count of an array.
    static var smallestSize: Int { get }

    mutating func decode(from reader: inout WireReader, version: Int16) throws(DecodeError)
    func encode(into writer: inout WireWriter, version: Int16) throws(EncodeError)
}

/// A whole body: of a request, a response, a header or a stored record.
public protocol WireMessage: WireStruct {
    static var validVersions: ClosedRange<Int16> { get }
    /// The versions with compact lengths and tagged fields; nil where there are none.
    static var flexibleVersions: ClosedRange<Int16>? { get }
}

extension WireMessage {
    /// Decodes a message in a version that is checked here; errors name the message.
    ///
    /// Bytes after the last field are left in the reader: a request may have some (newer clients), a stored record may
    /// not (`expectEnd`).
    @inlinable
    public init(from reader: inout WireReader, version: Int16) throws(DecodeError) {
        guard Self.validVersions.contains(version) else {
            throw DecodeError(.unsupportedVersion, offset: reader.offset).inMessage(Self.self, version: version)
        }
        self.init()
        do {
            try decode(from: &reader, version: version)
        } catch {
            throw error.inMessage(Self.self, version: version)
        }
    }

    /// Encodes in a version that is checked here; errors name the message.
    @inlinable
    public func write(into writer: inout WireWriter, version: Int16) throws(EncodeError) {
        guard Self.validVersions.contains(version) else {
            throw EncodeError(.unsupportedVersion).inMessage(Self.self, version: version)
        }
        do {
            try encode(into: &writer, version: version)
        } catch {
            throw error.inMessage(Self.self, version: version)
        }
    }

    /// Decodes a message that takes up all of `bytes`: a stored record, a vector.
    public init(wholeOf bytes: UnsafeRawBufferPointer, version: Int16, arena: Arena) throws(DecodeError) {
        var reader = WireReader(bytes, arena: arena)
        try self.init(from: &reader, version: version)
        do {
            try reader.expectEnd()
        } catch {
            throw error.inMessage(Self.self, version: version)
        }
    }

    /// The encoded bytes: for what is kept, not for the hit path.
    public func encoded(version: Int16) throws(EncodeError) -> [UInt8] {
        var writer = WireWriter()
        try write(into: &writer, version: version)
        return Array(writer.bytes)
    }
}
