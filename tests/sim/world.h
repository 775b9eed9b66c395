/* A simulated cluster: pods, their bus, one database and clients, in one thread on simulated time. A seed is one run,
 * repeated exactly: every delay, fault and choice is drawn from it, and whatever happens is an event of one queue. */
#ifndef LINNET_SIM_WORLD_H
#define LINNET_SIM_WORLD_H
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/vec.h"

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)
#define DAY_MS INT64_C(86400000)
#define BEGIN_MS INT64_C(1700000000000) /* the wall clock's */
#define CHAOS_S 25                      /* faults and work end here */
#define CALM_S 40                       /* then everybody must converge */

#define CHANNELS 4 /* 0, the server's log; two open ones; one with `history: joined` */
#define PEOPLE 4   /* 1 to 4; the first founded the channels */
#define CLIENTS 5  /* the last is a second device of person 2 */
#define PODS 3     /* at once */

enum delay {
	DELAY_READ,    /* until a read is executed, */
	DELAY_ANSWER,  /* and until its answer has come */
	DELAY_COMMIT,  /* until a batch is executed */
	DELAY_BUS,     /* from the bus to a pod */
	DELAY_PUBLISH, /* from a pod to the bus */
	DELAY_SUB,     /* for a subscription, each way */
	DELAY_LINK,    /* between client and pod */
	DELAY_TURN,    /* until a reactor turns */
	DELAYS
};
struct world_event {
	int64_t at_ns;
	uint64_t n;
	void (*run)(void *arg);
	void *arg;
};
struct judge;
struct sim_db;
struct redis;
struct sim_pod;
struct client;
struct plan;
struct moderation;

/* What the run drew at its beginning, and what came of it. */
struct counts {
	int64_t acknowledged, delivered, healed, replayed, resets, parked, unknown, went_back, copied_back, retained, taken,
		lost, crashes, replies; /* taken: rows that retention has deleted */
};
struct leap { /* of the wall clock: days in which nothing happens */
	int64_t from_ms, by_ms;
};
struct world {
	struct clock clock;
	struct random_seeded dice;
	struct config config;
	int64_t now_ns;
	VEC(struct leap) leaps;
	uint64_t seed, next_event;
	VEC(struct world_event) queue; /* a heap by (at_ns, n) */
	int64_t steps;
	int scale[DELAYS];
	bool calm, over; /* no faults any more; nothing begins any more */
	struct sim_db *db;
	struct redis *redis;
	VEC(struct sim_pod *) pods; /* dead ones too, until the end */
	struct client *clients[CLIENTS];
	int64_t next_nonce; /* messages and commands are numbered */
	struct judge *judge;
	struct plan *plan;
	VEC(struct moderation *) moderation; /* moderation.h */
	struct counts counts;
	/* trace */
	bool tracing;
	uint64_t hash;
	struct buf lines;
	/* what went wrong, first things first */
	VEC(char *) faults;
};
struct world_options {
	uint64_t seed;
	const char *off;      /* LINNET_FAULTS: mechanisms that are off */
	const uint64_t *mask; /* steps of the plan that are left out; NULL: none */
	size_t n_mask;
	bool tracing;
};
struct world *world_create(const struct world_options *o, struct sim_db *db);
void world_run(struct world *w); /* to its end, judged */
void world_destroy(struct world *w);

/* ---- time and chance */
void world_leap(struct world *w, int64_t by_ms);
int64_t world_lived_ms(const struct world *w, int64_t wall_ms); /* a wall clock's time without the leaps */
void world_at(struct world *w, int64_t in_ns, void (*run)(void *arg), void *arg);
int64_t world_delay(struct world *w, enum delay d);
int64_t world_between(struct world *w, int64_t least_ns, int64_t most_ns);
double world_unit(struct world *w); /* in [0, 1) */
bool world_chance(struct world *w, double p);
size_t world_pick(struct world *w, size_t n);

/* ---- trace.c */
void trace(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void fault(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void trace_release(struct world *w);

int channel_slot(int64_t channel_id); /* -1: none of ours */
int64_t channel_at(int slot);
#endif
