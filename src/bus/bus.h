/* The bus between pods, and between the append and the hub: a hint, never the truth. Topics are channel:ID, user:ID and
 * pod:ID. Whoever publishes is served too. Implementations: local (this process alone; each delivery is certain) and
 * Redis. Any thread may publish; a send never waits for the bus. */
#ifndef LINNET_BUS_BUS_H
#define LINNET_BUS_BUS_H
#include <stdbool.h>
#include <stdint.h>

#include "model/event.h"

enum topic_kind { TOPIC_CHANNEL, TOPIC_USER, TOPIC_POD };

/* News of one person's own things: the rev of the person's head after the change, and what changed as a ready frame
 * (`read`, `channel`, ...), or none where the list is simply to be read again. */
struct user_news {
	_Atomic uint32_t refs;
	int64_t user_id;
	int64_t user_rev; /* 0: no rev moved (typing, read markers) */
	uint64_t epoch;
	bool list_moved; /* membership, sessions or levels: read the list again when user_rev is above what is known */
	char revoked_session[27];          /* this session is ended; "*": all of the person's; "" none */
	char kept_session[27];             /* with "*": but this one */
	int64_t marker_channel, marker_at; /* json is a read marker: of this channel, moved at this time; 0: it is none */
	int64_t left_channel, left_rev;    /* they left it without a change in its stream, which ends there; 0: no */
	bool presence; /* and nothing else: the person came, went, or is idle: whoever watches them looks again */
	uint32_t json_n;
	char json[]; /* a frame for the person's sessions; json_n 0: none */
};
struct user_news *user_news_create(size_t json_n);
struct user_news *user_news_ref(struct user_news *n);
void user_news_unref(struct user_news *n);

/* A hint to those who are in a channel now (somebody is typing): no rev, may be lost. */
struct hint {
	_Atomic uint32_t refs;
	int64_t channel_id, user_id; /* not told to the person whom it is about */
	uint32_t json_n;
	char json[]; /* the whole frame */
};
struct hint *hint_create(size_t json_n);
struct hint *hint_ref(struct hint *h);
void hint_unref(struct hint *h);

/* The hub's side: called by the bus on any thread, must not block; takes its own references. */
struct bus_sink {
	void (*event)(void *arg, struct event *e);
	void (*user)(void *arg, struct user_news *n);
	void (*hint)(void *arg, struct hint *h);
	/* an event's rev without its content, too large for the bus */
	void (*behind)(void *arg, int64_t channel_id, int64_t rev, uint64_t epoch);
	/* Confirmed: from now on news arrive; again after the link was lost. While it is away, what is published here
	 * arrives, and what is not is for the head check. */
	void (*subscribed)(void *arg, enum topic_kind kind, int64_t id);
	void (*state)(void *arg, bool away); /* the link was lost, or is back; a bus over a link begins with it away */
	void *arg;
};

struct config;
struct metrics;
struct random;
struct redis_address;
struct bus;
struct bus_ops {
	void (*attach)(struct bus *b, const struct bus_sink *sink); /* once, before anything else */
	/* The events of one commit in their order, any channels. */
	void (*publish)(struct bus *b, struct event *const *events, size_t n);
	void (*publish_user)(struct bus *b, struct user_news *n);
	void (*publish_hint)(struct bus *b, struct hint *h);
	/* Answered by sink.subscribed; as often as it was called, unsubscribe is due. Channels and people. */
	void (*subscribe)(struct bus *b, enum topic_kind kind, int64_t id);
	void (*unsubscribe)(struct bus *b, enum topic_kind kind, int64_t id);
	bool (*certain)(const struct bus *b); /* no delivery can be lost: no head check is needed */
	/* The sink is not called any more once this has returned; what was published is sent, if that is soon done. After
	 * it only unsubscribe and destroy are called. */
	void (*detach)(struct bus *b);
	void (*destroy)(struct bus *b);
	bool (*away)(struct bus *b); /* as sink.state said last; NULL: never. Any thread */
};
struct bus {
	const struct bus_ops *ops;
};
struct bus *bus_local_create(void);
struct bus_redis_options {
	const struct config *config;
	const struct redis_address *address; /* outlives it, as does all here */
	const char *pod, *uuid;              /* the pod's id; the database's */
	struct random *random;
	struct metrics *metrics;
};
/* Has a thread of its own from attach to detach. NULL: logged why not. */
struct bus *bus_redis_create(const struct bus_redis_options *o);

static inline bool bus_away(struct bus *b)
{
	return b->ops->away && b->ops->away(b);
}
static inline void bus_publish(struct bus *b, struct event *const *e, size_t n)
{
	b->ops->publish(b, e, n);
}
static inline void bus_publish_user(struct bus *b, struct user_news *n)
{
	b->ops->publish_user(b, n);
}
static inline void bus_publish_hint(struct bus *b, struct hint *h)
{
	b->ops->publish_hint(b, h);
}
#endif
