// A TLS connection over a non-blocking socket, with a BIO of our own: records gather in a buffer that belongs to the
// thread, and one send takes them all. OpenSSL's socket BIO makes one system call a record of 16 KB instead.
#include "CTLS.h"
#include "Private.h"

#include <errno.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/// 16 full records of 16 KB with their overhead, and room for what the protocol itself says (tickets, key updates).
static const size_t cork_capacity = 288 << 10;
/// A record at its largest, as OpenSSL writes it.
static const size_t record_limit = 16384 + 512;

enum { first_bytes_limit = 16, handshake_record = 0x16 };

/// The BIO's half of a connection.
struct cork {
    int fd;
    int socket_error;
    /// What a blocked socket did not take: owned by the connection until it has left.
    unsigned char *pending;
    size_t pending_offset, pending_count;
    uint64_t received;
    unsigned char first[first_bytes_limit];
    unsigned char first_count;
    /// The last read of the socket came back short, so there is nothing more to ask for in this turn.
    unsigned char drained;
    /// The last ctls_read ended for that reason.
    unsigned char ended_drained;
    unsigned char at_end;
    unsigned char plaintext;
    unsigned char is_server;
    /// The certificate of the peer's that was refused.
    X509 *rejected;
};

// The cork: one buffer a thread, used by the connection that writes at the moment.
static _Thread_local unsigned char *cork_bytes;
static _Thread_local size_t cork_count;
static _Thread_local struct cork *cork_owner;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t cork_key;
static BIO_METHOD *cork_method;

static struct cork *cork_of(const SSL *ssl) { return BIO_get_data(SSL_get_wbio(ssl)); }

/// Sends as much as the socket takes. -1 and errno where it is broken, else the count.
static ssize_t send_some(int fd, const unsigned char *bytes, size_t count) {
    size_t sent = 0;
    while (sent < count) {
        ssize_t n = send(fd, bytes + sent, count - sent, MSG_NOSIGNAL);
        if (n >= 0) { sent += (size_t)n; continue; }
        if (errno == EINTR) continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) break;
        return -1;
    }
    return (ssize_t)sent;
}

static void drop_unsent(struct cork *cork) {
    free(cork->pending);
    cork->pending = NULL;
    cork->pending_offset = cork->pending_count = 0;
    if (cork_owner == cork) { cork_owner = NULL; cork_count = 0; }
}

static int broken(struct cork *cork, int error) {
    cork->socket_error = error;
    drop_unsent(cork);
    return -1;
}

/// 1 all has left, 0 blocked, -1 broken.
static int flush(struct cork *cork) {
    if (cork->socket_error) return -1;
    if (cork->pending) {
        size_t left = cork->pending_count - cork->pending_offset;
        ssize_t sent = send_some(cork->fd, cork->pending + cork->pending_offset, left);
        if (sent < 0) return broken(cork, errno);
        cork->pending_offset += (size_t)sent;
        // Nothing is corked while something is pending, see cork_write.
        if ((size_t)sent < left) return 0;
        free(cork->pending);
        cork->pending = NULL;
        cork->pending_offset = cork->pending_count = 0;
    }
    if (cork_owner != cork) return 1;
    ssize_t sent = send_some(cork->fd, cork_bytes, cork_count);
    if (sent < 0) return broken(cork, errno);
    size_t left = cork_count - (size_t)sent;
    cork_owner = NULL;
    cork_count = 0;
    if (left == 0) return 1;
    cork->pending = malloc(left);
    if (!cork->pending) return broken(cork, ENOMEM);
    memcpy(cork->pending, cork_bytes + sent, left);
    cork->pending_count = left;
    return 0;
}

