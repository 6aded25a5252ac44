/// A configuration that cannot be used: which key, which value, and what would be allowed.
package struct ConfigurationError: Error, Sendable, CustomStringConvertible, Equatable {
    package var key: String
    package var value: String?
    /// Kafka's text where Kafka has one.
    package var message: String

    package init(key: String, value: String? = nil, message: String) {
        self.key = key
        self.value = value
        self.message = message
    }

    /// In Kafka's words: `Invalid value -2 for configuration retention.ms: Value must be at least -1`.
    package static func invalid(_ value: String, for key: String, _ reason: String) -> Self {
        Self(key: key, value: value, message: "Invalid value \(value) for configuration \(key): \(reason)")
    }

    package var description: String { message }
}
