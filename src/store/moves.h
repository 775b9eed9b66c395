/* What has moved: `moves` has a row for each head and batch, which every pod's head check reads and any pod sweeps
 * (sync: Head check). In Postgres; in SQLite a server writes nothing there, and a check reads heads by id. */
#ifndef LINNET_STORE_MOVES_H
#define LINNET_STORE_MOVES_H
#include "db/db.h"

#define MOVES_KNOWN_MS 30000 /* a snapshot that is older cannot be gone on from: what it did not see may be swept */
#define MOVES_KEPT_MS 60000  /* rows stay until a snapshot that has seen them is so old */

/* A snapshot, and where and when it was taken, by that server's clock. */
struct moment {
	struct str snapshot; /* STR_NONE: none */
	uint64_t epoch;
	int64_t server; /* when it was started */
	int64_t asked_ms, taken_ms;
};
struct moment moment_copy(const struct moment *m); /* to be released */
void moment_release(struct moment *m);

struct moved {
	int64_t user_id;    /* 0: a channel */
	int64_t channel_id; /* 0 is one */
	int64_t rev;
};
struct moves {
	struct moment now;
	bool known; /* false: rows do not tell what has moved since */
	struct moved *rows;
	size_t n;
};
/* What moved that `prev` did not see, snapshot and rows from one statement. In SQLite never known. */
enum err moves_read(struct db_conn *c, struct arena *a, const struct moment *prev, struct moves *out);

struct sweep {
	struct moment old, done; /* in: rows that `old` saw go, if it is old enough; those that `done` saw are gone */
	int64_t kept_ms, most;   /* in: how old; rows of one slice */
	struct moment now;       /* out */
	bool mine;               /* out: false: not old enough, or another pod is at it */
	int64_t swept, left;     /* out; left: about */
};
/* One slice, in the caller's transaction. */
enum err moves_sweep(struct db_conn *c, struct arena *a, struct sweep *s);
#endif
