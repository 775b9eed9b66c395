/* What must hold, by the rules at the end of the design's page on synchronisation. The log of the database is read
 * whenever it goes back and at the end: each is a lineage, and whatever anybody saw must stand in one. */
#ifndef LINNET_SIM_JUDGE_H
#define LINNET_SIM_JUDGE_H
#include "world.h"

struct client;
struct held;
struct wire;
struct sim_pod;
struct judge;
struct judge *judge_create(struct world *w); /* after sim_db_begin */
void judge_free(struct judge *j);
void judge_rules(struct world *w);                 /* rules.c */
void judge_given(struct world *w);                 /* given.c: what is shown of reactions against who has given them */
void judge_retention(struct world *w);             /* retained.c: what is too old is gone, and nothing else */
bool judge_retained(struct world *w);              /* there is nothing to do for it */
void judge_verify(struct world *w);                /* retained.c: by what `linnet admin check` asks */
const struct client *judge_named(struct world *w); /* named.c: who does not know what they are called; NULL: all do */
void judge_lineage(struct judge *j);               /* the database's log as it is now */
void judge_saw(struct judge *j, const struct client *k, const struct wire *h, const struct held *m); /* by its stream */
void judge_read(struct judge *j, const struct client *k, int slot, int64_t rev, int64_t at, const struct held *m);
void judge_order(struct judge *j, const struct sim_pod *p); /* of what it wrote */
bool judge_converged(struct judge *j);                      /* everybody has what the database has, and nothing waits */
void judge_end(struct judge *j);
#endif
