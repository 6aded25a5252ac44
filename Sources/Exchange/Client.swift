package import EventLoop
package import KafkaWire

/// The listener by which a client came. Answers that name an address (Metadata, FindCoordinator, DescribeCluster) name this
/// listener's advertised one.
package final class ListenerIdentity: Sendable {
    /// `PLAINTEXT`, `CLIENTS`, ...: as in `listeners`, in upper case.
    package let name: String
    /// `PLAINTEXT` or `SSL`.
    package let securityProtocol: String
    package let advertisedHost: String
    package let advertisedPort: Int32

    package init(name: String, securityProtocol: String, advertisedHost: String, advertisedPort: Int32) {
        self.name = name
        self.securityProtocol = securityProtocol
        self.advertisedHost = advertisedHost
        self.advertisedPort = advertisedPort
    }
}

/// Who is at the other end of a connection. Belongs to the connection's loop.
package final class Client {
    package let listener: ListenerIdentity
    /// Host and port, as the log shows it.
    package let peer: String
    /// The address alone: `127.0.0.1`.
    package let host: String
    package var principal = "User:ANONYMOUS"
    /// What the client says of itself in ApiVersions (KIP-511).
    package var softwareName = ""
    package var softwareVersion = ""

    package init(listener: ListenerIdentity, peer: String, host: String) {
        self.listener = listener
        self.peer = peer
        self.host = host
    }
}

/// A request's surroundings, lent to its handler: who asks, and what the loop lends. Never kept across a wait.
package struct Caller {
    // The connection that makes the caller holds both until the handler has returned.
    package unowned(unsafe) let client: Client
    package unowned(unsafe) let desk: RequestDesk
    /// The client id of the request's header; a view into the frame, nil where the client sent null.
    package let clientId: WireBytes?
    package let version: Int16

    package init(client: Client, desk: RequestDesk, clientId: WireBytes?, version: Int16) {
        self.client = client
        self.desk = desk
        self.clientId = clientId
        self.version = version
    }

    package var loop: EventLoop { desk.loop }
    package var arena: Arena { desk.arena }
    package var now: MonotonicTime { desk.loop.clock.now() }
}
