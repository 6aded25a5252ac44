// handshakes: opens and closes connections one after the other and reports what the server spent on each, in us of CPU.
// build: cc -O2 -o handshakes handshakes.c -lssl -lcrypto
// usage: handshakes KIND --port P --pid SERVER_PID [--count N] [--tls 1.2|1.3] [--echo] [--hold N]
// KIND: plaintext | full | resumed. Each connection asks one thing and reads the answer, so that both sides are through with
// the handshake: ApiVersions v0, or with --echo a line (`openssl s_server -rev`). --hold N opens N and tells their memory.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int port = 9093, pid = 0, count = 2000, echo = 0, hold = 0;
static SSL_CTX *context;
static SSL_SESSION *session;

struct connection { int fd; SSL *ssl; };

static void fail(const char *what) { perror(what); ERR_print_errors_fp(stderr); exit(1); }

/// What the server's threads have spent so far.
static double spent_us(void) {
    clockid_t clock;
    struct timespec time;
    if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &time)) fail("the server's clock");
    return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

/// Memory that is no file's: what connections take.
static double anonymous_kb(void) {
    char name[64], line[256];
    snprintf(name, sizeof name, "/proc/%d/status", pid);
    FILE *file = fopen(name, "r");
    long kb = -1;
    while (file && kb < 0 && fgets(line, sizeof line, file)) sscanf(line, "RssAnon: %ld", &kb);
    if (kb < 0) fail(name);
    fclose(file);
    return (double)kb;
}

static void send_all(struct connection *c, const void *bytes, int length) {
    int sent = c->ssl ? SSL_write(c->ssl, bytes, length) : (int)send(c->fd, bytes, length, MSG_NOSIGNAL);
    if (sent != length) fail("send");
}

static int receive(struct connection *c, void *bytes, int room) {
    int n = c->ssl ? SSL_read(c->ssl, bytes, room) : (int)recv(c->fd, bytes, room, 0);
    if (n <= 0) fail("receive");
    return n;
}

static void ask(struct connection *c) {
    // Length, ApiVersions, version 0, correlation id, client id "h".
    static const uint8_t request[] = {0, 0, 0, 11, 0, 18, 0, 0, 0, 0, 0, 7, 0, 1, 'h'};
    uint8_t answer[8192];
    if (echo) {
        send_all(c, "line\n", 5);
        receive(c, answer, sizeof answer);
        return;
    }
    send_all(c, request, sizeof request);
    int have = 0;
    while (have < 4 || have < 4 + (answer[2] << 8 | answer[3])) have += receive(c, answer + have, (int)sizeof answer - have);
}

static struct connection open_one(int resume) {
    struct connection c = {socket(AF_INET, SOCK_STREAM, 0), NULL};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(c.fd, (struct sockaddr *)&address, sizeof address)) fail("connect");
    if (!context) return c;
    c.ssl = SSL_new(context);
    SSL_set_fd(c.ssl, c.fd);
    if (resume) SSL_set_session(c.ssl, session);
    if (SSL_connect(c.ssl) != 1) fail("handshake");
    if (SSL_session_reused(c.ssl) != resume) { fprintf(stderr, "handshakes: resumed: %d\n", !resume); exit(1); }
    return c;
}

static void close_one(struct connection *c) {
    if (c->ssl) { SSL_shutdown(c->ssl); SSL_free(c->ssl); }
    close(c->fd);
}

static int keep_session(SSL *ssl, SSL_SESSION *given) { (void)ssl; SSL_SESSION_free(session); session = given; return 1; }

static int usage(void) { fprintf(stderr, "usage: handshakes plaintext|full|resumed --port P --pid PID [--count N] [--tls 1.2|1.3] [--echo] [--hold N]\n"); return 2; }

int main(int argc, char **argv) {
    int version = TLS1_3_VERSION;
    if (argc < 2) return usage();
    for (int i = 2; i < argc; i++) {
        if (!strcmp(argv[i], "--echo")) { echo = 1; continue; }
        if (i + 1 == argc) return usage();
        const char *key = argv[i], *value = argv[++i];
        if (!strcmp(key, "--port")) port = atoi(value);
        else if (!strcmp(key, "--pid")) pid = atoi(value);
        else if (!strcmp(key, "--count")) count = atoi(value);
        else if (!strcmp(key, "--hold")) hold = atoi(value);
        else if (!strcmp(key, "--tls")) version = strcmp(value, "1.2") ? TLS1_3_VERSION : TLS1_2_VERSION;
        else return usage();
    }
    int resume = !strcmp(argv[1], "resumed");
    if (strcmp(argv[1], "plaintext")) {
        context = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_min_proto_version(context, version);
        SSL_CTX_set_max_proto_version(context, version);
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(context, keep_session);
    }
    // The first ones warm both sides, and bring the session.
    for (int i = 0; i < 50; i++) { struct connection c = open_one(0); ask(&c); close_one(&c); }
    if (resume && !session) { fprintf(stderr, "handshakes: the server gave no session\n"); return 1; }
    if (hold) {
        struct rlimit limit;
        getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
        // What the server's start took has been given back by then.
        sleep(3);
        double before = anonymous_kb();
        for (int i = 0; i < hold; i++) { struct connection c = open_one(0); ask(&c); }
        sleep(1);
        printf("%.2f\n", (anonymous_kb() - before) / hold);
        return 0;
    }
    // With its cache on, OpenSSL uses a session of TLS 1.3 once only.
    if (resume) SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    double before = spent_us();
    for (int i = 0; i < count; i++) { struct connection c = open_one(resume); ask(&c); close_one(&c); }
    // The last close is still being worked on.
    usleep(50000);
    printf("%.1f\n", (spent_us() - before) / count);
    return 0;
}
