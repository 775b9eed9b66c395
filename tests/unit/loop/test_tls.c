#include "peer.h"
#include "rig.h"
#include "support/cert.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/log.h"
#include "loop/tls.h"

static struct cert cert;

static void quiet(void *arg, struct str line) {}

/* A TLS server that echoes, on the reactor of the test. */
struct server {
	struct reactor *r;
	struct listener *l;
	struct tls_context *tls, *client;
	int port;
	struct seen seen; /* the last connection's */
	struct conn_limits limits;
	bool refuse; /* answers in `accept` */
};

static void server_accept(struct listener *l, struct conn *c)
{
	struct server *s = listener_data(l);
	s->seen.c = c;
	conn_setup(c, &seen_handler, &s->seen, s->limits.hard ? &s->limits : NULL);
	assert_true(conn_is_tls(c));
	if (!s->refuse) return;
	conn_write_copy(c, "503", 3);
	conn_finish(c);
}

static void server_open(struct server *s)
{
	s->r = rig_open();
	assert_int_equal(tls_server_create(cert.cert, cert.key, &s->tls), OK);
	assert_int_equal(tls_client_create(cert.cert, &s->client), OK);
	struct listener_options o = {
		.host = "127.0.0.1", .tls = s->tls, .most_conns = 100, .accept = server_accept, .data = s
	};
	assert_int_equal(listen_open(&s->r, 1, &o, &s->l, &s->port), OK);
}

static void server_close(struct server *s)
{
	listener_close(s->l, NULL, NULL);
	tls_destroy(s->tls); /* its connections still have it */
	tls_destroy(s->client);
	rig_close(s->r);
}

static struct conn *client(struct server *s, struct tls_context *t, const char *name, struct seen *seen)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
								.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
								.sin_port = htons((uint16_t)s->port) };
	return seen->c = conn_connect(s->r, (struct sockaddr *)&addr, sizeof addr, t, name, &seen_handler, seen);
}

static void turn(struct server *s)
{
	reactor_stop(s->r);
	rig_run(s->r);
}

static void bytes_go_both_ways(void **state)
{
	struct server s = { .seen.echo = true };
	struct seen c = { .stop_at = 10 };
	server_open(&s);
	client(&s, s.client, "localhost", &c);
	assert_true(conn_is_tls(c.c));
	conn_write_copy(c.c, "hello", 5); /* waits until TLS is agreed */
	conn_write_copy(c.c, "again", 5);
	rig_run(s.r);
	assert_string_equal(c.text, "helloagain");
	assert_int_equal(c.opened, 1);
	assert_int_equal(s.seen.opened, 1);
	c.stop_on_close = true;
	conn_finish(s.seen.c);
	rig_run(s.r);
	assert_int_equal(c.why, CONN_CLOSED_THERE);
	while (!s.seen.closed) turn(&s);
	assert_int_equal(s.seen.why, CONN_CLOSED_HERE);
	server_close(&s);
}

/* A megabyte each way, in odd pieces, with a sum over the order. */
#define BULK (1024 * 1024)
static uint64_t sums[2];
static size_t counts[2];
static uint64_t sum_step(uint64_t h, uint8_t b)
{
	return (h ^ b) * 1099511628211u;
}
static void sum_data(struct conn *c, const char *p, size_t n)
{
	int i = conn_data(c) == (void *)&sums[1];
	for (size_t k = 0; k < n; k++) sums[i] = sum_step(sums[i], (uint8_t)p[k]);
	counts[i] += n;
	if (counts[0] == BULK && counts[1] == BULK) reactor_stop(conn_reactor(c));
}
static void sum_closed(struct conn *c, enum conn_end why) {}
static const struct conn_handler sum_handler = { .data = sum_data, .closed = sum_closed };

static void write_bulk(struct conn *c, uint64_t *sum)
{
	struct chunk *chunk = chunk_create(BULK);
	*sum = 0;
	for (size_t i = 0; i < BULK; i++) {
		chunk->p[i] = (char)(i * 31 + (i >> 9));
		*sum = sum_step(*sum, (uint8_t)chunk->p[i]);
	}
	size_t at = 0;
	for (size_t n = 1; at < BULK; n = n * 3 % 40009) {
		if (n > BULK - at) n = BULK - at;
		size_t now = at % 5 == 0 ? conn_write_now(c, chunk->p + at, n) : 0;
		conn_write(c, chunk, at + now, n - now);
		at += n;
	}
	chunk_unref(chunk);
}

