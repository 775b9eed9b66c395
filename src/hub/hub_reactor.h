/* The hub's part on one reactor: the tables that its files share. reactor */
#ifndef LINNET_HUB_HUB_REACTOR_H
#define LINNET_HUB_HUB_REACTOR_H
#include <pthread.h>

#include "base/list.h"
#include "base/map.h"
#include "base/vec.h"
#include "hub/hub.h"
#include "loop/slab.h"
#include "model/presence.h"

#define HUB_RETRY_MS 100 /* before the database is asked again for what it did not answer, or does not have yet */

struct attach;
struct check;
struct inbox;
struct local;
struct presence_gate;
struct watching;
struct settle;

struct hub {
	const struct config *config;
	struct bus *bus;
	struct lane *sync, *write;
	struct metrics *metrics;
	const struct dialect *dialects;
	size_t n_dialects, n;
	struct hub_reactor **r;
	struct check *check; /* NULL: the bus tells of everything */
	struct settle *settle;
	char uuid[37];
	_Atomic uint64_t epoch;
	_Atomic bool unsettled;     /* `epoch` was found and may not be stored yet: nobody is served */
	_Atomic int64_t ring_bytes; /* of all owners' rings and held events */
	_Atomic int64_t sessions;
	_Atomic bool probing; /* the database is being asked for its epoch */
	pthread_mutex_t lock;
	uint64_t history;     /* under the lock: counts the histories served: epochs, and heads that went back */
	bool closing;         /* under the lock: the lanes end */
	bool stopping;        /* set between two threads' lives */
	struct id_map counts; /* under the lock: user_id -> sessions here, and which of them are idle or online */
	struct eph *eph;
	struct lane *look;
	bool shared; /* other pods see the devices that are put in eph */
	char pod[27];
	struct presence_gate *gate;
	_Atomic uint32_t devices; /* numbers given out */
	_Atomic int64_t watches;  /* in all sets of all sessions */
};
/* ---- history.c */
void hub_follow(struct hub_reactor *hr); /* the present history, if it is another: owners go, sessions are closed */
/* Of a read that was asked when hr->history was `asked`: does its result count? Another epoch is acted upon. */
bool hub_ours(struct hub_reactor *hr, uint64_t asked, uint64_t epoch);
void hub_went_back(struct hub_reactor *hr); /* a head below what was delivered: another history in the same epoch */
void hub_foreign(struct hub *h);            /* news of another epoch: the database is asked; any thread */
bool hub_settled(const struct hub *h);      /* the present epoch is stored; any thread */
/* `epoch` was the database's, and was stored, after the history `asked` had begun. False: that has ended meanwhile. */
bool hub_settle(struct hub *h, uint64_t asked, uint64_t epoch);

bool hub_person_enter(struct hub *h, int64_t user_id); /* false: has as many as are allowed */
void hub_person_leave(struct hub *h, int64_t user_id);
/* One of their sessions is another device now: does this pod see the person otherwise than before? Any thread. */
bool hub_person_device(struct hub *h, int64_t user_id, enum presence was, enum presence is);
enum presence hub_person_presence(struct hub *h, int64_t user_id); /* by the sessions of this pod */

struct hub_reactor {
	struct hub *hub;
	struct reactor *reactor;
	uint64_t epoch, history; /* of the owners and sessions here: follow the hub's when those have been closed */
	struct metrics_cell *cell;
	struct inbox *inbox; /* what the bus brings; any thread */
	void *dialect_state[DIALECTS_MOST];
	struct id_map owners; /* channel_id -> struct owner */
	struct id_map locals; /* channel_id -> struct local */
	struct id_map people; /* user_id -> struct person */
	struct list sessions; /* struct session.link */
	size_t n_sessions;
	struct slab subs;               /* struct sub */
	struct list dirty_owners;       /* have ordered frames that reactors were not given yet */
	struct list dirty_locals;       /* have frames that subscribers were not given yet */
	VEC(struct local *) walked;     /* the dirty ones of this turn, while the fan-out runs */
	VEC(int64_t) opening;           /* owners whose head is to be read */
	VEC(int64_t) doubted;           /* people whose head is to be read */
	VEC(struct attach *) snapshots; /* attaches that need the database */
	struct list retrying;           /* struct retry.link */
	struct turn_hook hook;
	struct timer sweep, drain;
	uint64_t next_gen;
	uint64_t check;            /* the head check asked last */
	struct watching *watching; /* watch.h */
	uint64_t eph_lives;        /* presence.h */
	size_t put_all;
	int64_t put_carry;
	bool away; /* the bus is: nothing is confirmed, head checks serve */
};

/* In what the database did not answer, until it is asked once more. */
struct retry {
	struct list link; /* hub_reactor.retrying */
	struct timer timer;
	void (*again)(struct retry *t);
	void (*drop)(struct retry *t); /* at the hub's end */
};
void retry_init(struct retry *t, void (*again)(struct retry *), void (*drop)(struct retry *));
void retry_later(struct hub_reactor *hr, struct retry *t);
void retry_drop_all(struct hub_reactor *hr);

static inline size_t hub_owner_index(const struct hub *h, int64_t channel_id)
{
	return hash_id(channel_id) % h->n;
}
static inline struct hub_reactor *hub_owner_reactor(const struct hub *h, int64_t channel_id)
{
	return h->r[hub_owner_index(h, channel_id)];
}
#endif
