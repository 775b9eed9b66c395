#include "link.h"

#include <stdio.h>
#include <string.h>

#include "client.h"
#include "codec/codec.h"
#include "loop/conn.h"

#define NEAR_WINDOW 1000 /* what the network between them holds */

/* ---- frames */

static struct chunk *wire_chunk(struct wire *h, const void *payload, size_t n)
{
	struct chunk *c = chunk_create(sizeof *h + n);
	h->bytes = (uint32_t)(sizeof *h + n);
	memcpy(c->p, h, sizeof *h);
	if (n) memcpy(c->p + sizeof *h, payload, n);
	return c;
}

static void say(struct link *l, struct wire h, const void *payload, size_t n)
{
	if (!l->near || conn_closing(l->near)) return;
	struct chunk *c = wire_chunk(&h, payload, n);
	conn_write(l->near, c, 0, c->n);
	chunk_unref(c);
}

static struct chunk *encode(void *state, const struct event *e)
{
	struct wire h = {
		.op = WIRE_EVENT,
		.channel_id = e->channel_id,
		.rev = e->rev,
		.at = e->at,
		.kind = (int64_t)e->kind,
		.user_id = e->user_id,
		.message_id = e->message_id,
		.epoch = e->epoch,
	};
	return wire_chunk(&h, e->json, e->json_n);
}

const struct dialect link_dialects[1] = { { "sim", encode, NULL, NULL } };

/* ---- what the hub tells */

/* Unless the database has gone back meanwhile. */
static void judge_stored(const struct link *l, uint64_t epoch)
{
	struct sim_db *d = l->pod->world->db;
	if (!l->pod->dead && epoch == d->epoch && sim_db_stored_epoch(d) != epoch)
		fault(l->pod->world, "%s is ready in an epoch that is not stored", l->pod->name);
}

int64_t link_name(struct str display_name)
{
	return display_name.n ? (int64_t)(hash_bytes(display_name.p, display_name.n, 0) >> 1) : 0;
}

static bool say_ready(struct session *s, const struct ready *r, struct ready_place *at)
{
	judge_stored(s->data, r->epoch);
	struct buf b;
	buf_init(&b);
	for (size_t i = 0; i < r->n_channels; i++) {
		const struct channel *c = r->channels[i];
		const struct wire_row row = { c->id, c->rev, c->rev_at };
		buf_add(&b, &row, sizeof row);
	}
	buf_add(&b, r->gone, r->n_gone * sizeof *r->gone);
	const struct wire h = { .op = WIRE_READY,
							.epoch = r->epoch,
							.user_rev = r->user_rev,
							.number = link_name(r->list->user.display_name),
							.n = (int64_t)r->n_channels,
							.n_gone = (int64_t)r->n_gone };
	say(s->data, h, b.p, b.n);
	buf_release(&b);
	return true;
}

static void say_channel(struct session *s, const struct channel *c, int64_t user_rev)
{
	const struct wire h = {
		.op = WIRE_CHANNEL, .channel_id = c->id, .rev = c->rev, .at = c->rev_at, .user_rev = user_rev
	};
	say(s->data, h, NULL, 0);
}

static void say_gone(struct session *s, int64_t channel_id, int64_t user_rev)
{
	say(s->data, (struct wire){ .op = WIRE_GONE, .channel_id = channel_id, .user_rev = user_rev }, NULL, 0);
}

static void say_synced(struct session *s, int64_t channel_id, int64_t rev)
{
	say(s->data, (struct wire){ .op = WIRE_SYNCED, .channel_id = channel_id, .rev = rev }, NULL, 0);
}

static void say_reset(struct session *s, int64_t channel_id, int64_t rev, const struct channel *row)
{
	const struct wire h = { .op = WIRE_RESET, .channel_id = channel_id, .rev = rev, .at = row->rev_at };
	say(s->data, h, NULL, 0);
}

static void say_read(struct session *s, const struct channel *c) {}
static void say_news(struct session *s, const struct user_news *n) {}
static void say_hint(struct session *s, const struct hint *h) {}

static void say_drain(struct session *s, int64_t in_ms)
{
	say(s->data, (struct wire){ .op = WIRE_DRAIN, .number = in_ms }, NULL, 0);
}

static void close_waited(struct conn *c)
{
	conn_close(c);
}

static void kick_run(struct deferred *d)
{
	struct link *l = container_of(d, struct link, kick);
	d->run = NULL;
	if (!l->near || !l->session) return;
	say(l, (struct wire){ .op = WIRE_KICK, .err = (int64_t)l->why }, NULL, 0);
	session_close(l->session);
	l->session = NULL;
	conn_deadline(l->near, 1000, close_waited);
}

static void kick(struct session *s, enum err why)
{
	struct link *l = s->data;
	l->why = why;
	if (l->kick.run) return;
	l->kick.run = kick_run;
	reactor_defer(l->pod->loops[l->loop].reactor, &l->kick);
}

