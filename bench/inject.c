/* The server's fan-out without its database: one reactor with the hub and real WebSocket connections through the gate,
 * and events published on the bus as the append lane would after a commit. What the hub reads of the database comes
 * from inject_store.c. Who connects is taken for another member each time, in all channels 1 to CHANNELS.
 *
 *   inject [--payload BYTES] [--channels N]      prints its address as the server does, ends with its control
 * connection
 *
 * A byte on the control connection asks for one message in the channel of that index; what was read in one turn is one
 * commit. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/pod.h"
#include "base/mem.h"
#include "bus/bus.h"
#include "edge/ws_gate.h"
#include "hub/hub.h"
#include "inject_store.h"
#include "loop/conn.h"
#include "loop/lane.h"
#include "proto/ws.h"

#define CONNECTIONS_MOST 19000
#define LIFE_S 1800

static struct {
	struct config config;
	struct pod pod;
	struct reactor *reactor;
	struct lane *append;
	size_t payload, channels;
	int64_t users, revs[INJECT_CHANNELS]; /* revs: append lane */
} inject = { .payload = 200, .channels = 1 };

/* ---- a commit, on the lane */
struct commit {
	struct job job;
	size_t n;
	unsigned char channels[];
};

static struct event *event_make(size_t channel)
{
	struct event *e = event_create(inject.payload);
	e->kind = CHANGE_MESSAGE;
	e->channel_id = (int64_t)channel + 1;
	e->rev = e->message_id = ++inject.revs[channel];
	e->at = clock_wall_ms(&clock_real);
	e->actor_id = 1;
	e->epoch = INJECT_EPOCH;
	memset(e->json, 'x', inject.payload);
	char head[96];
	int n = snprintf(head, sizeof head, "{\"op\":\"event\",\"channel_id\":%lld,\"rev\":%lld,\"body\":\"",
					 (long long)e->channel_id, (long long)e->rev);
	memcpy(e->json, head, (size_t)n);
	memcpy(e->json + inject.payload - 2, "\"}", 2);
	return e;
}

static void commit_run(struct job *j, void *state)
{
	struct commit *c = container_of(j, struct commit, job);
	struct event *events[256];
	for (size_t i = 0; i < c->n; i++) events[i] = event_make(c->channels[i] % inject.channels);
	bus_publish(inject.pod.bus, events, c->n);
	for (size_t i = 0; i < c->n; i++) event_unref(events[i]);
}

static void commit_done(struct job *j)
{
	mem_free(container_of(j, struct commit, job));
}

/* ---- connections */
static void control_data(struct conn *conn, const char *p, size_t n)
{
	for (size_t at = 0, k; at < n; at += k) {
		k = n - at < 256 ? n - at : 256;
		struct commit *c = mem_zalloc(sizeof *c + k);
		c->job.home = inject.reactor, c->job.run = commit_run, c->job.done = commit_done;
		c->n = k;
		memcpy(c->channels, p + at, k);
		if (lane_submit(inject.append, &c->job)) exit(1);
	}
}

static void control_closed(struct conn *c, enum conn_end why)
{
	_exit(0);
}

static void upgrade_data(struct conn *c, const char *p, size_t n)
{
	static const struct conn_handler control = { .data = control_data, .closed = control_closed };
	static const char name[] = "Sec-WebSocket-Key: ";
	char accept[29], out[256];
	const char *key = memmem(p, n, name, sizeof name - 1);
	if (!key || n < 30 || memcmp(p + n - 4, "\r\n\r\n", 4) != 0) exit(1); /* our load generator sends it in one piece */
	ws_accept_key((struct str){ key + sizeof name - 1, 24 }, accept);
	int k = snprintf(out, sizeof out,
					 "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
					 "Sec-WebSocket-Accept: %s\r\n\r\n",
					 accept);
	conn_write_copy(c, out, (size_t)k);
	if (!memcmp(p, "GET /control ", 13)) {
		conn_setup(c, &control, NULL, NULL);
		return;
	}
	struct actor actor = {
		.user_id = ++inject.users, .role = USER_MEMBER, .scopes = SCOPE_ALL, .expires_at = INT64_MAX
	};
	snprintf(actor.session_id, sizeof actor.session_id, "%026lld", (long long)inject.users);
	ws_open(&inject.pod, c, &actor, false, STR_NONE, OK);
}

static void upgrade_closed(struct conn *c, enum conn_end why) {}

static void peer_accept(struct listener *l, struct conn *c)
{
	static const struct conn_handler upgrade = { .data = upgrade_data, .closed = upgrade_closed };
	struct conn_limits limits = { (size_t)inject.config.conn_soft, (size_t)inject.config.conn_hard, 60000 };
	conn_setup(c, &upgrade, NULL, &limits);
}

/* ---- the pod */
static void *lane_open(void *arg, int thread)
{
	return &inject;
} /* not a database: nobody looks into it */

static struct lane *lane_make(const char *name)
{
	struct lane_options o = { .name = name, .threads = 1, .most_queued = 1 << 20, .open = lane_open };
	return lane_create(&o);
}

static void pod_open(void)
{
	struct reactor_options r = { .index = 0 };
	struct pod *pod = &inject.pod;
	config_init(&inject.config);
	inject.reactor = reactor_create(&r);
	conn_layer_open(inject.reactor, 65536);
	inject.append = lane_make("append");
	*pod = (struct pod){ .config = &inject.config, .clock = &clock_real, .random = &random_kernel, .role = ROLE_SERVE };
	pod->metrics = metrics_create();
	pod->reactors = &inject.reactor, pod->n_reactors = 1;
	pod->sync = lane_make("sync");
	pod->bus = bus_local_create();
	pod->epoch.hash = INJECT_EPOCH;
	struct hub_options h = { .config = pod->config,
							 .metrics = pod->metrics,
							 .bus = pod->bus,
							 .sync = pod->sync,
							 .reactors = pod->reactors,
							 .n_reactors = 1,
							 .dialects = ws_dialects,
							 .n_dialects = WS_DIALECTS,
							 .epoch = pod->epoch };
	pod->hub = hub_create(&h);
	pod->ready = true;
}

int main(int argc, char **argv)
{
	struct listener *listener;
	int port;
	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--payload")) inject.payload = (size_t)atoi(argv[i + 1]);
		if (!strcmp(argv[i], "--channels")) inject.channels = (size_t)atoi(argv[i + 1]);
	}
	if (inject.payload < 100 || inject.payload > 8000 || inject.channels < 1 || inject.channels > INJECT_CHANNELS)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	alarm(LIFE_S);
	inject_store_channels = inject.channels;
	pod_open();
	struct listener_options o = { .host = "127.0.0.1", .most_conns = CONNECTIONS_MOST, .accept = peer_accept };
	if (listen_open(inject.pod.reactors, 1, &o, &listener, &port)) return 1;
	dprintf(STDERR_FILENO, "{\"event\":\"listening\",\"address\":\"127.0.0.1:%d\"}\n", port);
	reactor_run(inject.reactor);
	return 0;
}
