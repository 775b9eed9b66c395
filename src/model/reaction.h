/* The reactions to a message: each emoji with how many have given it and who was first, in the order in which the emoji
 * were first given. What is kept is absolute, so that an event may carry one emoji's value and be applied twice. */
#ifndef LINNET_MODEL_REACTION_H
#define LINNET_MODEL_REACTION_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

#define REACTION_KINDS 64 /* emoji of a message, at most */
#define REACTION_USERS 20 /* people who are named of each */

struct reaction {
	struct str emoji;
	int64_t count;
	int64_t user_ids[REACTION_USERS]; /* the first of them, in the order in which they came */
	size_t n_users;
};
struct reactions {
	struct reaction *items; /* in an arena */
	size_t n;
};

/* The text that stands in messages.reactions: `EMOJI COUNT ID,ID,...`, joined by `;`. STR_NONE: there are none. What is
 * no such text (of a later version) gives none. */
void reactions_parse(struct arena *a, struct str text, struct reactions *out);
struct str reactions_text(struct arena *a, const struct reactions *r);

struct reaction *reactions_find(const struct reactions *r, struct str emoji); /* NULL: nobody has given it */
/* One more; the caller knows that this person has not given it yet. Others that were found before may have moved. */
struct reaction *reactions_add(struct arena *a, struct reactions *r, struct str emoji, int64_t user_id);
/* One less. *more: others have given it who are not named, and one of them takes a place that is free now. */
void reactions_remove(struct reaction *x, int64_t user_id, bool *more);
/* Drops what nobody gives any more. */
void reactions_tidy(struct reactions *r);
#endif
