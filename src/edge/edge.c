#include "edge/edge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/setting.h"
#include "edge/docs.h"
#include "edge/http_conn.h"
#include "edge/openapi.h"

#define HEADERS_MOST 100
#define ANSWER_MOST                                                                                                    \
	(64u << 20) /* queued bytes of one connection: an answer is bounded by what its handler may put in it */

struct edge_reactor *edge_here(struct reactor *r)
{
	return reactor_get(r, SLOT_HTTP);
}

static void close_idle(struct reactor *r, struct mail *m);

static void reactor_open(struct edge *e, struct edge_reactor *here, struct reactor *r)
{
	here->edge = e;
	here->reactor = r;
	here->cell = e->pod->metrics ? metrics_cell(e->pod->metrics) : NULL;
	here->close_idle.deliver = close_idle;
	list_init(&here->conns);
	reactor_set(r, SLOT_HTTP, here);
}

static bool wrong(struct config *c, enum config_id id, struct str part, const char *wanted, const char **why)
{
	const struct setting *s = &settings[id];
	struct str shown = setting_show_text(s, part, &c->arena);
	*why = arena_printf(&c->arena, "--%s (%s): \"" STR_FMT "\" is not allowed; give %s", s->flag, s->variable,
						STR_ARG(shown), wanted)
			   .p;
	return false;
}

bool edge_check(struct config *c, const char **why)
{
	struct origins origins;
	struct proxies proxies;
	struct str bad;
	if (!origins_parse(c->public_url, STR(""), &origins, &bad))
		return wrong(c, CONFIG_public_url, bad, "an address as https://chat.example.org", why);
	origins_release(&origins);
	if (!origins_parse(STR(""), c->allowed_origins, &origins, &bad))
		return wrong(c, CONFIG_allowed_origins, bad, "origins as https://chat.example.org,https://other.example.org",
					 why);
	origins_release(&origins);
	if (!proxies_parse(c->trusted_proxies, &proxies, &bad))
		return wrong(c, CONFIG_trusted_proxies, bad, "networks as 10.0.0.0/8,::1/128", why);
	proxies_release(&proxies);
	return true;
}

static void read_settings(struct edge *e, const struct config *c)
{
	struct str bad;
	bool ok = origins_parse(c->public_url, c->allowed_origins, &e->origins, &bad) &&
			  proxies_parse(c->trusted_proxies, &e->proxies, &bad);
	if (!ok) abort(); /* edge_check was not asked */
	e->http = (struct http_limits){ .head = (size_t)c->header_block, .target = 8192, .headers = HEADERS_MOST };
	e->conn = (struct conn_limits){ .soft = (size_t)c->conn_soft,
									.hard = ANSWER_MOST,
									.stall_ms = (int)c->write_stall_s * 1000 };
}

struct edge *edge_create(const struct edge_options *o)
{
	struct edge *e = mem_new(struct edge);
	e->pod = o->pod;
	e->session = o->session;
	read_settings(e, o->pod->config);
	crowd_init(&e->crowd);
	e->table = route_table_create(o->routes, o->n_routes);
	e->openapi = chunk_copy(openapi_json, openapi_json_n);
	e->openapi_gzip = reply_gzip((struct str){ openapi_json, openapi_json_n });
	e->docs = docs_files_create();
	e->n_reactors = o->pod->n_reactors;
	e->reactors = mem_zalloc(mem_times(e->n_reactors, sizeof *e->reactors));
	for (size_t i = 0; i < e->n_reactors; i++) reactor_open(e, &e->reactors[i], o->pod->reactors[i]);
	return e;
}

void edge_destroy(struct edge *e)
{
	if (!e) return;
	route_table_destroy(e->table);
	crowd_release(&e->crowd);
	chunk_unref(e->openapi);
	chunk_unref(e->openapi_gzip);
	docs_files_destroy(e->docs);
	origins_release(&e->origins);
	proxies_release(&e->proxies);
	mem_free(e->reactors);
	mem_free(e);
}

void edge_serve(struct edge *e, struct conn *c)
{
	http_conn_open(&e->reactors[reactor_index(conn_reactor(c))], c);
}

/* A proxy that is trusted stands for many; everybody else is counted, sockets too, until the connection is closed. */
static bool counted(const struct edge *e, struct conn *c, struct address *a)
{
	return e->pod->config->connections_per_address && address_parse(conn_peer(c), a) && !proxies_trust(&e->proxies, a);
}

static void turn_away(struct edge *e, struct conn *c)
{
	struct metrics_cell *cell = e->reactors[reactor_index(conn_reactor(c))].cell;
	if (cell) metric_add(cell, METRIC_CONN_REFUSED, 1);
	conn_close(c);
}

void edge_accept(struct listener *l, struct conn *c)
{
	struct edge *e = listener_data(l);
	struct address a;
	if (!counted(e, c, &a) || crowd_enter(&e->crowd, &a) <= (size_t)e->pod->config->connections_per_address)
		edge_serve(e, c);
	else
		turn_away(e, c);
}

void edge_gone(struct listener *l, struct conn *c)
{
	struct edge *e = listener_data(l);
	struct address a;
	if (counted(e, c, &a)) crowd_leave(&e->crowd, &a);
}

/* ---- stopping */
static void close_idle(struct reactor *r, struct mail *m)
{
	struct edge_reactor *here = container_of(m, struct edge_reactor, close_idle);
	atomic_store(&here->closing_idle, false);
	for (struct list *i = here->conns.next; i != &here->conns; i = i->next) {
		struct http_conn *h = container_of(i, struct http_conn, link);
		if (!http_conn_is_idle(h)) continue;
		http_conn_state(h, HTTP_OVER);
		conn_finish(h->conn);
	}
}

void edge_close_idle(struct edge *e)
{
	for (size_t i = 0; i < e->n_reactors; i++)
		if (!atomic_exchange(&e->reactors[i].closing_idle, true))
			reactor_post(e->reactors[i].reactor, &e->reactors[i].close_idle);
}

int64_t edge_pending(const struct edge *e)
{
	int64_t sum = 0;
	for (size_t i = 0; i < e->n_reactors; i++) sum += atomic_load(&e->reactors[i].pending);
	return sum;
}

/* ---- */
const char *edge_date(struct edge_reactor *here)
{
	static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	int64_t now = reactor_wall_ms(here->reactor) / 1000;
	if (now == here->date_s && here->date[0]) return here->date;
	time_t t = (time_t)now;
	struct tm tm;
	gmtime_r(&t, &tm);
	snprintf(here->date, sizeof here->date, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT", days + 3 * tm.tm_wday,
			 (unsigned)tm.tm_mday % 100, months + 3 * tm.tm_mon, (unsigned)(tm.tm_year + 1900) % 10000,
			 (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
	here->date_s = now;
	return here->date;
}
