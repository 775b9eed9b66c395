/* The parts of a pod that serves, made in the order in which they need each other and taken down in reverse. */
#include <stdio.h>
#include <string.h>

#include "app/indexer.h"
#include "app/leaver.h"
#include "app/marker.h"
#include "app/pulse.h"
#include "app/purge.h"
#include "app/register.h"
#include "app/retention.h"
#include "app/share.h"
#include "app/sweeper.h"
#include "base/cpus.h"
#include "base/log.h"
#include "base/setting.h"
#include "bin/process.h"
#include "edge/ws_gate.h"
#include "hub/hub.h"
#include "store/account.h"
#include "store/told.h"

#define EPH_KEYS 200000
#define READ_BUFFER 65536
#define MARKERS_MOST 100000
#define WRITE_WAIT_MS 5000 /* a write that waited longer is not begun: its client has given up */

/* ---- lanes */
static void *db_write(void *arg, int thread)
{
	return db_conn_create(arg, DB_WRITE);
}

static void *db_read(void *arg, int thread)
{
	return db_conn_create(arg, DB_READ);
}

static void *db_append(void *arg, int thread)
{
	return db_conn_create(arg, DB_APPEND);
}

static void close_conn(void *state)
{
	db_conn_destroy(state);
}

/* Else each connection keeps the pages of its busiest moment. */
static void rest_conn(void *state)
{
	db_conn_rest(state);
}

static struct lane *make_lane(struct process *p, const char *name, int threads, int64_t wait_ms,
							  void *(*open)(void *, int))
{
	const struct lane_options o = {
		.name = name,
		.threads = threads,
		.most_queued = (size_t)(p->config.lane_queue * threads),
		.most_wait_ms = wait_ms,
		.open = open,
		.close = open ? close_conn : NULL,
		.idle = open ? rest_conn : NULL,
		.arg = p->pod.db,
	};
	return p->lanes[p->n_lanes++] = lane_create(&o);
}

static void open_lanes(struct process *p)
{
	const struct config *c = &p->config;
	struct pod *pod = &p->pod;
	bool sqlite = db_kind(pod->db) == DB_SQLITE;
	pod->write = make_lane(p, "write", 1, WRITE_WAIT_MS, db_write);
	pod->read = make_lane(p, "read", (int)c->read_threads, 0, db_read);
	pod->sync = make_lane(p, "sync", (int)c->sync_threads, 0, db_read);
	pod->cpu = make_lane(p, "cpu", cpus_granted(""), 0, NULL);
	pod->searchers = shares_create();
	pod->slow = make_lane(p, "slow", (int)c->slow_threads, 0, db_read);
	p->append_lane = sqlite ? pod->write : make_lane(p, "append", 1, 0, db_append);
	log_event(LOG_INFO, "process.lanes_opened",
			  LOG_INT("database_connections", 1 + !sqlite + c->read_threads + c->sync_threads + c->slow_threads));
}

/* ---- numbers that others hold */
static void write_gauges(void *arg, struct buf *out)
{
	struct process *p = arg;
	char labels[64];
	static const char *const names[] = {
		"write", "read", "sync", "cpu", "slow", "append"
	}; /* as open_lanes makes them */
	for (size_t i = 0; i < p->n_lanes; i++) {
		snprintf(labels, sizeof labels, "lane=\"%s\"", names[i]);
		metrics_line(out, METRIC_LANE_WAITING, labels, (int64_t)lane_depth(p->lanes[i]));
	}
	metrics_line(out, METRIC_SEARCHES, NULL, atomic_load(&p->pod.searches));
	metrics_line(out, METRIC_SEARCH_CUT, NULL, atomic_load(&p->pod.searches_cut));
	metrics_line(out, METRIC_SEARCH_SCANNED, NULL, atomic_load(&p->pod.search_scanned));
	metrics_line(out, METRIC_WS_OPEN, NULL, (int64_t)hub_sessions(p->pod.hub));
	metrics_line(out, METRIC_DB_RECONNECTS, NULL, db_connects(p->pod.db));
	metrics_line(out, METRIC_DB_UP_READING, NULL, !db_away_ms(p->pod.db, DB_READING));
	metrics_line(out, METRIC_DB_UP_WRITING, NULL, !db_away_ms(p->pod.db, DB_WRITING));
	metrics_line(out, METRIC_HUB_SESSIONS, NULL, (int64_t)hub_sessions(p->pod.hub));
	metrics_line(out, METRIC_PRESENCE_WATCHES, NULL, hub_watches(p->pod.hub));
	for (size_t i = 0; i < p->pod.n_reactors; i++) {
		const struct conn_stats *s = conn_layer_stats(p->pod.reactors[i]);
		metrics_line(out, METRIC_CONN_OPEN, NULL, s->open);
		metrics_line(out, METRIC_CONN_REFUSED, NULL, s->refused);
		metrics_line(out, METRIC_CONN_READ_BYTES, NULL, s->read_bytes);
		metrics_line(out, METRIC_CONN_WRITTEN_BYTES, NULL, s->written_bytes);
	}
}

