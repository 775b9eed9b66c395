#include "redis/refusals.h"

#include <stdio.h>
#include <string.h>

bool redis_refusals_new(struct redis_refusals *r, struct str error, int64_t now_ns)
{
	char kind[REFUSAL_KIND];
	struct str word = STR("");
	str_split(&error, ' ', &word);
	snprintf(kind, sizeof kind, STR_FMT, STR_ARG(word.n ? word : STR("?")));
	size_t at = REFUSAL_KINDS;
	for (size_t i = REFUSAL_KINDS; i-- > 0;) {
		bool over = !r->seen[i].kind[0] || now_ns - r->seen[i].last_ns >= REFUSAL_QUIET_NS;
		if (!over && !strcmp(r->seen[i].kind, kind)) {
			r->seen[i].last_ns = now_ns;
			return false;
		}
		if (over) at = i;
	}
	if (at == REFUSAL_KINDS) return false;
	memcpy(r->seen[at].kind, kind, sizeof kind);
	r->seen[at].last_ns = now_ns;
	return true;
}
