/* channel_members:ID, the people who wrote or typed in a channel lately. */
#ifndef LINNET_EPH_PRESENT_H
#define LINNET_EPH_PRESENT_H
#include <stdio.h>

#include "eph/eph.h"

static inline struct str eph_present_key(int64_t channel_id, char out[48])
{
	return (struct str){ out, (size_t)snprintf(out, 48, "channel_members:%lld", (long long)channel_id) };
}
/* Never waits; the set is forgotten when nobody is put into it for so long. */
static inline void eph_present(struct eph *e, int64_t channel_id, int64_t user_id, int64_t ttl_ms)
{
	char key[48], member[24];
	int n = snprintf(member, sizeof member, "%lld", (long long)user_id);
	e->ops->set_add(e, eph_present_key(channel_id, key), (struct str){ member, (size_t)n }, ttl_ms);
}
#endif