/* ---- reactors */
static void open_reactors(struct process *p)
{
	struct pod *pod = &p->pod;
	pod->n_reactors = (size_t)(p->config.reactors ? p->config.reactors : cpus_granted(""));
	pod->reactors = mem_zalloc(mem_times(pod->n_reactors, sizeof(struct reactor *)));
	for (size_t i = 0; i < pod->n_reactors; i++) {
		const struct reactor_options o = { .index = (int)i };
		pod->reactors[i] = reactor_create(&o);
		conn_layer_open(pod->reactors[i], READ_BUFFER);
	}
}

static void open_hub(struct process *p)
{
	struct pod *pod = &p->pod;
	const struct hub_options o = {
		.config = pod->config,
		.metrics = pod->metrics,
		.bus = pod->bus,
		.others = true, /* other pods, or an operator's command */
		.sync = pod->sync,
		.eph = pod->eph,
		.look = pod->read,
		.pod = pod->id,
		.write = pod->write,
		.reactors = pod->reactors,
		.n_reactors = pod->n_reactors,
		.dialects = ws_dialects,
		.n_dialects = WS_DIALECTS,
		.epoch = pod->epoch,
	};
	pod->hub = hub_create(&o);
}

static void epoch_changed(void *arg, uint64_t epoch)
{
	struct process *p = arg;
	if (p->pod.hub) hub_epoch_changed(p->pod.hub, epoch);
}

static void open_append(struct process *p)
{
	struct pod *pod = &p->pod;
	const struct append_options a = {
		.config = pod->config,
		.lane = p->append_lane,
		.bus = pod->bus,
		.clock = pod->clock,
		.metrics = pod->metrics,
		.epoch_changed = epoch_changed,
		.arg = p,
	};
	pod->append = append_create(&a, &pod->epoch);
}

static void open_markers(struct process *p)
{
	struct pod *pod = &p->pod;
	const struct markers_options m = {
		.write = pod->write,
		.home = pod->reactors[0],
		.bus = pod->bus,
		.clock = pod->clock,
		.most = MARKERS_MOST,
	};
	pod->markers = markers_create(&m);
}

static void open_pulse(struct process *p)
{
	struct pod *pod = &p->pod;
	const struct pulse_options o = {
		.db = pod->db,
		.read = pod->sync,
		.write = pod->write,
		.home = pod->reactors[0],
		.every_ms = p->config.pulse_ms,
	};
	p->pulse = pulse_create(&o);
}

static void open_sweeper(struct process *p)
{
	struct pod *pod = &p->pod;
	if (db_kind(pod->db) == DB_SQLITE) return; /* moves has but what commands told */
	const struct sweeper_options o = {
		.write = pod->write,
		.home = pod->reactors[0],
		.metrics = pod->metrics,
		.every_ms = pod->config->moves_sweep_ms,
		.kept_ms = MOVES_KEPT_MS,
	};
	p->sweeper = sweeper_create(&o);
}

static void open_indexer(struct process *p)
{
	struct pod *pod = &p->pod;
	const struct indexer_options o = {
		.slow = pod->slow,
		.write = pod->write,
		.home = pod->reactors[0],
		.metrics = pod->metrics,
		.clock = pod->clock,
		.pod = pod->id,
		.every_ms = pod->config->search_index_ms,
		.lease_ms = pod->config->search_lease_ms,
	};
	p->indexer = indexer_create(&o);
}

static void open_leaver(struct process *p)
{
	struct pod *pod = &p->pod;
	const struct leaver_options o = {
		.append = pod->append,
		.write = pod->write,
		.home = pod->reactors[0],
		.clock = pod->clock,
		.every_ms = pod->config->deletions_ms,
	};
	p->leaver = leaver_create(&o);
}