static void much_goes_both_ways_in_order(void **state)
{
	struct server s = { .limits = { .soft = BULK, .hard = 4 * BULK, .stall_ms = 10000 } };
	struct seen c = { 0 };
	uint64_t want[2];
	server_open(&s);
	client(&s, s.client, "localhost", &c);
	conn_setup(c.c, &seen_handler, &c, &s.limits);
	while (!s.seen.opened || !c.opened) turn(&s);
	sums[0] = sums[1] = 0, counts[0] = counts[1] = 0;
	conn_setup(c.c, &sum_handler, &sums[0], NULL);
	conn_setup(s.seen.c, &sum_handler, &sums[1], NULL);
	write_bulk(s.seen.c, &want[0]);
	write_bulk(c.c, &want[1]);
	rig_run(s.r);
	assert_true(sums[0] == want[0]);
	assert_true(sums[1] == want[1]);
	server_close(&s);
}

static void an_answer_in_accept_arrives(void **state)
{
	struct server s = { .refuse = true };
	struct seen c = { .stop_on_close = true };
	server_open(&s);
	client(&s, s.client, "localhost", &c);
	rig_run(s.r);
	assert_string_equal(c.text, "503");
	assert_int_equal(s.seen.opened, 0);
	server_close(&s);
}

/* ---- handshakes that fail */

static void fails_with(struct server *s, struct tls_context *t, const char *name)
{
	struct seen c = { .stop_on_close = true };
	client(s, t, name, &c);
	conn_write_copy(c.c, "secret", 6);
	rig_run(s->r);
	assert_int_equal(c.opened, 0);
	assert_int_equal(c.why, CONN_TLS_FAILED);
	assert_int_equal(s->seen.n, 0);
}

static void another_name_or_authority_is_refused(void **state)
{
	struct server s = { 0 };
	struct cert other;
	struct tls_context *stranger;
	cert_make(&other);
	server_open(&s);
	assert_int_equal(tls_client_create(other.cert, &stranger), OK);
	fails_with(&s, s.client, "example.com");
	fails_with(&s, s.client, "127.0.0.2");
	fails_with(&s, stranger, "localhost");
	struct seen c = { .stop_at = 1 };
	s.seen.echo = true;
	client(&s, s.client, NULL, &c); /* no name: the address must be in it */
	conn_write_copy(c.c, "x", 1);
	rig_run(s.r);
	assert_int_equal(c.opened, 1);
	tls_destroy(stranger);
	cert_remove(&other);
	server_close(&s);
}

static void one_who_speaks_no_tls_is_closed(void **state)
{
	struct server s = { .seen.stop_on_close = true };
	server_open(&s);
	int fd = peer_connect(s.port);
	write(fd, "GET / HTTP/1.1\r\n\r\n", 18);
	rig_run(s.r);
	assert_int_equal(s.seen.why, CONN_TLS_FAILED);
	assert_int_equal(s.seen.opened, 0);
	close(fd);
	fd = peer_connect(s.port);
	write(fd, "\x16\x03\x01", 3);
	close(fd); /* in the middle */
	rig_run(s.r);
	assert_int_equal(s.seen.why, CONN_TLS_FAILED);
	server_close(&s);
}

static void one_who_says_nothing_is_closed_in_time(void **state)
{
	struct server s = { .seen.stop_on_close = true };
	server_open(&s);
	conn_layer_opening_ms(s.r, 30);
	int fd = peer_connect(s.port);
	rig_run(s.r);
	assert_int_equal(s.seen.why, CONN_TLS_FAILED);
	close(fd);
	server_close(&s);
}

/* ---- a peer that is OpenSSL alone */

struct raw {
	SSL_CTX *ctx;
	SSL *ssl;
	int fd;
};
static void raw_open(struct raw *raw, struct server *s, int most_version)
{
	raw->fd = peer_connect(s->port);
	fcntl(raw->fd, F_SETFL, O_NONBLOCK);
	raw->ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_security_level(raw->ctx, 0);
	SSL_CTX_set_cipher_list(raw->ctx, "ALL");
	SSL_CTX_set_min_proto_version(raw->ctx, TLS1_VERSION);
	SSL_CTX_set_max_proto_version(raw->ctx, most_version);
	raw->ssl = SSL_new(raw->ctx);
	SSL_set_fd(raw->ssl, raw->fd);
	SSL_set_connect_state(raw->ssl);
}
static int raw_shake(struct raw *raw, struct server *s)
{
	int n;
	ERR_clear_error();
	while ((n = SSL_do_handshake(raw->ssl)) < 0 && SSL_get_error(raw->ssl, n) == SSL_ERROR_WANT_READ) turn(s);
	return n;
}
static void raw_close(struct raw *raw)
{
	SSL_free(raw->ssl);
	SSL_CTX_free(raw->ctx);
	close(raw->fd);
}

