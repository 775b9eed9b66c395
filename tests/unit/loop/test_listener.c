#include "peer.h"

#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "base/log.h"

static void quiet(void *arg, struct str line) {}

/* What a listener's connections do: say hello and finish, or be counted. */
struct server {
	struct reactor *r[4];
	size_t n;
	struct listener *l;
	int port;
	_Atomic int accepted, closed, gone;
	int stop_at; /* accepted */
	bool greet;
	_Atomic int on[4]; /* by reactor */
	_Atomic bool all_closed;
};

static void server_data(struct conn *c, const char *p, size_t n) {}
static void server_closed(struct conn *c, enum conn_end why)
{
	struct server *s = conn_data(c);
	s->closed++;
	if (s->stop_at && s->closed >= s->stop_at) reactor_stop(conn_reactor(c));
}
static const struct conn_handler server_handler = { .data = server_data, .closed = server_closed };

static void server_accept(struct listener *l, struct conn *c)
{
	struct server *s = listener_data(l);
	conn_setup(c, &server_handler, s, NULL);
	s->accepted++;
	s->on[reactor_index(conn_reactor(c))]++;
	if (!s->greet) return;
	conn_write_copy(c, "hello", 5);
	conn_finish(c);
}

static void server_gone(struct listener *l, struct conn *c)
{
	struct server *s = listener_data(l);
	s->gone++;
	assert_true(conn_peer(c).n > 0); /* still known */
}

static struct listener_options options(struct server *s, const char *host, int port)
{
	return (struct listener_options){ .host = host,
									  .port = port,
									  .most_conns = 1000,
									  .accept = server_accept,
									  .gone = server_gone,
									  .data = s,
									  .reuse_port = s->n > 1 };
}

static void server_open(struct server *s, size_t n, const char *host)
{
	s->n = n;
	for (size_t i = 0; i < n; i++) {
		s->r[i] = reactor_create(&(struct reactor_options){ .index = (int)i });
		conn_layer_open(s->r[i], 65536);
	}
	struct listener_options o = options(s, host, 0);
	assert_int_equal(listen_open(s->r, n, &o, &s->l, &s->port), OK);
}

static void server_all_closed(void *arg)
{
	struct server *s = arg;
	s->all_closed = true;
	for (size_t i = 0; i < s->n; i++) reactor_stop(s->r[i]);
}

static void server_close(struct server *s)
{
	if (!s->all_closed) {
		listener_close(s->l, server_all_closed, s);
		for (size_t i = 1; i < s->n; i++) reactor_start(s->r[i]);
		rig_run(s->r[0]);
		for (size_t i = 1; i < s->n; i++) reactor_join(s->r[i]);
	}
	for (size_t i = s->n; i > 0; i--) rig_close(s->r[i - 1]);
}

static void a_client_is_accepted_greeted_and_finished(void **state)
{
	struct server s = { .greet = true, .stop_at = 1 };
	server_open(&s, 1, "127.0.0.1");
	int fd = peer_connect(s.port), end;
	char got[8] = "";
	shutdown(fd, SHUT_WR);
	rig_run(s.r[0]);
	assert_int_equal(peer_read(fd, got, sizeof got, &end), 5);
	assert_string_equal(got, "hello");
	assert_int_equal(end, 0);
	close(fd);
	server_close(&s);
}

static int nodelay_seen;
static void look_at_nodelay(struct listener *l, struct conn *c)
{
	server_accept(l, c);
	struct sockaddr_storage addr;
	const struct server *s = listener_data(l);
	for (int fd = 3; fd < 64; fd++) { /* the accepted one has the listener's port, and a peer */
		socklen_t n = sizeof addr, k = sizeof addr, m = sizeof nodelay_seen;
		const struct sockaddr_in *in = (const void *)&addr;
		if (getpeername(fd, (struct sockaddr *)&addr, &n) == 0 && getsockname(fd, (struct sockaddr *)&addr, &k) == 0 &&
			ntohs(in->sin_port) == s->port)
			getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &nodelay_seen, &m);
	}
	reactor_stop(conn_reactor(c));
}

static void accepted_sockets_do_not_delay(void **state)
{
	struct server s = { .n = 1 };
	s.r[0] = rig_open();
	struct listener_options o = options(&s, "127.0.0.1", 0);
	o.accept = look_at_nodelay;
	assert_int_equal(listen_open(s.r, 1, &o, &s.l, &s.port), OK);
	int fd = peer_connect(s.port);
	rig_run(s.r[0]);
	assert_int_equal(nodelay_seen, 1);
	close(fd);
	server_close(&s);
}