static void open_retention(struct process *p)
{
	struct pod *pod = &p->pod;
	if (!p->config.retention_days) return;
	const struct retention_options o = {
		.config = &p->config,
		.write = pod->write,
		.append = pod->append,
		.home = pod->reactors[0],
		.clock = pod->clock,
	};
	p->retention = retention_create(&o);
}

static void open_purger(struct process *p)
{
	struct pod *pod = &p->pod;
	const struct purger_options o = {
		.write = pod->write,
		.home = pod->reactors[0],
		.clock = pod->clock,
		.every_ms = pod->config->purge_ms,
		.kept_ms = pod->config->deleted_kept_s * 1000,
	};
	p->purger = purger_create(&o);
}

static enum err open_tls(struct process *p)
{
	struct config *c = &p->config;
	if (!c->tls_cert.n) return OK;
	return tls_server_create(arena_cstr(&c->arena, c->tls_cert), arena_cstr(&c->arena, c->tls_key), &p->tls);
}

/* Up to date, which history it is of, and the code for who comes first. */
static enum err open_history(struct process *p)
{
	enum err e = process_migrate(p, false, false);
	if (e) return e;
	struct db_conn *c = process_conn(p);
	e = epoch_open(c, &p->pod.epoch);
	if (!e) e = moves_forget_told(c);
	if (!e) e = register_open(c, &p->config);
	db_conn_destroy(c);
	return e;
}

static struct bus *make_bus(struct process *p)
{
	struct pod *pod = &p->pod;
	if (!p->config.redis_url.n) return bus_local_create();
	const struct bus_redis_options o = {
		.config = pod->config,
		.address = &p->redis,
		.pod = pod->id,
		.uuid = pod->epoch.uuid,
		.random = pod->random,
		.metrics = pod->metrics,
	};
	return bus_redis_create(&o);
}

static struct eph *make_eph(struct process *p)
{
	struct pod *pod = &p->pod;
	if (!p->config.redis_url.n) return eph_local_create(pod->clock, EPH_KEYS);
	const struct eph_redis_options o = {
		.config = pod->config,
		.address = &p->redis,
		.clock = pod->clock,
		.random = pod->random,
		.metrics = pod->metrics,
		.most_keys = EPH_KEYS,
	};
	return eph_redis_create(&o);
}

enum err pod_open(struct process *p)
{
	struct pod *pod = &p->pod;
	enum err e = open_tls(p);
	if (!e) e = open_history(p);
	if (e) return e;
	pod->metrics = metrics_create();
	pod->bus = make_bus(p);
	if (!pod->bus) return ERR_UNAVAILABLE;
	pod->eph = make_eph(p);
	if (!pod->eph) return ERR_UNAVAILABLE;
	open_lanes(p);
	open_reactors(p);
	open_hub(p);
	open_append(p);
	open_markers(p);
	open_pulse(p);
	open_sweeper(p);
	open_retention(p);
	open_indexer(p);
	open_leaver(p);
	open_purger(p);
	metrics_source(pod->metrics, write_gauges, p);
	const struct edge_options o = { .pod = pod, .routes = routes, .n_routes = n_routes, .session = session_actor };
	p->edge = edge_create(&o);
	return OK;
}

/* ---- listening */
static bool parse_listen(struct str s, struct str *host, int64_t *port)
{
	const char *colon = s.n ? memrchr(s.p, ':', s.n) : NULL;
	if (!colon || !str_i64(str_from(s, (size_t)(colon + 1 - s.p)), 0, 65535, port)) return false;
	*host = str_upto(s, (size_t)(colon - s.p));
	if (host->n >= 2 && host->p[0] == '[' && host->p[host->n - 1] == ']')
		*host = str_upto(str_from(*host, 1), host->n - 2);
	if (str_eq(*host, STR("*"))) *host = STR("");
	return true;
}

bool pod_check(struct config *c, const char **why)
{
	struct str host;
	int64_t port;
	if (parse_listen(c->listen, &host, &port)) return edge_check(c, why);
	struct str shown = setting_show_text(&settings[CONFIG_listen], c->listen, &c->arena);
	*why = arena_printf(&c->arena,
						"--listen (LINNET_LISTEN): \"" STR_FMT
						"\" is not allowed; give ADDRESS:PORT, as 127.0.0.1:8002 or [::]:8002",
						STR_ARG(shown))
			   .p;
	return false;
}

