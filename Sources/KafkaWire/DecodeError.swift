/// Why bytes from outside are not the message they should be, and where.
///
/// Its text is for the operator: `ProduceRequest v9: topicData[0].partitionData[3].records: length 1073741824 exceeds
/// what is left (412 bytes) at byte 88`.
public struct DecodeError: Error {
    public enum Reason: Equatable, Sendable {
        case endOfBytes(needed: Int, left: Int)
        case lengthExceedsRest(length: Int, left: Int)
        case countExceedsRest(count: Int, left: Int)
        case nullNotAllowed
        case stringTooLong(length: Int)
        case varintTooLong
        case tagSizeMismatch(tag: Int, size: Int)
        case tooLargeInMemory(count: Int)
        case bytesLeftOver(count: Int)
        case unsupportedVersion
        case unknownFrameVersion(Int)
        case unexpectedRecordType(Int)
    }

    /// Boxed, so that the error path costs the hit path one register and no more.
    private final class Details: Sendable {
        let reason: Reason
        let offset: Int
        let field: String
        let message: String
        let version: Int16

        init(_ reason: Reason, offset: Int, field: String, message: String = "", version: Int16 = 0) {
            self.reason = reason
            self.offset = offset
            self.field = field
            self.message = message
            self.version = version
        }
    }

    private let details: Details

    private init(_ details: Details) {
        self.details = details
    }

    /// - Parameter offset: of the byte where the field, or the length in front of it, ends or should have gone on
    public init(_ reason: Reason, field: StaticString = "", offset: Int) {
        self.init(Details(reason, offset: offset, field: field.description))
    }

    public var reason: Reason { details.reason }
    /// Counted from the first byte that the reader was given.
    public var offset: Int { details.offset }
    /// The way from the message to the field: `topicData[0].partitionData[3].records`; empty for the message itself.
    public var field: String { details.field }
    /// The name of the message, empty where a struct was decoded by itself.
    public var message: String { details.message }
    public var version: Int16 { details.version }

    /// The same error, seen from the struct that holds the one in which it happened.
    @inline(never)
    public func inField(_ name: StaticString, index: Int? = nil) -> DecodeError {
        let path = FieldPath.join(name, index: index, rest: field)
        return DecodeError(Details(reason, offset: offset, field: path, message: message, version: version))
    }

    @inline(never)
    public func inMessage(_ type: any WireMessage.Type, version: Int16) -> DecodeError {
        DecodeError(Details(reason, offset: offset, field: field, message: "\(type)", version: version))
    }
}

extension DecodeError: CustomStringConvertible {
    public var description: String {
        let head = message.isEmpty ? "" : "\(message) v\(version): "
        return "\(head)\(field.isEmpty ? "" : "\(field): ")\(reason) at byte \(offset)"
    }
}

extension DecodeError.Reason: CustomStringConvertible {
    public var description: String {
        switch self {
        case .endOfBytes(let needed, let left): "\(needed) bytes wanted, \(left) left"
        case .lengthExceedsRest(let length, let left): "length \(length) exceeds what is left (\(left) bytes)"
        case .countExceedsRest(let count, let left): "\(count) elements cannot be in what is left (\(left) bytes)"
        case .nullNotAllowed: "null where this version has none"
        case .stringTooLong(let length): "a string of \(length) bytes, \(WireLimits.stringBytes) are allowed"
        case .varintTooLong: "a varint that does not end"
        case .tagSizeMismatch(let tag, let size): "tagged field \(tag) does not fill its \(size) bytes"
        case .tooLargeInMemory(let count): "an array of \(count) elements would take too much memory"
        case .bytesLeftOver(let count): "\(count) bytes too many"
        case .unsupportedVersion: "no such version"
        case .unknownFrameVersion(let version): "frame version \(version) is not known"
        case .unexpectedRecordType(let type): "record type \(type) does not belong here"
        }
    }
}

enum FieldPath {
    static func join(_ name: StaticString, index: Int?, rest: String) -> String {
        let element = index.map { "\(name)[\($0)]" } ?? "\(name)"
        return rest.isEmpty ? element : "\(element).\(rest)"
    }
}
