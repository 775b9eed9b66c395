#include "redis/address.h"

#include <string.h>

#include "base/id.h"

/* Without NUL, so that a host is what it looks like. */
static bool unescape(struct str s, struct arena *a, struct str *out)
{
	char *p = arena_alloc(a, s.n + 1);
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++) {
		uint8_t byte = (uint8_t)s.p[i];
		if (s.p[i] == '%') {
			if (s.n - i < 3 || !hex_decode((struct str){ s.p + i + 1, 2 }, &byte, 1)) return false;
			i += 2;
		}
		if (!byte) return false;
		p[n++] = (char)byte;
	}
	p[n] = 0;
	*out = (struct str){ p, n };
	return true;
}

static bool parse_user(struct str s, struct arena *a, struct redis_address *out)
{
	struct str rest = s, user;
	str_split(&rest, ':', &user);
	if (!rest.p || !rest.n) return false; /* a user without a password is a mistake */
	if (user.n && !unescape(user, a, &out->user)) return false;
	return unescape(rest, a, &out->password);
}

static bool is_host(struct str s)
{
	if (!s.n || s.n > 255) return false;
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || strchr("/?#@[]\\%\x7f", s.p[i])) return false;
	return true;
}

static bool parse_host(struct str s, struct arena *a, struct redis_address *out)
{
	struct str host = s, port = STR_NONE;
	int64_t number = 6379;
	if (s.n && s.p[0] == '[') {
		const char *end = memchr(s.p, ']', s.n);
		if (!end) return false;
		host = (struct str){ s.p + 1, (size_t)(end - s.p - 1) };
		port = str_from(s, (size_t)(end + 1 - s.p));
		if (!str_has(host, ':') || (port.n && port.p[0] != ':')) return false;
		port = port.n ? str_from(port, 1) : STR_NONE;
	} else if (str_has(s, ':')) {
		port = s;
		str_split(&port, ':', &host);
	}
	if (!is_host(host) || (port.p && !str_i64(port, 1, 65535, &number))) return false;
	out->host = arena_cstr(a, host);
	out->port = (int)number;
	return true;
}

bool redis_address_parse(struct str url, struct arena *a, struct redis_address *out)
{
	const struct str plain = STR("redis://"), over_tls = STR("rediss://");
	*out = (struct redis_address){ .tls = str_starts(url, over_tls), .user = STR_NONE, .password = STR_NONE };
	if (!out->tls && !str_starts(url, plain)) return false;
	struct str rest = str_from(url, out->tls ? over_tls.n : plain.n), path = STR_NONE;
	const char *at = rest.p ? memrchr(rest.p, '@', rest.n) : NULL;
	if (at) {
		if (!parse_user(str_upto(rest, (size_t)(at - rest.p)), a, out)) return false;
		rest = str_from(rest, (size_t)(at + 1 - rest.p));
	}
	const char *slash = rest.p ? memchr(rest.p, '/', rest.n) : NULL;
	if (slash) {
		path = str_from(rest, (size_t)(slash + 1 - rest.p));
		rest = str_upto(rest, (size_t)(slash - rest.p));
	}
	int64_t db = 0;
	if (path.n && !str_i64(path, 0, REDIS_DB_MOST, &db)) return false;
	out->db = (int)db;
	return parse_host(rest, a, out);
}