static bool is_loopback(struct str host)
{
	return str_eq(host, STR("localhost")) || str_eq(host, STR("::1")) || str_starts(host, STR("127."));
}

static void say_listening(const struct process *p, struct str host)
{
	char address[320];
	bool v6 = str_has(host, ':');
	if (!host.n) host = STR("0.0.0.0");
	snprintf(address, sizeof address, "%s" STR_FMT "%s:%d", v6 ? "[" : "", STR_ARG(host), v6 ? "]" : "", p->port);
	log_event(LOG_INFO, "listening", LOG_TEXT("address", address), LOG_BOOL("tls", p->tls != NULL),
			  LOG_INT("reactors", (int64_t)p->pod.n_reactors));
}

enum err pod_listen(struct process *p)
{
	struct config *c = &p->config;
	struct pod *pod = &p->pod;
	struct str host;
	int64_t port;
	if (!parse_listen(c->listen, &host, &port)) return ERR_INVALID; /* pod_check was asked before */
	pod->local = is_loopback(host) && !c->public_url.n;
	const struct listener_options o = {
		.host = arena_cstr(&c->arena, host),
		.port = (int)port,
		.reuse_port = true,
		.tls = p->tls,
		.most_conns = (size_t)c->connections,
		.accept = edge_accept,
		.gone = edge_gone,
		.data = p->edge,
	};
	enum err e = listen_open(pod->reactors, pod->n_reactors, &o, &p->listener, &p->port);
	if (e) return e;
	for (size_t i = 0; i < pod->n_reactors; i++) reactor_start(pod->reactors[i]);
	p->running = true;
	atomic_store(&pod->ready, true);
	say_listening(p, host);
	return OK;
}

int64_t pod_connections(const struct process *p)
{
	int64_t open = 0;
	for (size_t i = 0; i < p->pod.n_reactors; i++) open += conn_layer_stats(p->pod.reactors[i])->open;
	return open;
}

/* ---- the end */
static void close_reactors(struct process *p)
{
	struct pod *pod = &p->pod;
	for (size_t i = 0; p->running && i < pod->n_reactors; i++) reactor_stop(pod->reactors[i]);
	for (size_t i = 0; p->running && i < pod->n_reactors; i++) reactor_join(pod->reactors[i]);
	if (pod->hub) hub_ask_no_more(pod->hub);
	for (size_t i = 0; i < p->n_lanes; i++) lane_destroy(p->lanes[i]);
	if (pod->searchers) shares_destroy(pod->searchers);
	if (pod->markers) markers_destroy(pod->markers);
	if (p->pulse) pulse_destroy(p->pulse);
	if (p->sweeper) sweeper_stop(p->sweeper);
	if (p->retention) retention_stop(p->retention);
	if (p->indexer) indexer_stop(p->indexer);
	if (p->leaver) leaver_stop(p->leaver);
	if (p->purger) purger_stop(p->purger);
	if (pod->hub) hub_stop(pod->hub);
	for (size_t i = pod->n_reactors; i-- > 0;) { /* the first is the one that listeners come back to */
		conn_layer_close(pod->reactors[i]);
		reactor_destroy(pod->reactors[i]);
	}
	mem_free(pod->reactors);
}

void pod_close(struct process *p)
{
	struct pod *pod = &p->pod;
	if (p->leaver) leaver_halt(p->leaver);
	if (p->retention) retention_close(p->retention);
	if (pod->append) append_drain(pod->append, -1);
	if (pod->markers) markers_flush(pod->markers, -1);
	if (pod->append) append_destroy(pod->append);
	close_reactors(p);
	if (p->sweeper) sweeper_destroy(p->sweeper);
	if (p->retention) retention_destroy(p->retention);
	if (p->indexer) indexer_destroy(p->indexer);
	if (p->leaver) leaver_destroy(p->leaver);
	if (p->purger) purger_destroy(p->purger);
	if (pod->hub) hub_destroy(pod->hub);
	edge_destroy(p->edge);
	if (pod->eph) pod->eph->ops->destroy(pod->eph);
	if (pod->bus) pod->bus->ops->destroy(pod->bus);
	if (pod->metrics) metrics_destroy(pod->metrics);
	if (p->tls) tls_destroy(p->tls);
}
