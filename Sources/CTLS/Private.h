#pragma once
struct ssl_st;
struct x509_st;

/// Remembers the certificate that the verification refused, for the report.
void ctls_keep_rejected(struct ssl_st *ssl, struct x509_st *certificate);
