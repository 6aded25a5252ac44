// OpenSSL's macros as functions, and the corking BIO. The types are OpenSSL's own, declared here by their tags so that
// importing this header does not bring OpenSSL's with it.
#pragma once
#include <stddef.h>
#include <stdint.h>

struct ssl_st;
struct ssl_ctx_st;
struct x509_st;
struct evp_pkey_st;

/// Starts the library once, without /etc's openssl.cnf (a static binary cannot load the modules it may name) and without
/// clean-up at exit (other threads may still be inside).
void ctls_start(void);

// Contexts

/// What every context of ours has: partial writes, released buffers, read-ahead of 64 KB, no renegotiation, no
/// compression, the server's order of cipher suites, one ticket a handshake, no session cache (tickets hold the state).
void ctls_context_defaults(struct ssl_ctx_st *_Nonnull context, long session_seconds);

/// The lowest and the highest protocol version (0x0303 is TLS 1.2, 0x0304 is TLS 1.3). 1 on success.
int ctls_context_protocols(struct ssl_ctx_st *_Nonnull context, int lowest, int highest);

/// Asks the peer for a certificate and, if `required`, insists. A revocation list that is missing is no failure: lists
/// are looked at where they were given.
void ctls_context_verify_peer(struct ssl_ctx_st *_Nonnull context, int required);

/// Takes a copy of the reference. 1 on success.
int ctls_context_add_chain_certificate(struct ssl_ctx_st *_Nonnull context, struct x509_st *_Nonnull certificate);

// Connections

/// A connection over a non-blocking socket, which stays the caller's. Null where memory is short.
struct ssl_st *_Nullable ctls_new(struct ssl_ctx_st *_Nonnull context, int fd, int is_server);

/// Frees the connection. What it had in the cork is dropped.
void ctls_free(struct ssl_st *_Nonnull ssl);

/// Client side: the name that goes out as SNI. 1 on success.
int ctls_set_server_name(struct ssl_st *_Nonnull ssl, const char *_Nonnull name);

enum {
    CTLS_CLOSED = 0,
    CTLS_WANT_READ = -1,
    CTLS_WANT_WRITE = -2,
    CTLS_FAILED = -3,
};

/// One step: 1 when the handshake is done, else one of the values above. What was written has left or waits in the
/// connection (`ctls_has_unsent`).
int ctls_handshake(struct ssl_st *_Nonnull ssl);

/// Up to `count` bytes of as many records as are there, or one of the values above.
/// Made for level-triggered readiness: after a read of the socket that came back short it does not ask again.
long ctls_read(struct ssl_st *_Nonnull ssl, void *_Nonnull bytes, size_t count);

/// Whether the last `ctls_read` gave everything that the socket had, so that another one would be for nothing.
int ctls_is_drained(const struct ssl_st *_Nonnull ssl);

/// Encrypts into the thread's cork as much as has room there, and says how much that was; CTLS_FAILED otherwise.
/// 0 means that the socket is blocked or the cork is full: `ctls_uncork` first.
long ctls_write(struct ssl_st *_Nonnull ssl, const void *_Nonnull bytes, size_t count);

/// Sends what the cork and the connection hold: 1 all has left, 0 the socket is blocked (the connection keeps the rest),
/// -1 the connection is broken.
int ctls_uncork(struct ssl_st *_Nonnull ssl);

/// Whether bytes of this connection still wait for the socket.
int ctls_has_unsent(const struct ssl_st *_Nonnull ssl);

/// Sends close_notify where the state of the connection permits, as far as the socket takes it.
void ctls_close_notify(struct ssl_st *_Nonnull ssl);

/// The first bytes that the peer sent (at most 16), for the report on a peer that does not speak TLS.
size_t ctls_first_bytes(const struct ssl_st *_Nonnull ssl, uint8_t *_Nonnull bytes);

/// The errno of the failed socket call, 0 where none failed.
int ctls_socket_error(const struct ssl_st *_Nonnull ssl);

/// Whether the peer opened with something else than a TLS handshake record; nothing was answered then.
int ctls_is_plaintext(const struct ssl_st *_Nonnull ssl);

/// How many bytes the peer has sent, those of the handshake included.
uint64_t ctls_received(const struct ssl_st *_Nonnull ssl);

/// The certificate of the peer's that was refused, or null; it belongs to the connection.
struct x509_st *_Nullable ctls_rejected_certificate(const struct ssl_st *_Nonnull ssl);

// Certificates

/// A new key on the curve P-256.
struct evp_pkey_st *_Nullable ctls_new_key(void);

/// Adds an extension given in the words of OpenSSL's configuration files. 1 on success.
int ctls_add_extension(
    struct x509_st *_Nonnull certificate, struct x509_st *_Nonnull issuer, int nid, const char *_Nonnull value);
