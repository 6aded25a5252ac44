import CompatKit
import Glibc
import KafkaSchema
import Synchronization

/// Plays the broker's side of a conversation: every request gets the recorded answer, changed as the test wants it.
final class RecordedBroker: Sendable {
    typealias Change = @Sendable (_ frame: [UInt8], _ exchange: RecordedExchange) -> [UInt8]

    let address: Address
    /// What came in, by the exchange's place in the conversation.
    let requests = Mutex<[Int: [UInt8]]>([:])

    private let listener: Int32
    private let conversation: Conversation
    private let change: Change

    init(_ conversation: Conversation, change: @escaping Change = { frame, _ in frame }) throws {
        self.conversation = conversation
        self.change = change
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = listener
        let port = withUnsafeMutablePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address -> UInt16? in
                guard bind(descriptor, address, size) == 0, listen(descriptor, 128) == 0,
                    getsockname(descriptor, address, &size) == 0
                else { return nil }
                return pointer.pointee.sin_port.bigEndian
            }
        }
        guard let port else { throw ConversationError(file: "test broker", reason: systemError()) }
        address = Address(host: "127.0.0.1", port: Int(port))
        _ = Workers.start { self.accept() }
    }

    // Not before: the number of a closed descriptor may be another test's by now, and `stop` must not hit that.
    deinit { close(listener) }

    func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

    /// Connections come in the order in which the conversation opens them.
    private func accept() {
        let order = conversation.connections.sorted { $0.openedMs < $1.openedMs }
        for life in order {
            let descriptor = Glibc.accept(listener, nil, nil)
            guard descriptor >= 0 else { break }
            _ = Workers.start { self.serve(life, Socket(descriptor: descriptor)) }
        }
    }

    private func serve(_ life: ConnectionLife, _ socket: Socket) {
        let link = FrameLink(socket)
        defer { link.close() }
        let exchanges = conversation.exchanges.enumerated().filter { $0.element.connection == life.number }
        do {
            for (index, exchange) in exchanges {
                let request = try link.receive(until: .after(milliseconds: 20_000))
                requests.withLock { $0[index] = request }
                guard let response = exchange.response else { continue }
                try link.send(change(response, exchange), until: .after(milliseconds: 20_000))
            }
            if life.closedBy != .broker { _ = link.waitForClose(until: .after(milliseconds: 20_000)) }
        } catch {
            // The replayer closed before it had said all: its report says why.
        }
    }
}
