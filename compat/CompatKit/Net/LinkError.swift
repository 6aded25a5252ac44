/// Why a connection gave no frame.
package enum LinkError: Error, Sendable, CustomStringConvertible, Equatable {
    case notConnected(String)
    case closed
    case timedOut(milliseconds: Int)
    case broken(String)
    /// The four bytes where a length should stand are none.
    case noFrame(length: Int32)

    package var description: String {
        switch self {
        case .notConnected(let why): "no connection: \(why)"
        case .closed: "the connection was closed"
        case .timedOut(let milliseconds): "no answer within \(milliseconds) ms"
        case .broken(let why): why
        case .noFrame(let length): "the answer begins with a length of \(length), which no Kafka frame has"
        }
    }
}
