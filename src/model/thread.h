/* What a message shows of the thread below it: how many replies there are that are not deleted, the last of them, and
 * who replied last. Absolute values: a later one replaces an earlier one. */
#ifndef LINNET_MODEL_THREAD_H
#define LINNET_MODEL_THREAD_H
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

#define THREAD_USERS 3

struct thread {
	int64_t count, last_id, last_at;    /* count 0: none is left, and the others say nothing */
	int64_t last_seq;                   /* the thread_seq that was given last, also when that reply was deleted */
	int64_t user_ids[THREAD_USERS + 1]; /* the last first */
	size_t n_users;
};
void thread_name(struct thread *t, int64_t user_id); /* has replied last */
void thread_name_last(struct thread *t,
					  int64_t user_id); /* replied before all who are named; nothing when it is full */
struct str thread_users_text(struct arena *a, const struct thread *t); /* `7,3,12`; STR_NONE: nobody */
void thread_users_parse(struct str text, struct thread *t);
#endif
