/* A host's addresses, without making the reactor wait: numbers at once, names by libuv's threads. reactor */
#ifndef LINNET_REDIS_RESOLVE_H
#define LINNET_REDIS_RESOLVE_H
#include <netdb.h>
#include <uv.h>

#include "loop/reactor.h"

struct resolve {
	uv_getaddrinfo_t request;
	bool busy; /* `done` is still to come, also after the reactor was told to stop: it must live and turn until then */
	void (*done)(struct resolve *r, struct addrinfo *list, const char *why); /* the list is the callee's; NULL: why */
};
/* `done` may be called before this returns. */
void resolve_start(struct resolve *r, struct reactor *reactor, const char *host, int port);
void resolve_hurry(struct resolve *r); /* gives up what has not begun */
#endif
