/* What the state in Redis needs of the one of this process, besides its functions as any other's. */
#ifndef LINNET_EPH_LOCAL_H
#define LINNET_EPH_LOCAL_H
#include "eph/eph.h"

/* Others have counted too: a count that has begun here, and is lower, is that high. */
void eph_local_raise(struct eph *local, struct str key, int64_t count);
#endif