static void a_taken_port_is_refused(void **state)
{
	struct server s = { 0 }, t = { 0 };
	server_open(&s, 2, "127.0.0.1"); /* whose sockets share the port among themselves */
	struct listener_options o = options(&s, "127.0.0.1", s.port);
	struct listener *l = NULL;
	int port = 0;
	log_capture(quiet, NULL);
	assert_int_equal(listen_open(s.r, 2, &o, &l, &port), ERR_UNAVAILABLE);
	o.reuse_port = false;
	assert_int_equal(listen_open(s.r, 1, &o, &l, &port), ERR_UNAVAILABLE);
	assert_null(l);
	server_close(&s);
	/* somebody else's who allows sharing */
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof addr;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &(int){ 1 }, sizeof(int));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, n), 0);
	assert_int_equal(listen(fd, 1), 0);
	getsockname(fd, (struct sockaddr *)&addr, &n);
	server_open(&t, 2, "127.0.0.1");
	o = options(&t, "127.0.0.1", ntohs(addr.sin_port));
	assert_int_equal(listen_open(t.r, 2, &o, &l, &port), ERR_UNAVAILABLE);
	log_capture(NULL, NULL);
	close(fd);
	server_close(&t);
}

static void the_port_can_be_taken_again_after_a_stop(void **state)
{
	struct server s = { .greet = true, .stop_at = 1 };
	server_open(&s, 1, "127.0.0.1");
	int fd = peer_connect(s.port), end, port = s.port;
	char got[8] = "";
	rig_run(s.r[0]); /* we close first, so that our end stays in TIME_WAIT */
	peer_read(fd, got, sizeof got, &end);
	close(fd);
	s.stop_at = 0;
	server_close(&s);
	struct server t = { .n = 1 };
	t.r[0] = rig_open();
	struct listener_options o = options(&t, "127.0.0.1", port);
	assert_int_equal(listen_open(t.r, 1, &o, &t.l, &t.port), OK);
	assert_int_equal(t.port, port);
	server_close(&t);
}

static void each_reactor_accepts(void **state)
{
	struct server s = { .n = 2 };
	server_open(&s, 2, "127.0.0.1");
	int fd[200];
	reactor_start(s.r[0]);
	reactor_start(s.r[1]);
	for (int i = 0; i < 200; i++) fd[i] = peer_connect(s.port);
	listener_close(s.l, server_all_closed, &s); /* takes what waits first */
	reactor_join(s.r[0]);
	reactor_join(s.r[1]);
	assert_true(s.all_closed);
	assert_int_equal(s.accepted, 200);
	assert_true(s.on[0] > 20 && s.on[1] > 20);
	for (int i = 0; i < 200; i++) close(fd[i]);
	server_close(&s);
	assert_int_equal(s.closed, 200);
	assert_int_equal(s.gone, 200);
}

static void one_socket_serves_several_reactors_when_it_is_not_shared(void **state)
{
	struct server s = { .n = 2 };
	for (int i = 0; i < 2; i++) {
		s.r[i] = reactor_create(&(struct reactor_options){ .index = i });
		conn_layer_open(s.r[i], 4096);
	}
	struct listener_options o = options(&s, "127.0.0.1", 0);
	o.reuse_port = false;
	assert_int_equal(listen_open(s.r, 2, &o, &s.l, &s.port), OK);
	int fd[20];
	for (int i = 0; i < 20; i++) fd[i] = peer_connect(s.port);
	server_close(&s);
	assert_int_equal(s.accepted, 20);
	for (int i = 0; i < 20; i++) close(fd[i]);
}

static void past_the_most_connections_they_are_closed_at_once(void **state)
{
	struct server s = { .n = 1 };
	s.r[0] = rig_open();
	struct listener_options o = options(&s, "127.0.0.1", 0);
	o.most_conns = 3;
	assert_int_equal(listen_open(s.r, 1, &o, &s.l, &s.port), OK);
	int fd[5], end;
	char p;
	for (int i = 0; i < 5; i++) fd[i] = peer_connect(s.port);
	while (conn_layer_stats(s.r[0])->accepted < 5) {
		reactor_stop(s.r[0]);
		rig_run(s.r[0]);
	}
	assert_int_equal(s.accepted, 3);
	assert_int_equal(conn_layer_stats(s.r[0])->refused, 2);
	for (int i = 3; i < 5; i++) assert_int_equal(peer_read(fd[i], &p, 1, &end), 0);
	/* when one goes there is room again */
	close(fd[0]);
	while (s.closed < 1) {
		reactor_stop(s.r[0]);
		rig_run(s.r[0]);
	}
	int again = peer_connect(s.port);
	while (s.accepted < 4) {
		reactor_stop(s.r[0]);
		rig_run(s.r[0]);
	}
	close(again);
	for (int i = 1; i < 5; i++) close(fd[i]);
	server_close(&s);
}

static int complaints;
static void count_complaints(void *arg, struct str line)
{
	complaints += memmem(line.p, line.n, "conn.accept_failed", 18) != NULL;
}