static void old_versions_are_refused_and_1_2_is_not(void **state)
{
	struct server s = { 0 };
	struct raw raw;
	server_open(&s);
	raw_open(&raw, &s, TLS1_1_VERSION);
	assert_int_not_equal(raw_shake(&raw, &s), 1);
	raw_close(&raw);
	raw_open(&raw, &s, TLS1_2_VERSION);
	assert_int_equal(raw_shake(&raw, &s), 1);
	raw_close(&raw);
	server_close(&s);
}

/* Ends what it says by close_notify, but leaves TCP open. */
static void the_end_of_tls_is_the_peers_end(void **state)
{
	struct server s = { 0 };
	struct raw raw;
	server_open(&s);
	raw_open(&raw, &s, 0);
	assert_int_equal(raw_shake(&raw, &s), 1);
	while (!s.seen.opened) turn(&s);
	assert_int_equal(SSL_write(raw.ssl, "QUIT", 4), 4);
	assert_int_equal(SSL_shutdown(raw.ssl), 0);
	s.seen.stop_on_close = true;
	rig_run(s.r);
	assert_string_equal(s.seen.text, "QUIT");
	assert_int_equal(s.seen.why, CONN_CLOSED_THERE);
	char p;
	int n;
	while ((n = SSL_read(raw.ssl, &p, 1)) < 0 && SSL_get_error(raw.ssl, n) == SSL_ERROR_WANT_READ) turn(&s);
	assert_int_equal(SSL_get_error(raw.ssl, n), SSL_ERROR_ZERO_RETURN); /* and is answered */
	raw_close(&raw);
	server_close(&s);
}

static void paused_it_keeps_what_came_and_tells_the_end_afterwards(void **state)
{
	struct server s = { 0 };
	struct raw raw;
	server_open(&s);
	raw_open(&raw, &s, 0);
	assert_int_equal(raw_shake(&raw, &s), 1);
	while (!s.seen.opened) turn(&s);
	conn_pause(s.seen.c);
	assert_int_equal(SSL_write(raw.ssl, "QUIT", 4), 4);
	assert_int_equal(SSL_shutdown(raw.ssl), 0);
	turn(&s);
	turn(&s);
	assert_int_equal(s.seen.n, 0);
	s.seen.stop_on_close = true;
	conn_resume(s.seen.c);
	rig_run(s.r);
	assert_string_equal(s.seen.text, "QUIT");
	raw_close(&raw);
	server_close(&s);
}

/* Takes in whatever comes and returns how many bytes, until the end. */
static size_t raw_drain(struct raw *raw, struct server *s, int *end)
{
	char p[65536];
	size_t sum = 0;
	for (;;) {
		ERR_clear_error();
		int n = SSL_read(raw->ssl, p, sizeof p);
		if (n > 0) {
			sum += (size_t)n;
			continue;
		}
		*end = SSL_get_error(raw->ssl, n);
		if (*end != SSL_ERROR_WANT_READ) return sum;
		turn(s);
	}
}

static void what_write_now_took_arrives_even_if_nothing_more_is_queued(void **state)
{
	struct server s = { .limits = { .soft = BULK, .hard = 4 * BULK, .stall_ms = 10000 } };
	struct raw raw;
	static char block[10000];
	server_open(&s);
	raw_open(&raw, &s, 0);
	assert_int_equal(raw_shake(&raw, &s), 1);
	while (!s.seen.opened) turn(&s);
	size_t sum = 0, w;
	while ((w = conn_write_now(s.seen.c, block, sizeof block)) > 0) sum += w; /* until it would block */
	assert_true(conn_queued(s.seen.c) > 0);
	conn_finish(s.seen.c);
	int end;
	assert_int_equal(raw_drain(&raw, &s, &end), sum);
	assert_int_equal(end, SSL_ERROR_ZERO_RETURN);
	raw_close(&raw);
	server_close(&s);
}

