internal import CTLS
internal import COpenSSL

/// Why a connection ended, in words that an operator can act on.
package struct TLSFailure: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Kind: Sendable {
        /// It came and went without a byte: a health check, a port scan.
        case silent
        /// It went in the middle of the handshake.
        case closed
        /// The peer speaks something else than TLS.
        case plaintext
        /// A certificate was refused or missing, on either side.
        case certificate
        /// No version or cipher suite in common.
        case mismatch
        /// The socket broke.
        case socket
        /// The peer does not keep to the protocol.
        case broken
    }
    package let kind: Kind
    package let message: String

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    package var description: String { message }
}

extension TLSFailure {
    /// Reads the connection's state and OpenSSL's queue.
    init(_ ssl: OpaquePointer, _ context: TLSContext, isEstablished: Bool, closed: Bool, errors: OpenSSLErrors) {
        let stage = isEstablished ? "" : Self.stage(ssl)
        if ctls_is_plaintext(ssl) == 1 {
            self = TLSFailure(.plaintext, ForeignGreeting.describe(Self.firstBytes(ssl)))
        } else if let failure = Self.refusal(ssl, context, errors) ?? Self.alert(context, errors) ?? Self.mismatch(context, errors) {
            self = failure
        } else if ctls_socket_error(ssl) != 0 {
            self = TLSFailure(.socket, "the connection broke: \(StoreFile.errorText(ctls_socket_error(ssl)))\(stage)")
        } else if closed || errors.entries.isEmpty {
            self = ctls_received(ssl) == 0
                ? TLSFailure(.silent, "closed by the peer before it said anything")
                : TLSFailure(.closed, "closed by the peer\(stage)")
        } else {
            self = TLSFailure(.broken, "broken TLS from the peer: \(errors.text)\(stage)")
        }
    }

