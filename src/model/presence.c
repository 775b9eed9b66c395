#include "model/presence.h"

#include "base/mem.h"

static const char *const names[] = { "offline", "idle", "online" };

const char *presence_name(enum presence p)
{
	return names[p];
}

bool presence_parse(struct str s, enum presence *out)
{
	for (size_t i = 0; i < countof(names); i++) {
		if (!str_eq(s, str_of(names[i]))) continue;
		*out = (enum presence)i;
		return true;
	}
	return false;
}
