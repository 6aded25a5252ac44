/// Why a value cannot be written in a version: a mistake of ours, or of an operator whose value is too long.
public struct EncodeError: Error {
    public enum Reason: Equatable, Sendable {
        case nullNotAllowed
        /// The field is set, the version lacks it, and dropping it would change the meaning.
        case notInVersion
        case stringTooLong(length: Int)
        case unsupportedVersion
    }

    /// Boxed, so that the error path costs the hit path one register and no more.
    private final class Details: Sendable {
        let reason: Reason
        let field: String
        let message: String
        let version: Int16

        init(_ reason: Reason, field: String, message: String, version: Int16) {
            self.reason = reason
            self.field = field
            self.message = message
            self.version = version
        }
    }

    private let details: Details

    private init(_ reason: Reason, field: String, message: String, version: Int16) {
        details = Details(reason, field: field, message: message, version: version)
    }

    public var reason: Reason { details.reason }
    /// The way from the message to the field.
    public var field: String { details.field }
    public var message: String { details.message }
    public var version: Int16 { details.version }

    @inline(never)
    public init(_ reason: Reason, field: StaticString = "", version: Int16 = 0) {
        self.init(reason, field: field.description, message: "", version: version)
    }

    @inline(never)
    public func inField(_ name: StaticString, index: Int? = nil) -> EncodeError {
        let path = FieldPath.join(name, index: index, rest: field)
        return EncodeError(reason, field: path, message: message, version: version)
    }

    @inline(never)
    public func inMessage(_ type: any WireMessage.Type, version: Int16) -> EncodeError {
        EncodeError(reason, field: field, message: "\(type)", version: version)
    }
}

extension EncodeError: CustomStringConvertible {
    public var description: String {
        let what =
            switch reason {
            case .nullNotAllowed: "null is not allowed in this version"
            case .notInVersion: "is set, and this version does not have it"
            case .stringTooLong(let length): "a string of \(length) bytes, \(WireLimits.stringBytes) are allowed"
            case .unsupportedVersion: "no such version"
            }
        let head = message.isEmpty ? "" : "\(message) v\(version): "
        return "\(head)\(field.isEmpty ? "" : "\(field): ")\(what)"
    }
}
