// Fuzzes Sources/CTLS: a client and a server on one thread, and between them a wire that cuts, delays and damages what
// passes. The input is a script, one operation a byte, some with an argument. `tools/fuzz/run tls [SECONDS]`.
//
// With -DCANARY a script that shakes hands, writes and hangs up reads freed memory: a run that does not find it is worth nothing.
#include "CTLS.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static SSL_CTX *server_context, *client_context;

static X509 *self_signed(EVP_PKEY *key) {
    X509 *certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC, (const unsigned char *)"fuzz", -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    if (!ctls_add_extension(certificate, certificate, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1")) abort();
    X509_sign(certificate, key, EVP_sha256());
    return certificate;
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    ctls_start();
    server_context = SSL_CTX_new(TLS_server_method());
    client_context = SSL_CTX_new(TLS_client_method());
    EVP_PKEY *key = ctls_new_key();
    X509 *certificate = self_signed(key);
    for (int i = 0; i < 2; i++) {
        SSL_CTX *context = i ? client_context : server_context;
        ctls_context_defaults(context, 3600);
        SSL_CTX_use_certificate(context, certificate);
        SSL_CTX_use_PrivateKey(context, key);
        X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate);
        ctls_context_verify_peer(context, 0);
    }
    SSL_CTX_set_session_id_context(server_context, (const unsigned char *)"fuzz", 4);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return 0;
}

/// Moves up to `limit` bytes, the byte at `damage` (if it is there) changed.
static void carry(int from, int to, size_t limit, size_t damage, uint8_t mask) {
    static uint8_t bytes[1 << 16];
    if (limit > sizeof bytes) limit = sizeof bytes;
    ssize_t count = recv(from, bytes, limit, 0);
    if (count <= 0) return;
    if (damage < (size_t)count) bytes[damage] ^= mask;
    (void)!send(to, bytes, (size_t)count, MSG_NOSIGNAL);
}

int LLVMFuzzerTestOneInput(const uint8_t *script, size_t length) {
    static uint8_t buffer[300 << 10];
    if (length > 512) return 0;
    int left[2], right[2];
    int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    if (socketpair(AF_UNIX, type, 0, left) || socketpair(AF_UNIX, type, 0, right)) abort();
    int small = 4096;
    setsockopt(right[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    struct ssl_st *side[2] = {ctls_new(client_context, left[0], 0), ctls_new(server_context, right[1], 1)};
    if (!side[0] || !side[1]) abort();
    SSL_set_max_proto_version(side[0], length > 0 && script[0] & 1 ? TLS1_2_VERSION : TLS1_3_VERSION);
    int open = 1, wrote = 0;
    for (size_t i = 1; i < length; i++) {
        uint8_t operation = script[i], argument = i + 1 < length ? script[i + 1] : 0;
        struct ssl_st *ssl = side[operation >> 7];
        switch (operation & 0x0F) {
        case 0: case 1: ctls_handshake(ssl); break;
        case 2: case 3: carry(left[1], right[0], 1 << 16, SIZE_MAX, 0); break;
        case 4: carry(right[0], left[1], 1 << 16, SIZE_MAX, 0); break;
        case 5: carry(left[1], right[0], argument, SIZE_MAX, 0); i++; break;
        case 6: carry(left[1], right[0], 1 << 16, argument, (uint8_t)(operation | 1)); i++; break;
        case 7: carry(right[0], left[1], (size_t)argument * 16, SIZE_MAX, 0); i++; break;
        case 8: (void)!send(right[0], script + i, length - i, MSG_NOSIGNAL); break;
        case 9: if (SSL_is_init_finished(ssl)) wrote |= ctls_write(ssl, buffer, (size_t)argument * 1100) > 0; i++; break;
        case 10: ctls_uncork(ssl); break;
        case 11: ctls_read(ssl, buffer, (size_t)argument * 300); i++; break;
        case 12: ctls_close_notify(ssl); break;
        case 13: if (SSL_is_init_finished(ssl)) SSL_key_update(ssl, argument & 1); i++; break;
        case 14:
            shutdown(operation & 0x80 ? right[0] : left[1], SHUT_RDWR);
            open = 0;
            break;
        case 15: {
            uint8_t first[16];
            if (ctls_first_bytes(ssl, first) > 16) abort();
            ctls_has_unsent(ssl), ctls_received(ssl), ctls_socket_error(ssl), ctls_is_plaintext(ssl);
            ctls_is_drained(ssl);
            break;
        }
        }
        // Whatever was corked belongs to one of the two.
        if (ctls_has_unsent(side[0]) > 1 || ctls_has_unsent(side[1]) > 1) abort();
    }
#ifdef CANARY
    if (wrote && !open) { char *gone = malloc(1); free(gone); buffer[0] = (uint8_t)*(volatile char *)gone; }
#endif
    ctls_free(side[0]);
    ctls_free(side[1]);
    ERR_clear_error();
    for (int i = 0; i < 2; i++) close(left[i]), close(right[i]);
    return (open + wrote) * 0;
}
