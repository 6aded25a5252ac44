/// A value as its key's type reads it.
package enum ConfigurationValue: Sendable, Equatable {
    case boolean(Bool)
    /// Also class names and passwords.
    case string(String)
    case integer(Int64)
    case double(Double)
    case list([String])

    /// Reads `text` by Kafka's ConfigDef rules: blanks around it are dropped, lists are split at commas.
    package init(parsing text: String, as type: ConfigurationType, key: String) throws(ConfigurationError) {
        let trimmed = text.trimmingBlanks
        switch type {
        case .boolean:
            switch trimmed.lowercased() {
            case "true": self = .boolean(true)
            case "false": self = .boolean(false)
            default: throw .invalid(text, for: key, "Expected value to be either true or false")
            }
        case .int: self = .integer(Int64(try Self.integer(trimmed, Int32.self, type, key: key, text)))
        case .short: self = .integer(Int64(try Self.integer(trimmed, Int16.self, type, key: key, text)))
        case .long: self = .integer(try Self.integer(trimmed, Int64.self, type, key: key, text))
        case .double:
            guard let value = Self.double(trimmed) else { throw .invalid(text, for: key, "Not a number of type DOUBLE") }
            self = .double(value)
        case .string, .class: self = .string(trimmed)
        // A password may begin or end with a blank that counts; Kafka trims it all the same.
        case .password: self = .string(trimmed)
        case .list: self = .list(text.configurationList)
        }
    }

    private static func integer<Value: FixedWidthInteger>(
        _ text: String, _: Value.Type, _ type: ConfigurationType, key: String, _ original: String
    ) throws(ConfigurationError) -> Value {
        guard let value = Value(text) else { throw .invalid(original, for: key, "Not a number of type \(type.name)") }
        return value
    }

    /// Java's Double.parseDouble, as far as a configuration goes: no hexadecimal digits, NaN and Infinity as Java spells them.
    private static func double(_ text: String) -> Double? {
        let digits = text.drop { $0 == "+" || $0 == "-" }
        if digits == "NaN" { return .nan }
        if digits == "Infinity" { return text.hasPrefix("-") ? -.infinity : .infinity }
        guard digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 || ".eE+-".utf8.contains($0) }) else { return nil }
        return Double(text)
    }
}

extension ConfigurationFacts {
    /// Reads and checks a value; what it throws says what Kafka says.
    @discardableResult
    package func parse(_ text: String) throws(ConfigurationError) -> ConfigurationValue {
        let key = String(describing: name)
        let value = try ConfigurationValue(parsing: text, as: type, key: key)
        switch (allowed, value) {
        case (.any, _): break
        case (.nonEmpty, .string(let text)):
            if text.isEmpty { throw .invalid(text, for: key, "String must be non-empty") }
        case (.integer(let low, let high), .integer(let number)):
            if number < low { throw .invalid("\(number)", for: key, "Value must be at least \(low)") }
            if number > high { throw .invalid("\(number)", for: key, "Value must be no more than \(high)") }
        case (.integerOr(let low, let high, let other), .integer(let number)):
            if !(low...high).contains(number) && number != other {
                throw .invalid("\(number)", for: key, "Value must be between \(low) and \(high) or equal to \(other)")
            }
        case (.ratio(let low, let high), .double(let number)):
            if number < low { throw .invalid(number.javaText, for: key, "Value must be at least \(low.bound)") }
            if number > high { throw .invalid(number.javaText, for: key, "Value must be no more than \(high.bound)") }
        case (.oneOf(let choices), .string(let text)): try require(text, in: choices, key)
        case (.oneOfIgnoringCase(let choices), .string(let text)):
            let all = String(describing: choices)
            if !all.configurationList.contains(where: { $0.lowercased() == text.lowercased() }) {
                throw .invalid(text, for: key, "String must be one of (case insensitive): \(all)")
            }
        case (.list(let mayBeEmpty, let choices), .list(let elements)):
            try check(elements, mayBeEmpty: mayBeEmpty, choices: choices, key)
        case (.throttledReplicas, .list(let elements)):
            if elements != ["*"] && !elements.allSatisfy(\.isPartitionAndBroker) {
                throw .invalid(
                    "[\(elements.joined(separator: ", "))]", for: key,
                    "\(key) must be the literal '*' or a list of replicas in the following format: "
                        + "[partitionId]:[brokerId],[partitionId]:[brokerId],...")
            }
        case (.offsetReset, .string(let text)):
            if text != "earliest" && text != "latest" && !text.hasPrefix("by_duration:PT") {
                throw .invalid(text, for: key, "latest, earliest or by_duration:PnDTnHnMn.nS expected")
            }
        default: preconditionFailure("the table pairs \(key) with values that its type does not have")
        }
        return value
    }