/* Of one's own things what a ready says as well, what one is oneself: `me`. */
static void say_own(struct session *s, const struct own *o)
{
	static const char key[] = "\"display_name\":\"";
	const char *at = memmem(o->frame.p, o->frame.n, key, sizeof key - 1);
	struct str name = STR("");
	if (!o->listed) return;
	if (at) {
		at += sizeof key - 1;
		const char *end = memchr(at, '"', o->frame.n - (size_t)(at - o->frame.p));
		name = (struct str){ at, (size_t)(end - at) };
	}
	say(s->data, (struct wire){ .op = WIRE_ME, .user_rev = o->user_rev, .number = link_name(name) }, NULL, 0);
}

static const struct session_ops link_ops = {
	say_ready, say_channel, say_gone,  say_synced, say_reset, say_read,
	say_news,  say_hint,    say_drain, kick,       NULL,      say_own,
};

/* ---- the two ends */

static void near_data(struct conn *c, const char *p, size_t n) {}

static void near_drained(struct conn *c)
{
	struct link *l = conn_data(c);
	if (l->session) session_drained(l->session);
}

static void near_closed(struct conn *c, enum conn_end why)
{
	struct link *l = conn_data(c);
	l->near = NULL;
	if (l->session) session_close(l->session);
	l->session = NULL;
}

static int64_t in_order(struct link *l, int64_t *last_ns)
{
	int64_t at = l->world->now_ns + world_delay(l->world, DELAY_LINK);
	*last_ns = at > *last_ns ? at : *last_ns;
	return *last_ns - l->world->now_ns;
}

struct packet {
	struct link *link;
	size_t n;
	char bytes[];
};

static void packet_arrives(void *arg)
{
	struct packet *p = arg;
	struct link *l = p->link;
	if (l->open) {
		size_t at = 0;
		buf_add(&l->in, p->bytes, p->n);
		while (l->open && l->in.n - at >= sizeof(struct wire)) {
			struct wire h;
			memcpy(&h, l->in.p + at, sizeof h);
			if (l->in.n - at < h.bytes) break;
			client_frame(l->client, l, &h, l->in.p + at + sizeof h, h.bytes - sizeof h);
			at += h.bytes;
		}
		buf_drop(&l->in, at);
	}
	mem_free(p);
}

static void far_data(struct conn *c, const char *p, size_t n)
{
	struct link *l = conn_data(c);
	if (!l->open) return;
	struct packet *packet = mem_alloc(sizeof *packet + n);
	packet->link = l;
	packet->n = n;
	memcpy(packet->bytes, p, n);
	world_at(l->world, in_order(l, &l->in_ns), packet_arrives, packet);
}

static void loss_arrives(void *arg)
{
	struct link *l = arg;
	if (!l->open) return;
	l->open = false;
	client_lost(l->client, l);
}

static void tell_loss(struct link *l)
{
	if (l->lost) return;
	l->lost = true;
	world_at(l->world, in_order(l, &l->in_ns), loss_arrives, l);
}

static void far_closed(struct conn *c, enum conn_end why)
{
	struct link *l = conn_data(c);
	l->far = NULL;
	tell_loss(l);
}

static const struct conn_handler near_handler = { NULL, near_data, near_drained, NULL, near_closed };
static const struct conn_handler far_handler = { NULL, far_data, NULL, NULL, far_closed };

static void session_id_of(int64_t user_id, char out[SESSION_ID + 1])
{
	snprintf(out, SESSION_ID + 1, "%026lld", (long long)user_id);
}

struct link *link_open(struct client *k, struct sim_pod *p)
{
	const struct config *config = &p->world->config;
	const struct conn_limits limits = { (size_t)config->conn_soft, (size_t)config->conn_hard, 60000 };
	char session_id[SESSION_ID + 1];
	struct link *l = mem_new(struct link);
	struct conn *ends[2];
	l->world = p->world;
	l->client = k;
	l->pod = p;
	l->loop = (int)world_pick(l->world, POD_REACTORS);
	l->open = true;
	buf_init(&l->in);
	vec_push(&p->links, l);
	struct reactor *r = p->loops[l->loop].reactor;
	conn_pair(r, ends);
	l->near = ends[0], l->far = ends[1];
	conn_pair_window(l->far, NEAR_WINDOW);
	conn_setup(l->near, &near_handler, l, &limits);
	conn_setup(l->far, &far_handler, l, NULL);
	session_id_of(client_user(k), session_id);
	if (session_open(r, &link_ops, l, l->near, 0, client_user(k), session_id, &l->session)) conn_close(l->near);
	return l;
}

void link_free(struct link *l)
{
	buf_release(&l->in);
	mem_free(l);
}

/* ---- from the client */

