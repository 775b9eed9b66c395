#include "app/pulse.h"

#include <stdatomic.h>

#include "base/log.h"
#include "base/mem.h"

#define REMIND_MS 60000

struct beat {
	struct job job;
	enum db_way way;
	_Atomic bool asking;
	int64_t reminded_ms; /* of the outage; reactor */
};

struct pulse {
	struct pulse_options o;
	struct timer timer;
	struct beat beats[DB_WAYS];
};

static const struct sql SQL_READ = { "SELECT value FROM meta WHERE key = 'uuid'", NULL };
/* In SQLite as much as many messages: one row still finds room where they do not any more. */
#define WRITE(value)                                                                                                   \
	"INSERT INTO meta (key, value) VALUES ('pulse', " value ") ON CONFLICT (key) DO UPDATE SET value = excluded.value"
static const struct sql SQL_WRITE = { WRITE("''"), WRITE("hex(zeroblob(131072))") };

static void write_run(struct db_conn *c)
{
	if (db_conn_kind(c) == DB_POSTGRES) {
		db_exec(c, &SQL_WRITE, DB_NO_ARGS, NULL);
		return;
	}
	if (db_begin(c)) return;
	db_exec(c, &SQL_WRITE, DB_NO_ARGS, NULL);
	db_rehearse(c);
}

static void beat_run(struct job *j, void *conn)
{
	const struct beat *b = container_of(j, struct beat, job);
	if (b->way == DB_READING)
		db_one(conn, &SQL_READ, DB_NO_ARGS, NULL, NULL);
	else
		write_run(conn);
}

static void beat_done(struct job *j) /* on the lane */
{
	atomic_store(&container_of(j, struct beat, job)->asking, false);
}

static void ask(struct beat *b, struct lane *lane)
{
	if (atomic_exchange(&b->asking, true)) return;
	b->job = (struct job){ .run = beat_run, .done = beat_done };
	if (lane_submit(lane, &b->job)) atomic_store(&b->asking, false);
}

/* What was said once is far up in the log by now. */
static void remind(struct beat *b, int64_t away_ms)
{
	if (!away_ms) b->reminded_ms = 0;
	if (away_ms - b->reminded_ms < REMIND_MS) return;
	b->reminded_ms = away_ms;
	log_event(LOG_ERROR, "db.still_away", LOG_TEXT("for", db_way_name(b->way)), LOG_INT("ms", away_ms));
}

static void pulse_due(struct reactor *r, struct timer *t)
{
	struct pulse *p = container_of(t, struct pulse, timer);
	int64_t away[DB_WAYS];
	for (int way = 0; way < DB_WAYS; way++) {
		away[way] = db_away_ms(p->o.db, (enum db_way)way);
		remind(&p->beats[way], away[way]);
	}
	ask(&p->beats[DB_READING], p->o.read);
	if (away[DB_WRITING]) ask(&p->beats[DB_WRITING], p->o.write);
	timer_set(r, t, p->o.every_ms);
}

struct pulse *pulse_create(const struct pulse_options *o)
{
	struct pulse *p = mem_new(struct pulse);
	p->o = *o;
	for (int way = 0; way < DB_WAYS; way++) p->beats[way].way = (enum db_way)way;
	timer_init(&p->timer, pulse_due);
	timer_set(o->home, &p->timer, o->every_ms);
	return p;
}

void pulse_destroy(struct pulse *p)
{
	timer_clear(&p->timer);
	mem_free(p);
}
