/* An append over a real database, SQLite or Postgres: a lane, reactors in threads of their own, a bus that remembers
 * what was published. People, sessions and channels are made through the append where it can make them. */
#ifndef LINNET_TESTS_APP_RIG_H
#define LINNET_TESTS_APP_RIG_H
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "app/append.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/vec.h"
#include "store/append.h"
#include "store/migrations.h"

#define RIG_REACTORS 2

struct rig {
	struct bus bus; /* remembers */
	struct config config;
	struct metrics *metrics;
	struct db *db, *append_db; /* the second may go another way to the same */
	struct db_conn *look;      /* the test's own */
	struct epoch epoch;
	struct lane *lane;
	struct reactor *r[RIG_REACTORS];
	struct append *append;
	pthread_mutex_t lock;
	pthread_cond_t more;
	VEC(struct event *) events; /* in the order of publication */
	VEC(struct person_moved) people;
	size_t events_at_left; /* how many had been published when somebody's leave without a rev was told last */
	VEC(struct hint *) hints;
	size_t epochs_found;
	int64_t n_nonces;
	struct rig_hold *hold;
};

#define PATIENCE_MS 60000 /* no test depends on how busy the machine is, unless it sets less */

/* A change with what it needs, waited for. */
struct ask {
	struct change change;
	struct send send;
	struct channel_create create;
	struct channel_patch patch;
	struct rig *rig;
	bool done;
	int tag;
};

static inline void must(enum err e)
{
	if (e) fail_msg("unexpected error: %s", err_row(e)->name);
}

struct rig *rig_make(const char *url);
struct rig *rig_make_apart(const char *url, const char *append_url);
void rig_free(struct rig *g);
void rig_append_open(struct rig *g); /* by rig_make; again after rig_append_close */
void rig_append_close(struct rig *g);
void rig_people(struct rig *g, int n); /* ids 1 to n: owner, then members; each with a cookie */
void rig_role(struct rig *g, int64_t user_id, enum user_role role);
void rig_sql(struct rig *g, const char *text);
int64_t rig_number(struct rig *g, const char *text); /* of the first column of the first row; -1: no row */
int64_t rig_count(struct rig *g, const char *fmt, ...) __attribute__((format(printf, 2, 3))); /* rig_number, printed */
struct str rig_text(struct rig *g, struct arena *a, const char *text);

/* Keeps the lane busy until it is let go, so that what is submitted meanwhile becomes one batch. */
void rig_hold(struct rig *g);
void rig_let_go(struct rig *g);

/* A main for tests over both databases: `state` is the rig, with 40 people. */
int rig_main(const struct CMUnitTest *tests, size_t n);

/* Making changes by person `who`; they are freed by ask_free(). */
struct ask *ask_new(struct rig *g, int64_t who, enum change_kind kind, int64_t channel_id);
struct ask *ask_send(struct rig *g, int64_t who, int64_t channel_id, const char *body); /* with a fresh nonce */
void ask_nonce(struct ask *q, int64_t n);
void ask_free(struct ask *q);
enum err ask_submit(struct ask *q);
void ask_wait(struct ask *q);
enum err ask_do(struct ask *q);   /* submits and waits: c->err */
enum err ask_once(struct ask *q); /* the same, and frees it */
int64_t rig_channel(struct rig *g, int64_t who, const char *name, enum channel_kind kind); /* made by `who` */
void rig_join(struct rig *g, int64_t who, int64_t channel_id);
struct event *rig_event(struct rig *g, int64_t channel_id, int64_t rev); /* NULL: was not published */
struct str rig_hint(struct rig *g, struct arena *a, int64_t channel_id); /* the last that was published there */
/* Every rev of the channel is in exactly one row, and was published once at least. */
void rig_check_dense(struct rig *g, int64_t channel_id);
#endif
