/* A host's addresses, without making the reactor wait: numbers at once, names by a thread of their own. reactor
 *
 * Nobody can call a lookup off: with name servers that are dead it takes half a minute. So whoever stops gives it up
 * instead, and the thread ends by itself, into nothing. (libuv's threads would have to be waited for, and are shared.)
 */
#ifndef LINNET_REDIS_RESOLVE_H
#define LINNET_REDIS_RESOLVE_H
#include <netdb.h>

#include "loop/reactor.h"

/* As getaddrinfo(), whose list it makes. */
typedef int (*resolve_lookup)(const char *host, const char *service, const struct addrinfo *hints,
							  struct addrinfo **list);
struct resolve {
	struct lookup *under_way;                                                /* NULL: none */
	resolve_lookup lookup;                                                   /* NULL: getaddrinfo() */
	void (*done)(struct resolve *r, struct addrinfo *list, const char *why); /* the list is the callee's; NULL: why */
};
/* `done` may be called before this returns. */
void resolve_start(struct resolve *r, struct reactor *reactor, const char *host, int port);
void resolve_give_up(struct resolve *r); /* `done` is not called any more */
#endif
