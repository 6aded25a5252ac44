@testable import CompatKit
import Glibc

/// Sends back what comes on its first connection.
final class EchoServer: Sendable {
    let address: Address
    private let listener: Int32

    init() throws {
        let (descriptor, port) = try Socket.listen(at: Address(host: "127.0.0.1", port: 0))
        listener = descriptor
        address = Address(host: "127.0.0.1", port: port)
        _ = Workers.start {
            let accepted = accept(descriptor, nil, nil)
            guard accepted >= 0 else { return }
            var buffer = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = recv(accepted, &buffer, buffer.count, 0)
                guard count > 0 else { break }
                _ = send(accepted, buffer, count, Int32(MSG_NOSIGNAL))
            }
            close(accepted)
        }
    }

    deinit { close(listener) }

    func stop() { shutdown(listener, Int32(SHUT_RDWR)) }
}
