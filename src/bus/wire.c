/* The frame stands last, as it is, so that it can be cut out again without being written anew: `,"frame":` cannot stand
 * before, for in front of it there are only numbers, booleans and short words, and within a JSON string its quotes
 * would be escaped. Head and frame are then each parsed once. */
#include "bus/wire.h"

#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"
#include "codec/codec.h"

#define HEAD_MOST 1024
#define OWN_BEGIN "{\"pod\":\""
#define FRAME_BEGIN ",\"frame\":"

/* ---- topics */

static const char *const topic_names[] = { [TOPIC_CHANNEL] = "channel:", [TOPIC_USER] = "user:" };

size_t wire_topic(enum topic_kind kind, int64_t id, char out[WIRE_TOPIC])
{
	return (size_t)snprintf(out, WIRE_TOPIC, "%s%lld", topic_names[kind], (long long)id);
}

bool wire_topic_parse(struct str s, enum topic_kind *kind, int64_t *id)
{
	for (size_t k = 0; k < countof(topic_names); k++) {
		struct str name = str_of(topic_names[k]);
		if (!str_starts(s, name)) continue;
		*kind = (enum topic_kind)k;
		return str_i64(str_from(s, name.n), 0, ID_MOST, id);
	}
	return false;
}

/* ---- writing */

static void begin(struct json_out *o, struct buf *out, const struct wire *w)
{
	json_out_init(o, out);
	json_open(o, '{');
	json_field_text(o, "pod", w->pod);
	json_field_text(o, "db", w->uuid);
}

static void field_epoch(struct json_out *o, uint64_t epoch)
{
	char text[17];
	codec_epoch(text, epoch);
	json_field_text(o, "epoch", text);
}

static void field_id(struct json_out *o, const char *name, int64_t id)
{
	if (id) json_field_i64(o, name, id);
}

static void field_frame(struct json_out *o, const char *json, uint32_t n)
{
	if (!n || n > WIRE_FRAME_MOST) return;
	json_key(o, "frame");
	json_put_raw(o, (struct str){ json, n });
}

void wire_put_event(struct buf *out, const struct wire *w, const struct event *e)
{
	struct json_out o;
	begin(&o, out, w);
	field_epoch(&o, e->epoch);
	json_field_i64(&o, "channel_id", e->channel_id);
	field_id(&o, "message_id", e->message_id);
	json_field_i64(&o, "rev", e->rev);
	json_field_text(&o, "type", change_row(e->kind)->type);
	json_field_text(&o, "kind", change_row(e->kind)->kind);
	json_field_i64(&o, "at", e->at);
	field_id(&o, "actor_id", e->actor_id);
	field_id(&o, "user_id", e->user_id);
	field_id(&o, "joined_rev", e->joined_rev);
	field_frame(&o, e->json, e->json_n);
	json_close(&o, '}');
}

/* A frame that is too large is left out. Where a rev moved whoever hears it reads the list again. Where none did nobody
 * knows of it elsewhere before their next list; but the frames without a rev are read markers, far below the limit. */
void wire_put_news(struct buf *out, const struct wire *w, const struct user_news *n)
{
	struct json_out o;
	begin(&o, out, w);
	field_epoch(&o, n->epoch);
	json_field_i64(&o, "user_id", n->user_id);
	field_id(&o, "user_rev", n->user_rev);
	if (n->list_moved || n->json_n > WIRE_FRAME_MOST) json_field_bool(&o, "list_moved", true);
	if (n->revoked_session[0]) json_field_text(&o, "revoked_session", n->revoked_session);
	if (n->kept_session[0]) json_field_text(&o, "kept_session", n->kept_session);
	field_id(&o, "marker_channel", n->marker_channel);
	field_id(&o, "marker_at", n->marker_at);
	field_id(&o, "left_channel", n->left_channel);
	field_id(&o, "left_rev", n->left_rev);
	if (n->presence) json_field_bool(&o, "presence", true);
	field_frame(&o, n->json, n->json_n);
	json_close(&o, '}');
}

bool wire_put_hint(struct buf *out, const struct wire *w, const struct hint *h)
{
	struct json_out o;
	if (!h->json_n || h->json_n > WIRE_FRAME_MOST) return false;
	begin(&o, out, w);
	json_field_i64(&o, "channel_id", h->channel_id);
	json_field_text(&o, "type", "hint");
	field_id(&o, "user_id", h->user_id);
	field_frame(&o, h->json, h->json_n);
	json_close(&o, '}');
	return true;
}

/* ---- what one has written oneself */