static void what_is_cut_off_is_not_told_as_whole(void **state)
{
	struct server s = { .limits = { .soft = BULK, .hard = 64 * BULK, .stall_ms = 10000 } };
	struct raw raw;
	static char block[16384];
	server_open(&s);
	raw_open(&raw, &s, 0);
	assert_int_equal(raw_shake(&raw, &s), 1);
	while (!s.seen.opened) turn(&s);
	do {
		conn_write_copy(s.seen.c, block, sizeof block);
		conn_flush(s.seen.c);
	} while (conn_queued(s.seen.c) < sizeof block);
	conn_close(s.seen.c);
	int end;
	raw_drain(&raw, &s, &end);
	assert_int_not_equal(end, SSL_ERROR_ZERO_RETURN);
	raw_close(&raw);
	server_close(&s);
}

/* ---- contexts */

static void files_that_do_not_fit_are_refused(void **state)
{
	struct tls_context *t = NULL;
	struct cert a, b;
	cert_make(&a);
	cert_make(&b);
	log_capture(quiet, NULL);
	assert_int_equal(tls_server_create("/nowhere/cert.pem", a.key, &t), ERR_UNAVAILABLE);
	assert_int_equal(tls_server_create(a.cert, "/nowhere/key.pem", &t), ERR_UNAVAILABLE);
	assert_int_equal(tls_server_create(a.cert, b.key, &t), ERR_UNAVAILABLE);
	assert_int_equal(tls_server_create(a.key, a.key, &t), ERR_UNAVAILABLE);
	assert_int_equal(tls_client_create("/nowhere/ca.pem", &t), ERR_UNAVAILABLE);
	cert_write(&b, "DNS:localhost", "a passphrase");
	assert_int_equal(tls_server_create(b.cert, b.key, &t), ERR_UNAVAILABLE); /* and nobody is asked for it */
	assert_null(t);
	assert_int_equal(tls_client_create(NULL, &t), OK);
	tls_destroy(t);
	tls_destroy(NULL);
	log_capture(NULL, NULL);
	cert_remove(&a);
	cert_remove(&b);
}

static void echoes(struct server *s, struct tls_context *t)
{
	struct seen c = { .stop_at = 1 };
	client(s, t, "localhost", &c);
	conn_write_copy(c.c, "x", 1);
	rig_run(s->r);
	assert_string_equal(c.text, "x");
	c.stop_on_close = true;
	conn_close(c.c);
	rig_run(s->r);
}

static void a_reload_brings_the_new_certificate_and_a_bad_one_keeps_the_old(void **state)
{
	struct server s = { .seen.echo = true };
	struct cert old = cert, mine;
	struct tls_context *after;
	cert_make(&mine);
	cert = mine;
	server_open(&s);
	cert = old;
	echoes(&s, s.client);
	log_capture(quiet, NULL);
	unlink(mine.key);
	assert_int_equal(tls_reload(s.tls), ERR_UNAVAILABLE);
	log_capture(NULL, NULL);
	echoes(&s, s.client);
	cert_write(&mine, "DNS:localhost", NULL);
	assert_int_equal(tls_reload(s.tls), OK);
	assert_int_equal(tls_client_create(mine.cert, &after), OK);
	echoes(&s, after);
	s.seen.n = 0;                          /* of echoes; the one that is refused says nothing */
	fails_with(&s, s.client, "localhost"); /* it trusts the old one */
	assert_int_equal(tls_reload(s.client), OK);
	echoes(&s, s.client);
	tls_destroy(after);
	cert_remove(&mine);
	server_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_go_both_ways),
		cmocka_unit_test(much_goes_both_ways_in_order),
		cmocka_unit_test(an_answer_in_accept_arrives),
		cmocka_unit_test(another_name_or_authority_is_refused),
		cmocka_unit_test(one_who_speaks_no_tls_is_closed),
		cmocka_unit_test(one_who_says_nothing_is_closed_in_time),
		cmocka_unit_test(old_versions_are_refused_and_1_2_is_not),
		cmocka_unit_test(the_end_of_tls_is_the_peers_end),
		cmocka_unit_test(paused_it_keeps_what_came_and_tells_the_end_afterwards),
		cmocka_unit_test(what_write_now_took_arrives_even_if_nothing_more_is_queued),
		cmocka_unit_test(what_is_cut_off_is_not_told_as_whole),
		cmocka_unit_test(files_that_do_not_fit_are_refused),
		cmocka_unit_test(a_reload_brings_the_new_certificate_and_a_bad_one_keeps_the_old),
	};
	log_setup(LOG_WARN, "test", "test");
	cert_make(&cert);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	cert_remove(&cert);
	return failed;
}
