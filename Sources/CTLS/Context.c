#include "CTLS.h"
#include "Private.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

void ctls_context_defaults(struct ssl_ctx_st *context, long session_seconds) {
    // What goes out as the chain is what the key store has, nothing from the trust store.
    SSL_CTX_set_mode(
        context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS
            | SSL_MODE_NO_AUTO_CHAIN);
    // A peer that goes without close_notify is a closed connection, not a failure: Kafka's frames carry their lengths.
    SSL_CTX_set_options(
        context,
        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_default_read_buffer_len(context, 64 << 10);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 1);
    SSL_CTX_set_timeout(context, session_seconds);
    SSL_CTX_set_dh_auto(context, 1);
}

int ctls_context_protocols(struct ssl_ctx_st *context, int lowest, int highest) {
    return SSL_CTX_set_min_proto_version(context, lowest) && SSL_CTX_set_max_proto_version(context, highest);
}

static int judge(int is_fine, X509_STORE_CTX *verification) {
    if (is_fine) return 1;
    if (X509_STORE_CTX_get_error(verification) == X509_V_ERR_UNABLE_TO_GET_CRL) {
        X509_STORE_CTX_set_error(verification, X509_V_OK);
        return 1;
    }
    SSL *ssl = X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx());
    if (ssl) ctls_keep_rejected(ssl, X509_STORE_CTX_get_current_cert(verification));
    return 0;
}

void ctls_context_verify_peer(struct ssl_ctx_st *context, int required) {
    SSL_CTX_set_verify(
        context, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), judge);
}

int ctls_context_add_chain_certificate(struct ssl_ctx_st *context, struct x509_st *certificate) {
    return (int)SSL_CTX_add1_chain_cert(context, certificate);
}

struct evp_pkey_st *ctls_new_key(void) { return EVP_EC_gen("P-256"); }

int ctls_add_extension(struct x509_st *certificate, struct x509_st *issuer, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    if (!extension) return 0;
    int added = X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    return added;
}
