/* What the two ways of writing reactions share: the judgement of one, and what comes of it. */
#ifndef LINNET_STORE_APPEND_REACT_H
#define LINNET_STORE_APPEND_REACT_H
#include "store/append_tx.h"

/* Each false: there is nothing to do, or c->err has the verdict. */
bool react_permitted(struct tx_ask *q);
/* shown: those of the message; mine: how many of them are the actor's; given: this one is. */
bool react_judge(struct tx_ask *q, const struct reactions *shown, int64_t mine, bool given);
/* Moves what is shown. NULL: what is shown and who has given it have parted. *more: react_read_first() is wanted. */
struct reaction *react_apply(struct tx_ask *q, struct reactions *shown, bool *more);
enum err react_read_first(struct tx_ask *q, struct reaction *x); /* who is named, from the table */
void react_event(struct tx_ask *q, const struct reaction *x);    /* takes the rev; the row is the caller's */

/* Changes of kind CHANGE_REACTION of a batch in Postgres, one after the other, each of an actor whose session stands.
 */
enum err react_run(struct append_tx *tx, struct change **changes, const struct actor *actors, size_t n);
#endif
