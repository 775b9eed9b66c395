#include "edge/origin.h"

#include <string.h>

#include "base/mem.h"
#include "edge/proxy.h"

/* "host", "host:8002", "[::1]:8002". port 0: none said. */
static bool authority_parse(struct str s, struct str *host, int *port)
{
	size_t end = 0;
	if (str_starts(s, STR("["))) {
		const char *close = memchr(s.p, ']', s.n);
		if (!close) return false;
		end = (size_t)(close + 1 - s.p);
	} else {
		const char *colon = s.n ? memchr(s.p, ':', s.n) : NULL;
		end = colon ? (size_t)(colon - s.p) : s.n;
	}
	*host = str_upto(s, end);
	*port = 0;
	struct str rest = str_from(s, end);
	if (host->n == 0 || str_has(*host, '@')) return false;
	if (rest.n == 0) return true;
	int64_t number;
	if (rest.p[0] != ':' || !str_i64(str_from(rest, 1), 1, 65535, &number)) return false;
	*port = (int)number;
	return true;
}

bool origin_parse(struct str s, struct origin *out)
{
	struct str authority;
	if (str_eq_nocase(str_upto(s, 8), STR("https://"))) {
		out->https = true, s = str_from(s, 8);
	} else if (str_eq_nocase(str_upto(s, 7), STR("http://"))) {
		out->https = false, s = str_from(s, 7);
	} else {
		return false;
	}
	if (!str_split(&s, '/', &authority) || !authority_parse(authority, &out->host, &out->port)) return false;
	if (!out->port) out->port = out->https ? 443 : 80;
	return true;
}

static bool same(const struct origin *a, const struct origin *b)
{
	return a->https == b->https && a->port == b->port && str_eq_nocase(a->host, b->host);
}

bool origins_parse(struct str public_url, struct str allowed, struct origins *out, struct str *wrong)
{
	struct origin o;
	struct str part;
	*out = (struct origins){ 0 };
	if (public_url.n) {
		*wrong = public_url;
		if (!origin_parse(public_url, &o)) return false;
		vec_push(&out->list, o);
	}
	while (str_split(&allowed, ',', &part)) {
		*wrong = part = str_trim(part);
		if (part.n == 0) continue;
		if (!origin_parse(part, &o)) {
			origins_release(out);
			return false;
		}
		vec_push(&out->list, o);
	}
	return true;
}

void origins_release(struct origins *o)
{
	vec_release(&o->list);
}

bool origins_have(const struct origins *o, struct str origin)
{
	struct origin given;
	if (!origin_parse(origin, &given)) return false;
	for (size_t i = 0; i < o->list.n; i++)
		if (same(&o->list.p[i], &given)) return true;
	return false;
}

bool host_is_direct(struct str host)
{
	struct str name;
	struct address a;
	int port;
	if (!host.p) return true;
	return authority_parse(host, &name, &port) && (str_eq_nocase(name, STR("localhost")) || address_parse(name, &a));
}

bool origin_is_own(struct str origin, struct str host, bool https)
{
	struct origin given;
	struct str name;
	int port;
	if (!origin_parse(origin, &given) || !authority_parse(host, &name, &port)) return false;
	if (!str_eq_nocase(name, given.host)) return false;
	if (port) return given.port == port;
	return given.port == 443 || (!https && given.port == 80);
}