bool wire_own(struct str text, const struct wire *w)
{
	const struct str begin_text = STR(OWN_BEGIN);
	struct str pod = str_of(w->pod), rest = str_from(text, begin_text.n);
	return str_starts(text, begin_text) && str_starts(rest, pod) && rest.n > pod.n && rest.p[pod.n] == '"';
}

void wire_put_echo(struct buf *out, const struct wire *w, int64_t sent_ns)
{
	buf_printf(out, OWN_BEGIN "%s\",\"echo\":%lld}", w->pod, (long long)sent_ns);
}

bool wire_echo(struct str text, const struct wire *w, int64_t *sent_ns)
{
	const struct str between = STR("\",\"echo\":");
	struct str rest = str_from(text, strlen(OWN_BEGIN) + strlen(w->pod));
	if (!wire_own(text, w) || !str_starts(rest, between) || text.p[text.n - 1] != '}') return false;
	rest = str_from(rest, between.n);
	return str_i64(str_upto(rest, rest.n - 1), 0, INT64_MAX, sent_ns);
}

/* ---- reading */

struct reading {
	struct json_in in;
	json_t *head, *frame_json;
	struct str frame; /* STR_NONE: none */
};

/* The frame is an object that says what it is. */
static bool read_frame(struct reading *r, struct str text)
{
	r->frame = text;
	return !json_read(text, &r->frame_json, NULL) && json_is_string(json_object_get(r->frame_json, "op"));
}

/* Only an event, which has a rev, goes to clients as one. */
static bool frame_is_event(const struct reading *r)
{
	const char *op = json_string_value(json_object_get(r->frame_json, "op"));
	return op && !strcmp(op, "event");
}

static bool read_open(struct reading *r, struct str text)
{
	char head[HEAD_MOST + 1];
	*r = (struct reading){ .frame = STR_NONE };
	if (text.n > WIRE_MOST || text.n < 2 || text.p[text.n - 1] != '}') return false;
	const char *at = memmem(text.p, text.n, FRAME_BEGIN, strlen(FRAME_BEGIN));
	struct str front = at ? str_upto(text, (size_t)(at - text.p)) : str_upto(text, text.n - 1);
	if (front.n >= HEAD_MOST) return false;
	memcpy(head, front.p, front.n);
	head[front.n] = '}';
	if (json_read((struct str){ head, front.n + 1 }, &r->head, NULL)) return false;
	json_in_open(&r->in, r->head, NULL);
	r->in.lenient = true; /* a newer pod may say more */
	if (!at) return true;
	struct str frame = str_from(text, front.n + strlen(FRAME_BEGIN));
	return read_frame(r, str_upto(frame, frame.n - 1));
}

static void read_close(struct reading *r)
{
	json_decref(r->head);
	json_decref(r->frame_json);
}

static bool take_epoch(struct reading *r, uint64_t *out)
{
	struct str text;
	return json_in_str(&r->in, "epoch", JSON_NEED, &text) && codec_epoch_parse(text, out);
}

static void take_id(struct reading *r, const char *name, int64_t *out)
{
	json_in_i64(&r->in, name, JSON_MAY, 1, ID_MOST, out);
}

/* Whether the frame says the same of itself. */
static bool frame_says(const struct reading *r, const char *name, int64_t v)
{
	const json_t *field = json_object_get(r->frame_json, name);
	return json_is_integer(field) && json_integer_value(field) == v;
}

/* *known: else it is of a later version, and its frame may be of any form. */
static bool take_kind(struct reading *r, enum change_kind *out, bool *known)
{
	struct str kind = STR_NONE, type = STR_NONE;
	json_in_str(&r->in, "kind", JSON_NEED, &kind);
	json_in_str(&r->in, "type", JSON_NEED, &type);
	*known = kind.p && change_kind_parse(kind, out);
	return kind.p && type.p && (!*known || str_eq(type, str_of(change_row(*out)->type)));
}

static struct wire_read read_event(struct reading *r, int64_t channel_id)
{
	struct event e = { .channel_id = channel_id };
	bool known = false, ok = take_epoch(r, &e.epoch) && take_kind(r, &e.kind, &known);
	json_in_i64(&r->in, "rev", JSON_NEED, 1, ID_MOST, &e.rev);
	json_in_i64(&r->in, "at", JSON_NEED, 0, ID_MOST, &e.at);
	take_id(r, "message_id", &e.message_id);
	take_id(r, "actor_id", &e.actor_id);
	take_id(r, "user_id", &e.user_id);
	take_id(r, "joined_rev", &e.joined_rev);
	if (json_in_close(&r->in) || !ok) return (struct wire_read){ WIRE_MALFORMED };
	if (!r->frame.p || !known) return (struct wire_read){ WIRE_BEHIND, .behind = { e.rev, e.epoch } };
	if (!frame_is_event(r) || !frame_says(r, "channel_id", channel_id) || !frame_says(r, "rev", e.rev))
		return (struct wire_read){ WIRE_MALFORMED };
	struct event *made = event_create(r->frame.n);
	made->kind = e.kind, made->channel_id = channel_id, made->rev = e.rev, made->at = e.at;
	made->actor_id = e.actor_id, made->user_id = e.user_id, made->message_id = e.message_id;
	made->joined_rev = e.joined_rev, made->epoch = e.epoch;
	memcpy(made->json, r->frame.p, r->frame.n);
	return (struct wire_read){ WIRE_EVENT, .event = made };
}

