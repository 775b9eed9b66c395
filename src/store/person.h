/* Accounts: made, found by name, changed. What others see of a person (name, role, ...) changes through the append
 * queue instead, since it takes a rev of channel 0 (CHANGE_USER). */
#ifndef LINNET_STORE_PERSON_H
#define LINNET_STORE_PERSON_H
#include "db/db.h"
#include "model/user.h"

/* The lock under which somebody's own things change: sessions, tokens, password. Heads of channels are locked before
 * it, everything else after. In a transaction; SQLite's has the whole file. */
enum err person_lock(struct db_conn *c, int64_t user_id);
/* Moves the head under that lock, and tells the head checks of other processes. */
enum err person_move(struct db_conn *c, int64_t user_id, int64_t *user_rev);

struct person_new {
	struct str username, display_name; /* checked; STR_NONE: no display name */
	struct str password_hash;          /* STR_NONE: no password signs in */
	enum user_role role;               /* the first account of a server is its owner, whatever is said here */
	bool bot;
	int64_t created_by, now_ms; /* created_by 0: by themselves */
	int64_t user_id;            /* out */
	bool first;                 /* out */
};
/* In a transaction, which until its end holds back other creations: so there is one first. No member of anything yet:
 * see person_key. ERR_NAME_TAKEN. */
enum err person_create(struct db_conn *c, struct person_new *p);
enum err person_any(struct db_conn *c, bool *any); /* is there an account? */

struct person_key {
	int64_t user_id; /* 0: there is nobody of this name who could sign in */
	struct str password_hash;
	bool settled; /* is in channel 0 and the default channels, or was once; a guest in the channel of an invite */
};
/* By the lowered name. Nobody (deleted, deactivated, without a password, none): user_id 0 and OK. */
enum err person_by_name(struct db_conn *c, struct arena *a, struct str username, struct person_key *out);
enum err person_by_id(struct db_conn *c, struct arena *a, int64_t user_id, struct person_key *out);
/* Somebody's password hash, to be checked (and found wrong) where nobody has the name: so that the time is one that a
 * name of this server may take, also while hashes of two costs are about. For one name it is as good as always the same
 * person's. STR_NONE: hardly anybody has a password. */
enum err person_stand_in(struct db_conn *c, struct arena *a, struct str username, struct str *password_hash);
/* ERR_NOT_FOUND. */
enum err person_read(struct db_conn *c, struct arena *a, int64_t user_id, struct user *out);
/* As this person may know of them: a guest only those of common channels. ERR_NOT_FOUND. */
enum err person_seen(struct db_conn *c, struct arena *a, const struct actor *who, int64_t user_id, struct user *out);

/* Only where the hash is still `before` (else ERR_CONFLICT): somebody may have changed it meanwhile. */
enum err person_set_password(struct db_conn *c, int64_t user_id, struct str before, struct str after);

/* Whose name it is, lowered: with or without a password, deactivated too. ERR_NOT_FOUND. */
enum err person_named(struct db_conn *c, struct str username, int64_t *user_id);
/* Whatever there was before. */
enum err person_reset_password(struct db_conn *c, int64_t user_id, struct str after);

/* Public channels that new accounts join, ascending, at most `most`. */
enum err person_defaults(struct db_conn *c, int64_t *channel_ids, size_t most, size_t *n);

/* ---- people.c */
struct people_query {
	const struct actor *who;
	struct str q;       /* how username or display name begin, folded; STR_NONE: anybody who is not deleted */
	const int64_t *ids; /* NULL: not asked by ids */
	size_t n_ids;
	int64_t channel_id; /* its members; -1: not asked */
	bool large;         /* that channel is */
	struct str cursor;
	size_t limit;
};
struct people_page {
	struct user *items;
	size_t n;
	struct str next; /* STR_NONE at the end */
};
/* By username; by id those of a channel, and all whom a guest may know of, unless they are asked for by ids (or, of the
 * guest, by q). ERR_INVALID: a cursor that is none. Whether
 * the channel may be asked for is the caller's to know. */
enum err people_find(struct db_conn *c, struct arena *a, const struct people_query *q, struct people_page *out);
#endif