struct upward {
	struct link *link;
	struct hello hello;
	struct request request;
	bool is_hello;
};

static void upward_free(struct upward *u)
{
	mem_free(u->hello.cursors);
	mem_free(u);
}

struct asked { /* a change on its way through the append */
	struct change change;
	struct send send;
	struct link *link;
	struct request request;
	int64_t submitted;
};

static void asked_done(struct change *c)
{
	struct asked *q = container_of(c, struct asked, change);
	struct link *l = q->link;
	if (c->event) {
		const struct wrote w = { c->channel_id, q->submitted, c->event->rev };
		vec_push(&l->pod->wrote, w);
	}
	const struct wire h = {
		.op = WIRE_ANSWER,
		.channel_id = c->channel_id,
		.number = q->request.number,
		.err = (int64_t)c->err,
		.kind = (int64_t)c->kind,
		.rev = c->message.rev,
	};
	if (l->session) say(l, h, NULL, 0);
	arena_release(&c->arena);
	mem_free(q);
}

void nonce_of(int64_t number, uint8_t out[16])
{
	memset(out, 0, 16);
	for (int i = 0; i < 4; i++) out[i] = (uint8_t)(number >> (24 - 8 * i));
}

static void ask_to_send(struct asked *q)
{
	struct change *c = &q->change;
	q->send.channel_id = c->channel_id;
	nonce_of(q->request.number, q->send.nonce);
	q->send.body = c->text;
	q->send.thread_id = q->request.thread_id;
	q->send.in_channel = q->request.in_channel;
	send_hash(&q->send);
	c->send = &q->send;
	if (!c->epoch) c->epoch = hub_epoch(q->link->pod->hub);
}

static void ask(struct link *l, const struct request *r)
{
	struct asked *q = mem_new(struct asked);
	struct change *c = &q->change;
	q->link = l;
	q->request = *r;
	arena_init(&c->arena);
	c->kind = r->kind;
	c->channel_id = r->channel_id;
	c->user_id = r->user_id;
	c->message_id = r->message_id;
	c->epoch = r->epoch;
	c->on = r->on;
	c->text = str_of(q->request.text);
	c->credential = (struct credential){ .kind = CREDENTIAL_JWT, .user_id = client_user(l->client) };
	session_id_of(client_user(l->client), c->credential.session_id);
	c->need_scope = SCOPE_WRITE;
	c->role = c->voice = -1;
	c->until = r->until;
	if (r->kind == CHANGE_ROLE) c->voice = r->voice;
	if (r->patches) c->patch = &q->request.patch, c->text = c->text_key = STR_NONE;
	if (r->kind == CHANGE_MESSAGE) ask_to_send(q);
	if (r->kind == CHANGE_USER) {
		struct person_patch *p = arena_new(&c->arena, struct person_patch);
		*p = (struct person_patch){ .has_display_name = true, .display_name = c->text };
		c->person = p;
	}
	c->home = l->pod->loops[l->loop].reactor;
	c->done = asked_done;
	pod_submit(l->pod, c, &q->submitted);
}

static void upward_arrives(void *arg)
{
	struct upward *u = arg;
	struct link *l = u->link;
	if (l->session && !l->kick.run && !conn_closing(l->near)) {
		if (u->is_hello)
			session_hello(l->session, &u->hello);
		else
			ask(l, &u->request);
	}
	upward_free(u);
}

static void send_up(struct upward *u)
{
	struct link *l = u->link;
	world_at(l->world, in_order(l, &l->out_ns), upward_arrives, u);
}

void link_hello(struct link *l, const struct hello *h)
{
	struct upward *u = mem_new(struct upward);
	u->link = l;
	u->is_hello = true;
	u->hello = *h;
	u->hello.cursors = h->n ? mem_dup(h->cursors, h->n * sizeof *h->cursors) : NULL;
	send_up(u);
}

void link_request(struct link *l, const struct request *r)
{
	struct upward *u = mem_new(struct upward);
	u->link = l;
	u->request = *r;
	send_up(u);
}

/* ---- ends */

static void cut_noticed(void *arg)
{
	struct link *l = arg;
	if (l->pod->dead || !l->far) return;
	conn_close(l->far);
	pod_poke(l->pod, l->loop);
}

void link_cut(struct link *l, int64_t noticed_ns)
{
	l->open = false;
	l->lost = true;
	if (l->pod->dead || !l->far) return;
	conn_pause(l->far);
	world_at(l->world, noticed_ns, cut_noticed, l);
}

void link_pause(struct link *l, bool paused)
{
	if (l->pod->dead || !l->far) return;
	if (paused) {
		conn_pause(l->far);
	} else {
		conn_resume(l->far);
		pod_poke(l->pod, l->loop);
	}
}

void link_pod_died(struct link *l)
{
	tell_loss(l);
	if (l->near) conn_close(l->near);
	if (l->far) conn_close(l->far);
}
