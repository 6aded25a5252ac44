package import KafkaMessages

/// A refusal by the one who decides on metadata: what the answer's error code and message say.
package struct ControllerError: Error, Sendable, Equatable {
    package var code: ErrorCode
    package var message: String?

    package init(_ code: ErrorCode, _ message: String? = nil) {
        self.code = code
        self.message = message
    }
}