    private static func firstBytes(_ ssl: OpaquePointer) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = ctls_first_bytes(ssl, &bytes)
        return Array(bytes[..<count])
    }

    private static func stage(_ ssl: OpaquePointer) -> String {
        guard let text = SSL_state_string_long(ssl) else { return "" }
        // Once something is broken, OpenSSL calls that the state.
        let state = String(cString: text)
        return " during the handshake" + (state == "error" ? "" : " (\(state))")
    }

    /// We refused the peer's certificate, or missed it.
    private static func refusal(_ ssl: OpaquePointer, _ context: TLSContext, _ errors: OpenSSLErrors) -> TLSFailure? {
        if errors.has(Int32(ERR_LIB_SSL), SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
            return TLSFailure(
                .certificate, "the client showed no certificate, and ssl.client.auth=required: it needs ssl.keystore.location (librdkafka: ssl.certificate.location and ssl.key.location)")
        }
        guard errors.has(Int32(ERR_LIB_SSL), SSL_R_CERTIFICATE_VERIFY_FAILED) else { return nil }
        let peer = context.isServer ? "client" : "server"
        var name = "the \(peer)'s certificate"
        if let rejected = ctls_rejected_certificate(ssl) {
            name += " \(DistinguishedName.text(X509_get_subject_name(rejected)))"
            name += " (issued by \(DistinguishedName.text(X509_get_issuer_name(rejected))))"
        }
        let result = SSL_get_verify_result(ssl)
        let reason = X509_verify_cert_error_string(result).map { String(cString: $0) } ?? "error \(result)"
        return TLSFailure(.certificate, "\(name) is refused: \(reason)\(advice(Int32(truncatingIfNeeded: result), peer))")
    }

    private static func advice(_ result: Int32, _ peer: String) -> String {
        switch result {
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
            X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
            "; its authority is not in the trust store, or the \(peer) does not send the certificates in between"
        case X509_V_ERR_CRL_HAS_EXPIRED:
            "; put a newer revocation list into the trust store"
        default:
            ""
        }
    }

    /// The peer refused us by an alert.
    private static func alert(_ context: TLSContext, _ errors: OpenSSLErrors) -> TLSFailure? {
        let alerts = errors.entries.filter { $0.library == Int32(ERR_LIB_SSL) && $0.reason > 1000 && $0.reason < 1256 }
        guard let alert = alerts.first.map({ $0.reason - 1000 }) else { return nil }
        let peer = context.isServer ? "client" : "server"
        let own = context.certificate
        let names = own.map { $0.alternativeNames.isEmpty ? $0.subject : $0.alternativeNames.joined(separator: ", ") } ?? "none"
        switch alert {
        case SSL_AD_UNKNOWN_CA where context.isServer:
            return TLSFailure(
                .certificate, """
                    the client does not trust this certificate (alert unknown_ca): it needs the authority \
                    \(own?.issuer ?? "") in ssl.truststore.location (librdkafka: ssl.ca.location)
                    """)
        case SSL_AD_CERTIFICATE_UNKNOWN where context.isServer, SSL_AD_BAD_CERTIFICATE where context.isServer:
            let word = alert == SSL_AD_BAD_CERTIFICATE ? "bad_certificate" : "certificate_unknown"
            return TLSFailure(
                .certificate, """
                    the client does not accept this certificate (alert \(word)): it does not trust the authority \
                    \(own?.issuer ?? ""), or connected by a name that is not among \(names)
                    """)
        case SSL_AD_CERTIFICATE_EXPIRED:
            return TLSFailure(.certificate, "the \(peer) says that this side's certificate has expired (alert certificate_expired)")
        case SSL_AD_CERTIFICATE_REQUIRED:
            return TLSFailure(.certificate, "the \(peer) wants a certificate (alert certificate_required): ssl.keystore.location is not set")
        case SSL_AD_PROTOCOL_VERSION, SSL_AD_HANDSHAKE_FAILURE, SSL_AD_INSUFFICIENT_SECURITY:
            return TLSFailure(.mismatch, "the \(peer) found no version or cipher suite in common (alert \(alertName(alert)))")
        case SSL_AD_UNKNOWN_CA, SSL_AD_BAD_CERTIFICATE, SSL_AD_CERTIFICATE_UNKNOWN, SSL_AD_CERTIFICATE_REVOKED,
            SSL_AD_UNSUPPORTED_CERTIFICATE, SSL_AD_ACCESS_DENIED:
            return TLSFailure(.certificate, "the \(peer) refuses the certificate \(own?.subject ?? "") (alert \(alertName(alert)))")
        default:
            return TLSFailure(.broken, "the \(peer) gave up: alert \(alertName(alert))")
        }
    }

    private static func alertName(_ alert: Int32) -> String {
        SSL_alert_desc_string_long(alert).map { String(cString: $0) } ?? String(alert)
    }

    private static func mismatch(_ context: TLSContext, _ errors: OpenSSLErrors) -> TLSFailure? {
        let ours = Int32(ERR_LIB_SSL)
        if errors.has(ours, SSL_R_NO_SHARED_CIPHER) {
            return TLSFailure(.mismatch, "no cipher suite in common with the peer (ssl.cipher.suites, or a certificate of a kind that it cannot use)")
        }
        if errors.has(ours, SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM) || errors.has(ours, SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS) {
            return TLSFailure(.mismatch, "no signature algorithm in common with the peer")
        }
        let versions = [
            SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_NO_PROTOCOLS_AVAILABLE, SSL_R_WRONG_SSL_VERSION, SSL_R_VERSION_TOO_LOW,
            SSL_R_NO_SHARED_GROUPS, SSL_R_UNKNOWN_PROTOCOL,
        ]
        if versions.contains(where: { errors.has(ours, $0) }) {
            return TLSFailure(.mismatch, "no TLS version in common with the peer (ssl.enabled.protocols): \(errors.text)")
        }
        return nil
    }
}