    private func require(_ text: String, in choices: StaticString, _ key: String) throws(ConfigurationError) {
        let all = String(describing: choices)
        if !all.configurationList.contains(text) { throw .invalid(text, for: key, "String must be one of: \(all)") }
    }

    private func check(
        _ elements: [String], mayBeEmpty: Bool, choices: StaticString?, _ key: String
    ) throws(ConfigurationError) {
        if elements.isEmpty && !mayBeEmpty {
            let valid = choices.map { "[\($0)]" } ?? "any non-empty value"
            throw ConfigurationError(
                key: key, value: "", message: "Configuration '\(key)' must not be empty. Valid values include: \(valid)")
        }
        for (place, element) in elements.enumerated() where elements[..<place].contains(element) {
            throw ConfigurationError(
                key: key, value: element, message: "Configuration '\(key)' values must not be duplicated.")
        }
        for element in elements {
            if element.isEmpty {
                throw ConfigurationError(
                    key: key, value: "", message: "Configuration '\(key)' values must not be empty.")
            }
            if let choices { try require(element, in: choices, key) }
        }
    }
}

extension String {
    /// Without the blanks and control characters at both ends, as Java's trim().
    package var trimmingBlanks: String {
        guard let first = utf8.first, let last = utf8.last else { return self }
        if first > 0x20 && last > 0x20 { return self }
        var text = self
        return text.withUTF8 { String(trimming: $0[...]) }
    }

    /// The elements of a list: nothing for a blank text, else what stands between commas, without blanks around it.
    package var configurationList: [String] {
        var text = self
        return text.withUTF8 { bytes in
            guard bytes.contains(where: { $0 > 0x20 }) else { return [] }
            var elements: [String] = []
            var start = 0
            for end in 0...bytes.count where end == bytes.count || bytes[end] == UInt8(ascii: ",") {
                elements.append(String(trimming: bytes[start..<end]))
                start = end + 1
            }
            return elements
        }
    }

    private init(trimming bytes: Slice<UnsafeBufferPointer<UInt8>>) {
        var bytes = bytes
        while let first = bytes.first, first <= 0x20 { bytes.removeFirst() }
        while let last = bytes.last, last <= 0x20 { bytes.removeLast() }
        self.init(decoding: bytes, as: UTF8.self)
    }

    fileprivate var isPartitionAndBroker: Bool {
        let parts = split(separator: ":", omittingEmptySubsequences: false)
        return parts.count == 2 && parts.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 } }
    }
}

extension Double {
    /// As Java prints a double: `2.147483647E9`.
    var javaText: String {
        let magnitude = self.magnitude
        if !isFinite || magnitude == 0 || (magnitude >= 1e-3 && magnitude < 1e7) {
            return isNaN ? "NaN" : isInfinite ? (self < 0 ? "-Infinity" : "Infinity") : "\(self)"
        }
        // Swift prints the same shortest digits; they are put into one digit, point, rest, exponent.
        let text = "\(magnitude)"
        let parts = text.split(separator: "e")
        var digits = parts[0].split(separator: ".").joined()
        var exponent = (parts.count == 2 ? Int(parts[1]) ?? 0 : 0) + (parts[0].split(separator: ".")[0].utf8.count - 1)
        while digits.hasPrefix("0") && digits.utf8.count > 1 {
            digits.removeFirst()
            exponent -= 1
        }
        while digits.hasSuffix("0") && digits.utf8.count > 1 { digits.removeLast() }
        let rest = digits.dropFirst()
        return "\(self < 0 ? "-" : "")\(digits.prefix(1)).\(rest.isEmpty ? "0" : rest)E\(exponent)"
    }

    /// A bound of the table, which Kafka writes as an integer where it is one.
    fileprivate var bound: String { self == rounded() ? "\(Int64(self))" : "\(self)" }
}
