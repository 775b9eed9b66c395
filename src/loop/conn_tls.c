/* TLS on a connection's socket. OpenSSL reads one record at a time and hands out all of it when there is room for 16
 * KiB, so that nothing waits inside it unseen: what is left waits in the kernel, and the poll tells. */
#include <arpa/inet.h>
#include <assert.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "loop/conn_private.h"
#include "loop/tls_private.h"

#define RECORD SSL3_RT_MAX_PLAIN_LENGTH

struct tls_conn {
	SSL *ssl;
	struct tls_context *context;
	bool wants_write; /* to go on reading, or shaking hands */
	bool agreed, failed;
};

/* Whose certificate we expect. */
static void expect_name(SSL *ssl, const char *name)
{
	uint8_t ip[16];
	if (inet_pton(AF_INET, name, ip) == 1 || inet_pton(AF_INET6, name, ip) == 1) {
		X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name);
		return;
	}
	SSL_set_tlsext_host_name(ssl, name);
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	SSL_set1_host(ssl, name);
}

void tls_conn_attach(struct conn *c, struct tls_context *t, const char *name, bool server)
{
	struct conn_layer *l = c->layer;
	assert(l->buffer_n >= RECORD);
	if (!l->gather) l->gather = mem_alloc(GATHER_BYTES);
	struct tls_conn *s = c->tls = mem_new(struct tls_conn);
	s->ssl = tls_session(t, c->fd);
	s->context = t;
	c->transport = &transport_tls;
	if (server)
		SSL_set_accept_state(s->ssl);
	else
		SSL_set_connect_state(s->ssl), expect_name(s->ssl, name ? name : conn_peer_text(c));
}

bool tls_conn_wants_write(const struct conn *c)
{
	return c->tls->wants_write;
}

/* What a call that returned n means: IO_AGAIN, IO_FAILED or 0, the peer's end. */
static int tls_verdict(struct tls_conn *s, int n)
{
	int e = SSL_get_error(s->ssl, n);
	s->wants_write = e == SSL_ERROR_WANT_WRITE;
	if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE) return IO_AGAIN;
	if (e == SSL_ERROR_ZERO_RETURN) return 0;
	s->failed = true;
	return IO_FAILED;
}

enum tls_step tls_conn_handshake(struct conn *c)
{
	struct tls_conn *s = c->tls;
	ERR_clear_error();
	int n = SSL_do_handshake(s->ssl);
	if (n == 1) {
		s->agreed = true, s->wants_write = false;
		return TLS_AGREED;
	}
	if (tls_verdict(s, n) == IO_AGAIN) return TLS_WAITS;
	log_event(LOG_DEBUG, "tls.handshake_failed", LOG_TEXT("address", conn_peer_text(c)), LOG_TEXT("why", tls_why()));
	s->failed = true;
	ERR_clear_error();
	return TLS_REFUSED;
}

static ssize_t tls_read(struct conn *c, char *p, size_t n)
{
	struct tls_conn *s = c->tls;
	size_t sum = 0;
	s->wants_write = false;
	while (n - sum >= RECORD) {
		ERR_clear_error();
		int got = SSL_read(s->ssl, p + sum, (int)(n - sum));
		if (got > 0) {
			sum += (size_t)got;
			continue;
		}
		int verdict = tls_verdict(s, got);
		if (sum == 0) return verdict;
		/* Data first. That nothing more is to be read wakes the poll again, and then the end is told. */
		if (verdict != IO_AGAIN) shutdown(c->fd, SHUT_RD);
		break;
	}
	return (ssize_t)sum;
}

/* Small ranges become one record. After IO_AGAIN OpenSSL wants the same bytes again, or more: what is in front of the
 * queue does not change, and each try takes as much of it as a record holds. */
static ssize_t tls_write(struct conn *c, const struct iovec *iov, int n)
{
	struct conn_layer *l = c->layer;
	const char *p = iov[0].iov_base;
	size_t sum = iov[0].iov_len;
	if (sum >= GATHER_BYTES) {
		sum = GATHER_BYTES;
	} else if (n > 1) {
		sum = 0;
		for (int i = 0; i < n && sum < GATHER_BYTES; i++) {
			size_t fits = iov[i].iov_len < GATHER_BYTES - sum ? iov[i].iov_len : GATHER_BYTES - sum;
			memcpy(l->gather + sum, iov[i].iov_base, fits);
			sum += fits;
		}
		p = l->gather;
	}
	ERR_clear_error();
	int w = SSL_write(c->tls->ssl, p, (int)sum);
	stat_add(&l->stats.writes, 1);
	if (w > 0) {
		stat_add(&l->stats.written_bytes, w);
		return w;
	}
	bool wants_write = c->tls->wants_write; /* reading's, which stands */
	int verdict = tls_verdict(c->tls, w);
	bool again = c->tls->wants_write;
	c->tls->wants_write = wants_write;
	return verdict == IO_AGAIN && again ? IO_AGAIN
										: IO_FAILED; /* without renegotiation writing never waits for reading */
}

static void tls_say_end(struct tls_conn *s)
{
	if (!s->agreed || s->failed || (SSL_get_shutdown(s->ssl) & SSL_SENT_SHUTDOWN)) return;
	ERR_clear_error();
	SSL_shutdown(s->ssl); /* as far as the kernel takes it */
	ERR_clear_error();
}

static void tls_shut(struct conn *c)
{
	tls_say_end(c->tls);
	shutdown(c->fd, SHUT_WR);
}

/* The end is said only when everything was written: else it would be told as whole what was cut off. */
static void tls_release(struct conn *c)
{
	struct tls_conn *s = c->tls;
	if (!c->cut && c->why != CONN_RESET) tls_say_end(s);
	SSL_free(s->ssl);
	tls_destroy(s->context);
	mem_free(s);
	c->tls = NULL;
}

const struct transport transport_tls = { tls_read, tls_write, tls_shut, tls_release };
