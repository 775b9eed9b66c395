/* Whether a database holds what it must: each rev in exactly one row, times and numbers in order, counters that agree
 * with what they count, nothing that belongs to what is not there. Reads only, in slices of some thousand rows, so that
 * neither memory nor a statement grows with the database; in the caller's snapshot, so that writers do not show. */
#ifndef LINNET_STORE_VERIFY_H
#define LINNET_STORE_VERIFY_H
#include "db/db.h"

#define VERIFY_MOST 1000 /* findings; then it is given up */

struct finding {
	const char *check;  /* "rev_missing" */
	int64_t channel_id; /* -1: of none */
	struct str text;    /* in words */
};
struct verify { /* lane */
	void (*found)(void *arg, const struct finding *f);
	void *arg;
	int64_t slice; /* rows; 0: as it likes. Tests use few */
	/* out */
	int64_t channels, revs, people, findings;
	bool given_up; /* after VERIFY_MOST findings */
};
/* In a snapshot transaction of a DB_READ connection. OK also with findings. */
enum err verify_run(struct db_conn *c, struct verify *v);

/* ---- verify_log.c, for verify.c */
struct verify_head {
	int64_t channel_id, rev, rev_at, last_id, last_seq, last_at, min_rev, min_rev_at, min_id;
	bool deleted;
};
void verify_found(struct verify *v, const char *check, int64_t channel_id, struct str text);
void verify_says(struct verify *v, const char *check, int64_t channel_id, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Walks the log of one channel, above min_rev, in the order of revs. */
enum err verify_log(struct db_conn *c, struct verify *v, const struct verify_head *h, int64_t slice);
#endif
