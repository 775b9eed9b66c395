/* Contexts: what is the same for all connections of a listener or of a client. A connection holds a reference, and the
 * SSL_CTX with which it began; reload puts another in its place.
 *
 * The BIO is ours because OpenSSL's writes with write(2), which would raise SIGPIPE. */
#include "loop/tls.h"

#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "loop/tls_private.h"

struct tls_context {
	_Atomic size_t refs;
	bool server;
	char *cert_file, *key_file; /* a client's CAs are in cert_file, or NULL */
	BIO_METHOD *socket;
	pthread_mutex_t lock; /* ctx: reload may come from any thread */
	SSL_CTX *ctx;
};

/* ---- the socket under TLS */

static int socket_fd(BIO *b)
{
	return (int)(intptr_t)BIO_get_data(b);
}

static int socket_write(BIO *b, const char *p, int n)
{
	BIO_clear_retry_flags(b);
	ssize_t w;
	do {
		w = send(socket_fd(b), p, (size_t)n, MSG_NOSIGNAL);
	} while (w < 0 && errno == EINTR);
	if (w < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) BIO_set_retry_write(b);
	return (int)w;
}

static int socket_read(BIO *b, char *p, int n)
{
	BIO_clear_retry_flags(b);
	ssize_t r;
	do {
		r = recv(socket_fd(b), p, (size_t)n, 0);
	} while (r < 0 && errno == EINTR);
	if (r < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) BIO_set_retry_read(b);
	if (r == 0) BIO_set_flags(b, BIO_FLAGS_IN_EOF);
	return (int)r;
}

static long socket_ctrl(BIO *b, int command, long n, void *p)
{
	switch (command) {
	case BIO_CTRL_FLUSH: return 1;
	case BIO_CTRL_EOF: return BIO_test_flags(b, BIO_FLAGS_IN_EOF) != 0;
	default: return 0;
	}
}

static BIO_METHOD *socket_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket without SIGPIPE");
	assert(m);
	BIO_meth_set_write(m, socket_write);
	BIO_meth_set_read(m, socket_read);
	BIO_meth_set_ctrl(m, socket_ctrl);
	return m;
}

/* ---- loading */

const char *tls_why(void)
{
	unsigned long e = ERR_peek_error(); /* the first is the cause; what follows says only who was told */
	const char *why = ERR_reason_error_string(e);
	return why ? why : e && ERR_SYSTEM_ERROR(e) ? strerror(ERR_GET_REASON(e)) : "unknown";
}

static SSL_CTX *load_fail(SSL_CTX *ctx, const char *step, const char *file)
{
	log_event(LOG_ERROR, "tls.load_failed", LOG_TEXT("step", step), LOG_TEXT("file", file), LOG_TEXT("why", tls_why()));
	SSL_CTX_free(ctx);
	ERR_clear_error();
	return NULL;
}

/* A key with a passphrase is refused: nobody is there to be asked. */
static int no_passphrase(char *p, int n, int writing, void *arg)
{
	return -1;
}

static SSL_CTX *ctx_new(bool server)
{
	SSL_CTX *ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
	assert(ctx);
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_mode(ctx,
					 SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
								 SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* tickets resume; nothing is kept here */
	SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
	return ctx;
}

static SSL_CTX *load_server(const char *cert_file, const char *key_file)
{
	SSL_CTX *ctx = ctx_new(true);
	if (SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1) return load_fail(ctx, "certificate", cert_file);
	if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1) return load_fail(ctx, "key", key_file);
	if (SSL_CTX_check_private_key(ctx) != 1) return load_fail(ctx, "match", key_file);
	return ctx;
}

static SSL_CTX *load_client(const char *ca_file)
{
	SSL_CTX *ctx = ctx_new(false);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	int ok = ca_file ? SSL_CTX_load_verify_file(ctx, ca_file) : SSL_CTX_set_default_verify_paths(ctx);
	return ok == 1 ? ctx : load_fail(ctx, "authorities", ca_file);
}

/* ---- contexts */

static char *text_copy(const char *s)
{
	return s ? mem_dup(s, strlen(s) + 1) : NULL;
}

static enum err tls_create(bool server, const char *cert_file, const char *key_file, struct tls_context **out)
{
	ERR_clear_error();
	SSL_CTX *ctx = server ? load_server(cert_file, key_file) : load_client(cert_file);
	if (!ctx) return ERR_UNAVAILABLE;
	struct tls_context *t = mem_new(struct tls_context);
	atomic_init(&t->refs, 1);
	t->server = server, t->ctx = ctx;
	t->cert_file = text_copy(cert_file), t->key_file = text_copy(key_file);
	t->socket = socket_method();
	pthread_mutex_init(&t->lock, NULL);
	*out = t;
	return OK;
}

enum err tls_server_create(const char *cert_file, const char *key_file, struct tls_context **out)
{
	return tls_create(true, cert_file, key_file, out);
}

enum err tls_client_create(const char *ca_file, struct tls_context **out)
{
	return tls_create(false, ca_file, NULL, out);
}

enum err tls_reload(struct tls_context *t)
{
	ERR_clear_error();
	SSL_CTX *ctx = t->server ? load_server(t->cert_file, t->key_file) : load_client(t->cert_file);
	if (!ctx) return ERR_UNAVAILABLE;
	pthread_mutex_lock(&t->lock);
	SSL_CTX *old = t->ctx;
	t->ctx = ctx;
	pthread_mutex_unlock(&t->lock);
	SSL_CTX_free(old);
	return OK;
}

void tls_destroy(struct tls_context *t)
{
	if (!t || atomic_fetch_sub(&t->refs, 1) > 1) return;
	SSL_CTX_free(t->ctx);
	BIO_meth_free(t->socket);
	pthread_mutex_destroy(&t->lock);
	mem_free(t->cert_file);
	mem_free(t->key_file);
	mem_free(t);
}

SSL *tls_session(struct tls_context *t, int fd)
{
	pthread_mutex_lock(&t->lock);
	SSL *ssl = SSL_new(t->ctx);
	pthread_mutex_unlock(&t->lock);
	BIO *b = BIO_new(t->socket);
	assert(ssl && b); /* out of memory */
	BIO_set_data(b, (void *)(intptr_t)fd);
	BIO_set_init(b, 1);
	SSL_set_bio(ssl, b, b);
	atomic_fetch_add(&t->refs, 1);
	return ssl;
}
