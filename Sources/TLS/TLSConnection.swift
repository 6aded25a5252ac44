internal import CTLS
internal import COpenSSL

/// One TLS connection over a non-blocking socket, which stays the caller's. One thread uses it.
///
/// Readiness is taken to be level-triggered: a read of the socket that came back short is not repeated in the same turn.
/// What is written gathers in a buffer of the thread (the cork) and leaves by `uncork()`, which belongs at the end of
/// every turn in which something was written.
package final class TLSConnection {
    package enum Handshake: Equatable { case done, wantRead, wantWrite, failed(TLSFailure) }
    package enum Read: Equatable { case bytes(Int), wantRead, wantWrite, closed, failed(TLSFailure) }
    package enum Uncork: Equatable { case allGone, blocked, failed(TLSFailure) }

    private let ssl: OpaquePointer
    private let context: TLSContext
    private var failure: TLSFailure?
    /// The handshake is through. OpenSSL forgets it where the connection fails.
    private var isEstablished = false
    /// The peer as `ssl.principal.mapping.rules` names it; `ANONYMOUS` where it showed no certificate. Known after the handshake.
    package private(set) var principalName = "ANONYMOUS"
    /// The subject of the peer's certificate.
    package private(set) var peerSubject: String?

    /// `serverName` is a client's: whom it means to reach.
    package init(_ context: TLSContext, socket: Int32, serverName: String? = nil) throws(TLSError) {
        guard let ssl = ctls_new(context.pointer, socket, context.isServer ? 1 : 0) else {
            throw TLSError(.library, "OpenSSL gives no connection: \(OpenSSLErrors.take().text)")
        }
        self.ssl = ssl
        self.context = context
        if let serverName { expect(serverName: serverName) }
    }

    deinit { ctls_free(ssl) }

    private func expect(serverName: String) {
        // A trailing dot belongs to DNS, not to the certificate.
        let name = serverName.hasSuffix(".") ? String(serverName.dropLast()) : serverName
        let isAddress = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1
        ERR_clear_error()
        if !isAddress {
            ctls_set_server_name(ssl, name)
            if context.identifiesEndpoint { SSL_set1_host(ssl, name) }
        } else if !context.identifiesEndpoint {
            X509_VERIFY_PARAM_set1_ip(SSL_get0_param(ssl), nil, 0)
        }
    }

    /// One step of the handshake. After `.failed` the alert that tells the peer has left, where there is one to tell.
    package func handshake() -> Handshake {
        if let failure { return .failed(failure) }
        switch Int(ctls_handshake(ssl)) {
        case 1: return identify()
        case CTLS_WANT_READ: return .wantRead
        case CTLS_WANT_WRITE: return .wantWrite
        case CTLS_CLOSED: return .failed(fail(closed: true))
        default: return .failed(fail())
        }
    }

    private func identify() -> Handshake {
        isEstablished = true
        guard let certificate = SSL_get1_peer_certificate(ssl) else { return .done }
        let subject = Certificate(owning: certificate).subject
        peerSubject = subject
        guard let name = context.principalMapping.name(for: subject) else {
            let failure = TLSFailure(.certificate, "no rule of ssl.principal.mapping.rules fits the client certificate \(subject)")
            self.failure = failure
            return .failed(failure)
        }
        principalName = name
        return .done
    }

    /// Fills the buffer with as many records as are there. Go on until `.wantRead` or `isDrained`, after the handshake too: what
    /// lies inside OpenSSL wakes no epoll.
    package func read(into buffer: UnsafeMutableRawBufferPointer) -> Read {
        if let failure { return .failed(failure) }
        guard let start = buffer.baseAddress, buffer.count > 0 else { return .wantRead }
        let result = ctls_read(ssl, start, buffer.count)
        switch result {
        case 1...: return .bytes(result)
        case CTLS_CLOSED: return .closed
        case CTLS_WANT_READ: return .wantRead
        case CTLS_WANT_WRITE: return .wantWrite
        default: return .failed(fail())
        }
    }

    /// Whether the last `read` gave everything that the socket had.
    package var isDrained: Bool { ctls_is_drained(ssl) == 1 }

    /// Encrypts into the cork, which takes at least 256 KB when it is empty, and says how much it took. 0: `uncork()` first; that
    /// also tells whether the connection is broken.
    package func write(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard failure == nil, let start = bytes.baseAddress, bytes.count > 0 else { return 0 }
        let result = ctls_write(ssl, start, bytes.count)
        if result < 0 { _ = fail() }
        return max(0, result)
    }

    /// Sends what is corked. `.blocked`: the connection keeps the rest; call again when the socket takes bytes.
    package func uncork() -> Uncork {
        if let failure { return .failed(failure) }
        switch ctls_uncork(ssl) {
        case 1: return .allGone
        case 0: return .blocked
        default: return .failed(fail())
        }
    }

    /// Says close_notify, as far as the socket takes it. The socket is then the caller's to close.
    package func close() {
        if failure == nil { ctls_close_notify(ssl) }
    }

    /// Whether bytes from the peer lie inside, a part of a record perhaps.
    package var hasPending: Bool { SSL_has_pending(ssl) == 1 }
    /// Whether bytes for the peer still wait for the socket or for `uncork()`.
    package var hasUnsent: Bool { ctls_has_unsent(ssl) == 1 }
    package var isHandshakeDone: Bool { SSL_is_init_finished(ssl) == 1 }
    /// Whether a ticket spared the two sides a full handshake.
    package var isResumed: Bool { SSL_session_reused(ssl) == 1 }
    /// Bytes that came over the socket, those of the handshake included.
    package var receivedBytes: UInt64 { ctls_received(ssl) }

    /// `TLSv1.3`
    package var protocolName: String { String(cString: SSL_get_version(ssl)) }
    /// The cipher suite by IANA's name.
    package var cipherSuite: String {
        SSL_get_current_cipher(ssl).flatMap { SSL_CIPHER_standard_name($0) }.map { String(cString: $0) } ?? "none"
    }

    private func fail(closed: Bool = false) -> TLSFailure {
        if let failure { return failure }
        let failure = TLSFailure(ssl, context, isEstablished: isEstablished, closed: closed, errors: OpenSSLErrors.take())
        self.failure = failure
        return failure
    }
}
