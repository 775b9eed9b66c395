/* Many people at once, for the operator's command: each step is one statement for all of them, or one a channel, in one
 * transaction. Person i of N (from 1) has id base + i, and takes the i-th rev of what everybody joins, so that revs
 * stay dense. No process that serves need know: heads are locked, and moves tell the head checks. */
#ifndef LINNET_STORE_BULK_H
#define LINNET_STORE_BULK_H
#include "db/db.h"
#include "model/channel.h"
#include "model/user.h"

#define BULK_NAME 64

struct bulk_people {
	int64_t count;
	struct str name; /* numbered: its beginning, before the number; listed: all, each filled up to BULK_NAME with
					  * blanks; else the one person's name */
	enum bulk_naming { BULK_ONE, BULK_NUMBERED, BULK_LISTED } naming;
	struct str display_name;  /* STR_NONE: none */
	struct str password_hash; /* of all of them; STR_NONE: none */
	enum user_role role;      /* the very first account is an owner all the same */
	int64_t now_ms;
	int64_t large_from;      /* with so many members a channel becomes large; 0: none does by this */
	struct str name_hashes;  /* 32 bytes each */
	struct str token_hashes; /* 32 bytes each: of an API token with all scopes; empty: none */
	struct str token_ids;    /* 26 bytes each: ULIDs */
	int64_t base;            /* out, by bulk_ids */
};
struct bulk_channel {
	int64_t id;
	bool made; /* in this transaction, by the first of them, who owns it and takes no rev by joining */
	int64_t rev, at, last_id, last_seq, member_count;
	bool large;
	enum channel_history history;
};

/* base. Until the transaction ends nobody else makes an account. */
enum err bulk_ids(struct db_conn *c, struct bulk_people *p);
/* The public channel of this name, made when there is none: by person base + 1, who is to join it by bulk_join().
 * ERR_NAME_TAKEN: by a private one. */
enum err bulk_channel(struct db_conn *c, const struct bulk_people *p, struct str name, struct str key, bool is_default,
					  struct bulk_channel *out);
/* Locks the heads, in the order of their ids: `channels` is sorted, and doubles are taken out. */
enum err bulk_lock(struct db_conn *c, struct bulk_channel *channels, size_t *n, int64_t now_ms);
/* The accounts, with their tokens. server: channel 0, locked, of which they take their first revs. ERR_NAME_TAKEN. */
enum err bulk_write(struct db_conn *c, const struct bulk_people *p, const struct bulk_channel *server);
enum err bulk_join(struct db_conn *c, const struct bulk_people *p, const struct bulk_channel *ch);
#endif
