/* Who the client is: the peer, or what a proxy that we trust says of it (TRUSTED_PROXIES). */
#ifndef LINNET_EDGE_PROXY_H
#define LINNET_EDGE_PROXY_H
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "base/vec.h"
#include "proto/http1.h"

/* IPv4 as ::ffff:a.b.c.d */
struct address {
	uint8_t b[16];
};
#define ADDRESS_TEXT 46
bool address_parse(struct str s, struct address *out);                /* also [v6]:port, v4:port */
void address_format(const struct address *a, char out[ADDRESS_TEXT]); /* NUL-terminated */
bool address_is_v4(const struct address *a);
bool address_is_private(const struct address *a); /* loopback, RFC 1918, link-local, unique local */
/* What limits are counted by: an IPv4 address, or the /64 of an IPv6 one. */
struct str address_limit_key(const struct address *a, char out[ADDRESS_TEXT]);

struct network {
	struct address base;
	int bits;
};
struct proxies {
	VEC(struct network) list;
};
/* "10.0.0.0/8,::1/128,192.0.2.7". False: *wrong is the part that is none. */
bool proxies_parse(struct str list, struct proxies *out, struct str *wrong);
void proxies_release(struct proxies *p);
bool proxies_trust(const struct proxies *p, const struct address *a);

struct asker {
	struct address address;
	bool https;
	bool forwarded; /* some forwarding header was there, believed or not */
};
/* X-Forwarded-For is walked from the right for as long as who speaks is trusted; -Proto goes with it. */
struct asker proxy_client(const struct proxies *p, const struct http_head *head, struct str peer, bool tls);
#endif