static struct wire_read read_hint(struct reading *r, int64_t channel_id)
{
	struct str type = STR_NONE;
	int64_t user_id = 0;
	json_in_str(&r->in, "type", JSON_NEED, &type);
	take_id(r, "user_id", &user_id);
	bool ok = !json_in_close(&r->in) && str_eq(type, STR("hint")) && r->frame.p && !frame_is_event(r);
	if (!ok) return (struct wire_read){ WIRE_MALFORMED };
	struct hint *h = hint_create(r->frame.n);
	h->channel_id = channel_id, h->user_id = user_id;
	memcpy(h->json, r->frame.p, r->frame.n);
	return (struct wire_read){ WIRE_HINT, .hint = h };
}

/* A session's id, or "*" where that is allowed. */
static bool take_session(struct reading *r, const char *name, bool all, char out[27])
{
	struct str s;
	if (!json_in_has(&r->in, name)) return true;
	if (!json_in_str(&r->in, name, JSON_NEED, &s)) return false;
	if (!ulid_valid(s) && !(all && str_eq(s, STR("*")))) return false;
	memcpy(out, s.p, s.n);
	out[s.n] = 0;
	return true;
}

static struct wire_read read_news(struct reading *r, int64_t user_id)
{
	struct user_news n = { .user_id = user_id };
	bool ok = take_epoch(r, &n.epoch);
	ok &= take_session(r, "revoked_session", true, n.revoked_session);
	ok &= take_session(r, "kept_session", false, n.kept_session);
	take_id(r, "user_rev", &n.user_rev);
	json_in_bool(&r->in, "list_moved", JSON_MAY, &n.list_moved);
	take_id(r, "marker_channel", &n.marker_channel);
	take_id(r, "marker_at", &n.marker_at);
	take_id(r, "left_channel", &n.left_channel);
	take_id(r, "left_rev", &n.left_rev);
	json_in_bool(&r->in, "presence", JSON_MAY, &n.presence);
	ok &= !n.marker_channel == !n.marker_at && !n.left_channel == !n.left_rev;
	if (json_in_close(&r->in) || !ok || frame_is_event(r)) return (struct wire_read){ WIRE_MALFORMED };
	struct user_news *made = user_news_create(r->frame.n);
	made->user_id = user_id, made->user_rev = n.user_rev, made->epoch = n.epoch, made->list_moved = n.list_moved;
	made->marker_channel = n.marker_channel, made->marker_at = n.marker_at;
	made->left_channel = n.left_channel, made->left_rev = n.left_rev;
	made->presence = n.presence;
	memcpy(made->revoked_session, n.revoked_session, sizeof n.revoked_session);
	memcpy(made->kept_session, n.kept_session, sizeof n.kept_session);
	if (r->frame.n) memcpy(made->json, r->frame.p, r->frame.n);
	return (struct wire_read){ WIRE_NEWS, .news = made };
}

static struct wire_read read_opened(struct reading *r, const struct wire *w, enum topic_kind kind, int64_t id)
{
	struct str pod, db;
	int64_t named = -1;
	if (!json_in_str(&r->in, "pod", JSON_NEED, &pod) || !json_in_str(&r->in, "db", JSON_NEED, &db))
		return (struct wire_read){ WIRE_MALFORMED };
	if (!str_eq(db, str_of(w->uuid))) return (struct wire_read){ WIRE_FOREIGN };
	json_in_i64(&r->in, kind == TOPIC_USER ? "user_id" : "channel_id", JSON_NEED, 0, ID_MOST, &named);
	if (named != id) return (struct wire_read){ WIRE_MALFORMED };
	if (kind == TOPIC_USER) return read_news(r, id);
	return json_in_has(&r->in, "rev") ? read_event(r, id) : read_hint(r, id);
}

struct wire_read wire_read(struct str text, const struct wire *w, enum topic_kind kind, int64_t id)
{
	struct reading r;
	struct wire_read out = { WIRE_MALFORMED };
	if (read_open(&r, text)) out = read_opened(&r, w, kind, id);
	read_close(&r);
	return out;
}
