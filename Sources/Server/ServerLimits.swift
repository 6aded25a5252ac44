/// How many connections there may be; may change while the broker runs.
package struct ConnectionBounds: Sendable {
    /// `max.connections`, over all listeners: beyond, clients wait to be accepted.
    package var maxConnections = Int(Int32.max)
    /// `max.connections.per.ip`, and the addresses that have a bound of their own (`max.connections.per.ip.overrides`): beyond, a
    /// connection is closed at once.
    package var maxConnectionsPerIp = Int(Int32.max)
    package var maxConnectionsPerIpOverrides: [String: Int] = [:]

    package init() {}
}

/// The bounds of the room, by Kafka's names where Kafka has one.
package struct ServerLimits: Sendable {
    /// `socket.request.max.bytes`: the longest frame.
    package var socketRequestMaxBytes = 104_857_600
    /// `connections.max.idle.ms`: a connection without a request for so long is closed; -1: never.
    package var connectionsMaxIdleMs: Int64 = 600_000
    /// `socket.send.buffer.bytes`, `socket.receive.buffer.bytes`; -1: the system's choice.
    package var socketSendBufferBytes: Int32 = -1
    package var socketReceiveBufferBytes: Int32 = -1

    package init() {}

    /// The longest that unfinished work may hold up a graceful stop.
    static let stopGraceMs: Int64 = 3_000
    /// A loop's read buffer: 128 to 256 KB measured best.
    static let readBufferBytes = 256 * 1024
    /// Up to here a cut frame gets its whole buffer at once; untouched pages cost nothing.
    static let frameBufferBytes = 128 * 1024
    /// How many buffers of that size a loop keeps for the next frames.
    static let keptFrameBuffers = 8
    /// Once a turn's answers reach this, they are sent before the next request is looked at.
    static let outputPerSendBytes = 256 * 1024
    /// So many requests of one connection are worked on before the others have their turn: a client that pipelines without end
    /// must not own the loop.
    static let requestsPerTurn = 16
    /// The piece of a file that goes out in one call, so that one fast reader does not own the loop.
    static let sendStrideBytes = 1024 * 1024
    /// How long the frame that is being let through past `queued.max.request.bytes` may go without progress.
    static let stalledFrameMs: Int64 = 30_000
    /// Between two looks whether a frame that the budget held up may grow again.
    static let starvedRetryMs: Int64 = 20
    /// Between two looks whether `max.connections` lets more be accepted; a connection that closes is noticed at once.
    static let fullRetryMs: Int64 = 1_000
    /// Between two looks for idle connections.
    static let idleSweepMs: Int64 = 5_000
    /// The piece of a file that is read and encrypted before a send, under TLS: what the cork takes at once.
    static let encryptionStrideBytes = 256 * 1024
    /// The longest that a TLS handshake may take.
    static let handshakeMs: Int64 = 30_000
    /// Between two looks whether a certificate's file has changed.
    static let certificateCheckMs: Int64 = 10_000
}
