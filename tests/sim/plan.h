/* What people do and what goes wrong, drawn before the run begins: numbered steps, any of which can be left out, so
 * that a failure can be made small. */
#ifndef LINNET_SIM_PLAN_H
#define LINNET_SIM_PLAN_H
#include "world.h"

struct plan;
struct plan *plan_create(struct world *w, const uint64_t *mask, size_t n_mask);
void plan_free(struct plan *p);
void plan_calm(struct plan *p); /* no faults any more */
size_t plan_size(const struct plan *p);
#endif
