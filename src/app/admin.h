/* `linnet admin create-user`: many people with an API token each, in one transaction (store/bulk.h). */
#ifndef LINNET_APP_ADMIN_H
#define LINNET_APP_ADMIN_H
#include "base/clock.h"
#include "db/db.h"
#include "model/user.h"

#define ADMIN_PEOPLE_MOST 1000000
#define ADMIN_CHANNELS_MOST 2000

struct admin_people {
	int64_t count;
	struct str prefix;   /* names are prefix1, prefix2, ... */
	struct str username; /* or the name of the one; STR_NONE */
	struct str names;    /* or as many names, a line each; STR_NONE */
	struct str display_name;
	struct str password_hash; /* STR_NONE: no password signs in */
	enum user_role role;      /* the first account of a server becomes its owner, whatever is said here */
	struct str channels;      /* "a,b,c": all of them join these, which are made when there are none; STR_NONE */
	int64_t large_from;       /* of the settings */
	const struct clock *clock;
	/* "NAME TOKEN" of each, in their order, and then that these were all, before anything is committed. Whatever they
	 * return but OK undoes it all. NULL: they get no tokens. */
	enum err (*line)(void *arg, struct str line);
	enum err (*lines_end)(void *arg);
	void *arg;
};
/* ERR_INVALID and ERR_NAME_TAKEN with what is wrong in *problem; the database's errors as they are. */
enum err admin_create_people(struct db_conn *c, const struct admin_people *p, struct problem *problem);
#endif
