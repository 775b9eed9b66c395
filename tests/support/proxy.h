/* Stands between a client and its server on loopback, and does to their bytes what networks do: cut, swallow, keep
 * back. One thread of its own. A rule holds for the connections that are open when it takes hold, and for no later one.
 */
#ifndef LINNET_TESTS_SUPPORT_PROXY_H
#define LINNET_TESTS_SUPPORT_PROXY_H
#include <stdbool.h>

struct proxy;
struct proxy *proxy_start(int server_port);
void proxy_destroy(struct proxy *p);
int proxy_port(const struct proxy *p);

/* What happens from the next bytes of a client on that contain `word` with its NUL (NULL: from any). The word must not
 * be split over two writes of the client. */
enum proxy_rule {
	PROXY_SWALLOW_ANSWER, /* they arrive, nothing comes back */
	PROXY_KEEP_BACK,      /* they are kept, and go on with proxy_release() */
	PROXY_CUT             /* both ends are closed, they go nowhere */
};
void proxy_rule(struct proxy *p, enum proxy_rule rule, const char *word);
bool proxy_struck(struct proxy *p);      /* has the rule taken hold of a connection? Waits until it has: 60 s at most */
void proxy_cut_clients(struct proxy *p); /* of the connections that are open, the client's ends */
void proxy_release(struct proxy *p);     /* what was kept back reaches the server, and then the end */
/* From now on the connections that are open swallow what either side says, and tell neither: a cable was cut. */
void proxy_silence(struct proxy *p);
/* From now on nothing comes back on the connections that are open, though all arrives. */
void proxy_deafen(struct proxy *p);
/* The server's bytes wait, in order, until they may go on. */
void proxy_hold_answers(struct proxy *p, bool hold);
void proxy_refuse(struct proxy *p, bool refuse); /* new connections end at once */
#endif
