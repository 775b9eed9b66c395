/* Where a Redis is: redis://[[USER]:PASSWORD@]HOST[:PORT][/DB], rediss:// over TLS. User and password may be
 * percent-escaped, an IPv6 address stands in brackets. */
#ifndef LINNET_REDIS_ADDRESS_H
#define LINNET_REDIS_ADDRESS_H
#include "base/arena.h"

struct redis_address {
	bool tls;
	const char *host;
	int port, db;              /* 6379 and 0 unless told */
	struct str user, password; /* STR_NONE: none; a password alone is that of the user `default` */
};
#define REDIS_ADDRESS_FORM "redis://[[USER]:PASSWORD@]HOST[:PORT][/DB], or rediss:// over TLS"
#define REDIS_DB_MOST 65535
/* False: it is no such address. What it points to lives in the arena. */
bool redis_address_parse(struct str url, struct arena *a, struct redis_address *out);
#endif
