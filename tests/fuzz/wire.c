/* What is taken from the bus is what its topic says, whole, and is taken again when it is sent on. */
#include "bus/wire.h"

#include <string.h>

#include "base/mem.h"
#include "fuzz.h"
#include "proto/json.h"

#define ID 42
static const struct wire here = { "01ARZ3NDEKTSV4RRFFQ69G5FAV", "01234567-89ab-4cde-8f01-23456789abcd" };

/* None, or a whole frame; with `event` one that has a place in a stream, else none that has. */
static void is_frame(const char *p, uint32_t n, bool event)
{
	json_t *v = NULL;
	if (!n) return;
	must(json_read((struct str){ p, n }, &v, NULL) == OK && json_is_object(v));
	const char *op = json_string_value(json_object_get(v, "op"));
	must(op && !strcmp(op, "event") == event);
	json_decref(v);
}

static void event_again(struct event *e)
{
	struct buf b;
	buf_init(&b);
	must(e->channel_id == ID && e->rev > 0 && e->at >= 0);
	is_frame(e->json, e->json_n, true);
	wire_put_event(&b, &here, e);
	struct wire_read x = wire_read(buf_str(&b), &here, TOPIC_CHANNEL, ID);
	must(x.kind == (e->json_n <= WIRE_FRAME_MOST ? WIRE_EVENT : WIRE_BEHIND));
	if (x.kind == WIRE_EVENT) {
		must(x.event->rev == e->rev && x.event->at == e->at && x.event->epoch == e->epoch && x.event->kind == e->kind);
		must(x.event->user_id == e->user_id && x.event->message_id == e->message_id);
		must(x.event->json_n == e->json_n && !memcmp(x.event->json, e->json, e->json_n));
		event_unref(x.event);
	}
	buf_release(&b);
}

static void news_again(struct user_news *n)
{
	struct buf b;
	buf_init(&b);
	must(n->user_id == ID && strlen(n->revoked_session) < 27 && strlen(n->kept_session) < 27);
	is_frame(n->json, n->json_n, false);
	wire_put_news(&b, &here, n);
	struct wire_read x = wire_read(buf_str(&b), &here, TOPIC_USER, ID);
	must(x.kind == WIRE_NEWS && x.news->user_rev == n->user_rev);
	must(!strcmp(x.news->revoked_session, n->revoked_session) && !strcmp(x.news->kept_session, n->kept_session));
	must(x.news->marker_channel == n->marker_channel && x.news->marker_at == n->marker_at);
	user_news_unref(x.news);
	buf_release(&b);
}

static void look(struct str text, enum topic_kind kind)
{
	struct wire_read x = wire_read(text, &here, kind, ID);
	switch (x.kind) {
	case WIRE_EVENT:
		must(kind == TOPIC_CHANNEL);
		event_again(x.event);
		event_unref(x.event);
		break;
	case WIRE_NEWS:
		must(kind == TOPIC_USER);
		news_again(x.news);
		user_news_unref(x.news);
		break;
	case WIRE_HINT:
		must(kind == TOPIC_CHANNEL && x.hint->channel_id == ID);
		is_frame(x.hint->json, x.hint->json_n, false);
		hint_unref(x.hint);
		break;
	case WIRE_BEHIND: must(kind == TOPIC_CHANNEL && x.behind.rev > 0); break;
	case WIRE_MALFORMED:
	case WIRE_FOREIGN: break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct str text = { n ? (const char *)data : "", n };
	enum topic_kind kind;
	int64_t id = 0;
	look(text, TOPIC_CHANNEL);
	look(text, TOPIC_USER);
	must(!wire_topic_parse(text, &kind, &id) || id >= 0);
	wire_echo(text, &here, &id);
	return 0;
}
