internal import TLS

/// Why a connection is closed, as the log says it. Of one peer address and one kind it is said once a minute (`ProvokedLines`).
struct Closing {
    enum Kind: String {
        /// TLS to a plaintext listener or the other way round, HTTP.
        case otherProtocol
        /// A length that no frame has, or a frame that does not come.
        case frame
        /// A request that is not served, cannot be decoded, or ends without an answer.
        case request
        /// A certificate was refused or missing.
        case certificate
        case handshake
        case socket
        /// A file of ours cannot be sent.
        case log
    }
    let kind: Kind
    let text: String

    init(_ kind: Kind, _ text: String) {
        self.kind = kind
        self.text = text
    }

    init(_ failure: TLSFailure) {
        text = failure.message
        kind =
            switch failure.kind {
            case .plaintext: .otherProtocol
            case .certificate: .certificate
            case .socket: .socket
            case .silent, .closed, .mismatch, .broken: .handshake
            }
    }
}