static void without_descriptors_it_pauses_and_goes_on_later(void **state)
{
	struct server s = { .stop_at = 0 };
	server_open(&s, 1, "127.0.0.1");
	int fd = peer_connect(s.port);
	struct rlimit old, none;
	getrlimit(RLIMIT_NOFILE, &old);
	none = (struct rlimit){ 0, old.rlim_max };
	setrlimit(RLIMIT_NOFILE, &none);
	complaints = 0;
	log_capture(count_complaints, NULL);
	const struct conn_stats *stats = conn_layer_stats(s.r[0]);
	while (stats->refused < 2) { /* tried, paused, tried again */
		reactor_stop(s.r[0]);
		rig_run(s.r[0]);
	}
	assert_int_equal(complaints, 1);
	assert_int_equal(s.accepted, 0);
	setrlimit(RLIMIT_NOFILE, &old);
	log_capture(NULL, NULL);
	while (s.accepted < 1) {
		reactor_stop(s.r[0]);
		rig_run(s.r[0]);
	}
	close(fd);
	server_close(&s);
}

static bool have_ipv6(void)
{
	struct sockaddr_in6 addr = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	bool have = fd >= 0 && bind(fd, (struct sockaddr *)&addr, sizeof addr) == 0;
	if (fd >= 0) close(fd);
	return have;
}

static char peer_text[64];
static void note_peer(struct listener *l, struct conn *c)
{
	server_accept(l, c);
	snprintf(peer_text, sizeof peer_text, STR_FMT, STR_ARG(conn_peer(c)));
	reactor_stop(conn_reactor(c));
}

static void listen_and_note(struct server *s, const char *host)
{
	*s = (struct server){ .n = 1 };
	s->r[0] = rig_open();
	struct listener_options o = options(s, host, 0);
	o.accept = note_peer;
	assert_int_equal(listen_open(s->r, 1, &o, &s->l, &s->port), OK);
}

static int connect6(int port)
{
	struct sockaddr_in6 addr = { .sin6_family = AF_INET6,
								 .sin6_addr = IN6ADDR_LOOPBACK_INIT,
								 .sin6_port = htons((uint16_t)port) };
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof addr), 0);
	return fd;
}

static void names_and_both_families_work(void **state)
{
	struct server s;
	const char *hosts[] = { "localhost", "", "0.0.0.0" };
	for (size_t i = 0; i < countof(hosts); i++) {
		listen_and_note(&s, hosts[i]);
		int fd = peer_connect(s.port);
		rig_run(s.r[0]);
		assert_string_equal(peer_text, "127.0.0.1"); /* also when the socket is one for both families */
		close(fd);
		server_close(&s);
	}
	if (!have_ipv6()) return;
	const char *hosts6[] = { "::1", "" };
	for (size_t i = 0; i < countof(hosts6); i++) {
		listen_and_note(&s, hosts6[i]);
		int fd = connect6(s.port);
		rig_run(s.r[0]);
		assert_string_equal(peer_text, "::1");
		close(fd);
		server_close(&s);
	}
}

static void a_name_that_is_none_is_refused(void **state)
{
	struct server s = { .n = 1 };
	s.r[0] = rig_open();
	struct listener_options o = options(&s, "no such name", 0);
	log_capture(quiet, NULL);
	assert_int_equal(listen_open(s.r, 1, &o, &s.l, &s.port), ERR_UNAVAILABLE);
	o.host = "192.0.2.1"; /* not ours (RFC 5737) */
	assert_int_equal(listen_open(s.r, 1, &o, &s.l, &s.port), ERR_UNAVAILABLE);
	log_capture(NULL, NULL);
	rig_close(s.r[0]);
}

static void closing_works_before_it_ever_ran_and_after(void **state)
{
	struct server s = { 0 };
	server_open(&s, 2, "127.0.0.1");
	listener_close(s.l, NULL, NULL);
	for (size_t i = s.n; i > 0; i--) rig_close(s.r[i - 1]); /* the first one last: it gets the end's mail */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_is_accepted_greeted_and_finished),
		cmocka_unit_test(accepted_sockets_do_not_delay),
		cmocka_unit_test(a_taken_port_is_refused),
		cmocka_unit_test(the_port_can_be_taken_again_after_a_stop),
		cmocka_unit_test(each_reactor_accepts),
		cmocka_unit_test(one_socket_serves_several_reactors_when_it_is_not_shared),
		cmocka_unit_test(past_the_most_connections_they_are_closed_at_once),
		cmocka_unit_test(without_descriptors_it_pauses_and_goes_on_later),
		cmocka_unit_test(names_and_both_families_work),
		cmocka_unit_test(a_name_that_is_none_is_refused),
		cmocka_unit_test(closing_works_before_it_ever_ran_and_after),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
