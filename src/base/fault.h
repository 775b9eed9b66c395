/* Switches that break a mechanism on purpose, so that a test can show that it is needed. Only test builds
 * (-Dfaults=true) know them: LINNET_FAULTS=no_heal,... (config.def names them) */
#ifndef LINNET_BASE_FAULT_H
#define LINNET_BASE_FAULT_H
#include "base/config.h"

static inline bool fault_on(const struct config *c, struct str name)
{
#if LINNET_FAULTS
	struct str rest = c ? c->faults : STR_NONE, one;
	while (rest.p && str_split(&rest, ',', &one))
		if (str_eq(one, name)) return true;
#endif
	(void)c, (void)name;
	return false;
}
#endif