static int cork_write(BIO *bio, const char *bytes, int count) {
    struct cork *cork = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (cork->socket_error || count < 0) return -1;
    if (cork->pending) { BIO_set_retry_write(bio); return -1; }
    // Another connection's bytes: they leave, or move to that connection.
    if (cork_owner && cork_owner != cork) flush(cork_owner);
    if (cork_count + (size_t)count > cork_capacity) {
        int result = flush(cork);
        if (result < 0) return -1;
        if (result == 0 || (size_t)count > cork_capacity) { BIO_set_retry_write(bio); return -1; }
    }
    if (!cork_bytes) {
        cork_bytes = malloc(cork_capacity);
        if (!cork_bytes) { cork->socket_error = ENOMEM; return -1; }
        pthread_setspecific(cork_key, cork_bytes);
    }
    memcpy(cork_bytes + cork_count, bytes, (size_t)count);
    cork_count += (size_t)count;
    cork_owner = cork;
    return count;
}

static int cork_read(BIO *bio, char *bytes, int count) {
    struct cork *cork = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (cork->drained) { cork->drained = 0; BIO_set_retry_read(bio); return -1; }
    if (cork->socket_error || cork->plaintext || count <= 0) return -1;
    ssize_t n;
    do n = recv(cork->fd, bytes, (size_t)count, 0); while (n < 0 && errno == EINTR);
    if (n < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK) BIO_set_retry_read(bio); else cork->socket_error = errno;
        return -1;
    }
    if (n == 0) { cork->at_end = 1; return 0; }
    cork->received += (uint64_t)n;
    cork->drained = n < count;
    if (cork->first_count < first_bytes_limit) {
        size_t room = first_bytes_limit - cork->first_count, part = (size_t)n < room ? (size_t)n : room;
        memcpy(cork->first + cork->first_count, bytes, part);
        cork->first_count += (unsigned char)part;
    }
    // OpenSSL would answer a plaintext client with an alert, which that client takes for a frame of 352 MB.
    if (cork->is_server && cork->first[0] != handshake_record) { cork->plaintext = 1; return -1; }
    return (int)n;
}

static long cork_control(BIO *bio, int command, long number, void *pointer) {
    (void)number, (void)pointer;
    struct cork *cork = BIO_get_data(bio);
    switch (command) {
    case BIO_CTRL_FLUSH: return 1;  // what is corked leaves at the end of the step
    case BIO_CTRL_EOF: return cork->at_end;
    default: return 0;
    }
}

static int cork_destroy(BIO *bio) {
    struct cork *cork = BIO_get_data(bio);
    if (cork) { drop_unsent(cork); X509_free(cork->rejected); free(cork); }
    BIO_set_data(bio, NULL);
    return 1;
}

static void start_once(void) {
    OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL);
    pthread_key_create(&cork_key, free);
    cork_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "cork");
    if (!cork_method) return;
    BIO_meth_set_write(cork_method, cork_write);
    BIO_meth_set_read(cork_method, cork_read);
    BIO_meth_set_ctrl(cork_method, cork_control);
    BIO_meth_set_destroy(cork_method, cork_destroy);
}

void ctls_start(void) { pthread_once(&once, start_once); }

struct ssl_st *ctls_new(struct ssl_ctx_st *context, int fd, int is_server) {
    ctls_start();
    struct cork *cork = calloc(1, sizeof *cork);
    BIO *bio = cork && cork_method ? BIO_new(cork_method) : NULL;
    SSL *ssl = bio ? SSL_new(context) : NULL;
    if (!ssl) { BIO_free(bio); free(cork); return NULL; }
    cork->fd = fd;
    cork->is_server = is_server != 0;
    BIO_set_data(bio, cork);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    if (is_server) SSL_set_accept_state(ssl); else SSL_set_connect_state(ssl);
    return ssl;
}

void ctls_free(struct ssl_st *ssl) { SSL_free(ssl); }

/// What OpenSSL's answer means. Errors stay in the thread's queue for whoever explains the failure.
static int meaning(SSL *ssl, int result) {
    switch (SSL_get_error(ssl, result)) {
    case SSL_ERROR_WANT_READ: return CTLS_WANT_READ;
    case SSL_ERROR_WANT_WRITE: return CTLS_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN: return CTLS_CLOSED;
    default: return CTLS_FAILED;
    }
}

