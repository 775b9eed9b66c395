/* Which pages may talk to us: the Origin header against the request's own host, PUBLIC_URL and ALLOWED_ORIGINS. */
#ifndef LINNET_EDGE_ORIGIN_H
#define LINNET_EDGE_ORIGIN_H
#include <stdbool.h>

#include "base/str.h"
#include "base/vec.h"

struct origin { /* strings are the parsed text's */
	bool https;
	struct str host;
	int port;
};
/* "https://chat.example.org", a path behind it is left out. False for "null" and all that is no http origin. */
bool origin_parse(struct str s, struct origin *out);

struct origins {
	VEC(struct origin) list; /* PUBLIC_URL's first, when there is one */
};
/* False: *wrong is no origin. The texts outlive it. */
bool origins_parse(struct str public_url, struct str allowed, struct origins *out, struct str *wrong);
void origins_release(struct origins *o);
bool origins_have(const struct origins *o, struct str origin);
/* Is it the host and port that the request was sent to? A Host without a port behind something that ends TLS for us may
 * be that of either scheme. */
bool origin_is_own(struct str origin, struct str host, bool https);
/* Does a request's Host say localhost or an address? Any other name may be one of somebody else's, whose DNS then led a
 * page of theirs here, in the browser of a person who sits at this machine or network. No Host (HTTP/1.0) will do: no
 * browser leaves it out. */
bool host_is_direct(struct str host);
#endif
