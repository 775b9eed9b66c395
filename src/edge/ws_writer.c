/* What the hub tells a session, as JSON. */
#include <stdio.h>

#include "codec/codec.h"
#include "edge/ws_request.h"
#include "hub/watch.h"

#define PART_BYTES 49152 /* a ready frame is cut here: the largest frame is 64 KiB */

static struct json_out begin(struct buf *b, const char *op)
{
	struct json_out o;
	buf_init(b);
	json_out_init(&o, b);
	json_open(&o, '{');
	json_field_text(&o, "op", op);
	return o;
}

static void end(struct session *s, struct json_out *o)
{
	json_close(o, '}');
	ws_send(s->data, buf_str(o->buf));
	buf_release(o->buf);
}

/* ---- ready, in parts */

static void ready_first(struct json_out *o, const struct session *s, const struct ready *r)
{
	const struct ws_conn *w = s->data;
	char epoch[17];
	codec_epoch(epoch, r->epoch);
	json_field_text(o, "session_id", s->session_id);
	json_key(o, "user");
	codec_user(o, &r->list->user);
	json_key(o, "blocked_ids");
	json_open(o, '[');
	for (size_t i = 0; i < r->list->n_blocked; i++) json_put_i64(o, r->list->blocked_ids[i]);
	json_close(o, ']');
	json_key(o, "server");
	json_open(o, '{');
	json_field_text(o, "id", w->pod->epoch.uuid);
	json_close(o, '}');
	json_field_i64(o, "heartbeat_ms", w->pod->config->heartbeat_ms);
	json_field_text(o, "epoch", epoch);
	if (r->whole) json_field_bool(o, "whole", true);
}

static bool whole(const struct ready *r, const struct ready_place *at)
{
	return at->channel == r->n_channels && at->gone == r->n_gone && at->user == r->list->n_users;
}

static void ready_part(struct json_out *o, const struct ready *r, struct ready_place *at)
{
	json_key(o, "channels");
	json_open(o, '[');
	while (at->channel < r->n_channels && o->buf->n < PART_BYTES) codec_channel(o, r->channels[at->channel++]);
	json_close(o, ']');
	json_key(o, "gone");
	json_open(o, '[');
	while (at->gone < r->n_gone && o->buf->n < PART_BYTES) json_put_i64(o, r->gone[at->gone++]);
	json_close(o, ']');
	json_key(o, "users");
	json_open(o, '[');
	while (at->user < r->list->n_users && o->buf->n < PART_BYTES) codec_user(o, &r->list->users[at->user++]);
	json_close(o, ']');
	if (whole(r, at)) /* who has not read all of it has nothing that it could go on from */
		json_field_i64(o, "user_rev", r->user_rev);
	else
		json_field_bool(o, "more", true);
}

static bool write_ready(struct session *s, const struct ready *r, struct ready_place *at)
{
	struct buf b;
	struct json_out o = begin(&b, "ready");
	if (!at->begun) ready_first(&o, s, r);
	at->begun = true;
	ready_part(&o, r, at);
	end(s, &o);
	return whole(r, at);
}

/* ---- the rest */

static void write_channel(struct session *s, const struct channel *c, int64_t user_rev)
{
	struct buf b;
	struct json_out o = begin(&b, "channel");
	json_field_i64(&o, "user_rev", user_rev);
	json_key(&o, "channel");
	codec_channel(&o, c);
	end(s, &o);
}

static void write_gone(struct session *s, int64_t channel_id, int64_t user_rev)
{
	struct buf b;
	struct json_out o = begin(&b, "channel_gone");
	json_field_i64(&o, "channel_id", channel_id);
	json_field_i64(&o, "user_rev", user_rev);
	end(s, &o);
	ws_watch_left(s->data, channel_id);
}

static void write_synced(struct session *s, int64_t channel_id, int64_t rev)
{
	struct buf b;
	struct json_out o = begin(&b, "synced");
	json_field_i64(&o, "channel_id", channel_id);
	json_field_i64(&o, "rev", rev);
	end(s, &o);
}

static void write_reset(struct session *s, int64_t channel_id, int64_t rev, const struct channel *row)
{
	struct buf b;
	struct json_out o = begin(&b, "reset");
	json_field_i64(&o, "channel_id", channel_id);
	json_field_i64(&o, "rev", rev);
	json_key(&o, "channel");
	codec_channel(&o, row);
	end(s, &o);
}

static void write_read(struct session *s, const struct channel *c)
{
	struct buf b;
	struct json_out o = begin(&b, "read");
	codec_read(&o, c->id, &c->me, true);
	end(s, &o);
}

static void write_news(struct session *s, const struct user_news *n)
{
	ws_send(s->data, (struct str){ n->json, n->json_n });
}

static void write_own(struct session *s, const struct own *o)
{
	ws_send(s->data, o->frame);
}

static void write_hint(struct session *s, const struct hint *h)
{
	ws_send(s->data, (struct str){ h->json, h->json_n });
}

static void write_drain(struct session *s, int64_t reconnect_in_ms)
{
	struct buf b;
	struct json_out o = begin(&b, "drain");
	json_field_i64(&o, "reconnect_in_ms", reconnect_in_ms);
	end(s, &o);
}

/* At most 500 people of at most 16 digits: far below a frame. */
static void write_presence(struct session *s, const struct presence_item *items, size_t n, bool whole)
{
	struct buf b;
	struct json_out o = begin(&b, "presence");
	char id[24];
	if (whole) {
		json_t *ref = ws_watch_answers(s->data);
		ws_put_ref(&o, ref);
		json_decref(ref);
	}
	json_key(&o, "states");
	json_open(&o, '{');
	for (size_t i = 0; i < n; i++) {
		snprintf(id, sizeof id, "%lld", (long long)items[i].user_id);
		json_field_text(&o, id, presence_name(items[i].state));
	}
	json_close(&o, '}');
	end(s, &o);
}

/* The session ends in the next turn: whoever walks the hub's lists may kick. */
static void kick(struct session *s, enum err why)
{
	struct ws_conn *w = s->data;
	if (w->closing) return;
	w->kicked = (uint8_t)why;
	if (w->kick.run) return;
	w->kick.run = ws_kick_run;
	w->pending++;
	reactor_defer(conn_reactor(w->conn), &w->kick);
}

const struct session_ops ws_session_ops = {
	write_ready, write_channel, write_gone,  write_synced, write_reset,    write_read,
	write_news,  write_hint,    write_drain, kick,         write_presence, write_own,
};