int ctls_handshake(struct ssl_st *ssl) {
    struct cork *cork = cork_of(ssl);
    ERR_clear_error();
    // The flight before has not left yet: what OpenSSL would write now has no place.
    if (cork->pending && flush(cork) == 0) return CTLS_WANT_WRITE;
    int result = SSL_do_handshake(ssl);
    int step = result == 1 ? 1 : meaning(ssl, result);
    int flushed = flush(cork);
    if (step == CTLS_WANT_READ && flushed == 0) return CTLS_WANT_WRITE;
    return step;
}

long ctls_read(struct ssl_st *ssl, void *bytes, size_t count) {
    struct cork *cork = cork_of(ssl);
    size_t filled = 0;
    int result = 0;
    cork->ended_drained = 0;
    ERR_clear_error();
    while (filled < count) {
        size_t room = count - filled;
        result = SSL_read(ssl, (char *)bytes + filled, room > INT_MAX ? INT_MAX : (int)room);
        if (result <= 0) break;
        filled += (size_t)result;
    }
    // Reading can write: the answer to a key update, an alert.
    if (cork_owner == cork) flush(cork);
    // What ended the read shows itself again in the next call, with nothing before it: OpenSSL keeps both the end of the
    // stream and a fatal error; a want is told by the socket.
    if (filled > 0) {
        cork->ended_drained = result <= 0 && SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ;
        ERR_clear_error();
        return (long)filled;
    }
    return count == 0 ? CTLS_WANT_READ : meaning(ssl, result);
}

long ctls_write(struct ssl_st *ssl, const void *bytes, size_t count) {
    struct cork *cork = cork_of(ssl);
    size_t consumed = 0;
    ERR_clear_error();
    if (cork->socket_error) return CTLS_FAILED;
    if (cork_owner && cork_owner != cork) flush(cork_owner);
    while (consumed < count && !cork->pending && cork_count + record_limit <= cork_capacity) {
        size_t part = count - consumed;
        if (part > 16384) part = 16384;
        int result = SSL_write(ssl, (const char *)bytes + consumed, (int)part);
        if (result > 0) { consumed += (size_t)result; continue; }
        int kind = meaning(ssl, result);
        if (kind == CTLS_WANT_READ || kind == CTLS_WANT_WRITE) break;
        return CTLS_FAILED;
    }
    return (long)consumed;
}

int ctls_uncork(struct ssl_st *ssl) { return flush(cork_of(ssl)); }

int ctls_has_unsent(const struct ssl_st *ssl) {
    struct cork *cork = cork_of(ssl);
    return cork->pending != NULL || cork_owner == cork;
}

void ctls_close_notify(struct ssl_st *ssl) {
    struct cork *cork = cork_of(ssl);
    ERR_clear_error();
    // Not within a handshake, where OpenSSL would only queue an error of its own, and not behind data that is stuck.
    if (!SSL_in_init(ssl) && !cork->socket_error && flush(cork) == 1) {
        SSL_shutdown(ssl);
        flush(cork);
    }
    ERR_clear_error();
}

int ctls_is_drained(const struct ssl_st *ssl) { return cork_of(ssl)->ended_drained; }

size_t ctls_first_bytes(const struct ssl_st *ssl, uint8_t *bytes) {
    struct cork *cork = cork_of(ssl);
    memcpy(bytes, cork->first, cork->first_count);
    return cork->first_count;
}

int ctls_socket_error(const struct ssl_st *ssl) { return cork_of(ssl)->socket_error; }
int ctls_is_plaintext(const struct ssl_st *ssl) { return cork_of(ssl)->plaintext; }
uint64_t ctls_received(const struct ssl_st *ssl) { return cork_of(ssl)->received; }

void ctls_keep_rejected(struct ssl_st *ssl, struct x509_st *certificate) {
    struct cork *cork = cork_of(ssl);
    if (cork->rejected || !certificate) return;
    if (X509_up_ref(certificate)) cork->rejected = certificate;
}

struct x509_st *ctls_rejected_certificate(const struct ssl_st *ssl) { return cork_of(ssl)->rejected; }

int ctls_set_server_name(struct ssl_st *ssl, const char *name) { return (int)SSL_set_tlsext_host_name(ssl, name); }
