/* Targets and queries: the two forms that a server of its own is asked by (RFC 9112, 3.2.1 and 3.2.2), and "*". */
#include <string.h>

#include "base/arena.h"
#include "proto/http_parts.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9') return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* False on a bad escape, a NUL or what is not UTF-8. Without anything to decode *out is `in` itself. */
static bool percent_decode(struct str in, bool plus, struct arena *a, struct str *out)
{
	*out = in;
	if (!str_has(in, '%') && !(plus && str_has(in, '+'))) return !str_has(in, '\0') && str_utf8(in);
	char *to = arena_alloc(a, in.n);
	size_t n = 0;
	for (size_t i = 0; i < in.n; i++) {
		char c = in.p[i];
		if (c == '%') {
			if (in.n - i < 3) return false;
			int high = hex_digit(in.p[i + 1]), low = hex_digit(in.p[i + 2]);
			if (high < 0 || low < 0) return false;
			c = (char)(high << 4 | low);
			i += 2;
		} else if (plus && c == '+') {
			c = ' ';
		}
		if (!c) return false;
		to[n++] = c;
	}
	*out = (struct str){ to, n };
	return str_utf8(*out);
}

/* Some path lexers stop at "%2F", some at "/", and dots climb: what could be read in two ways is refused. */
static bool slash_encoded(struct str path)
{
	for (size_t i = 0; i + 2 < path.n; i++)
		if (path.p[i] == '%' && path.p[i + 1] == '2' && (path.p[i + 2] | 0x20) == 'f') return true;
	return false;
}

static bool has_dot_segment(struct str path)
{
	struct str part;
	while (str_split(&path, '/', &part))
		if (str_eq(part, STR(".")) || str_eq(part, STR(".."))) return true;
	return false;
}

static bool read_path(struct str path, struct arena *a, struct http_head *out, struct http_fault *fault)
{
	if (slash_encoded(path)) return http_refuse(fault, ERR_MALFORMED, "the path has an encoded slash");
	if (!percent_decode(path, false, a, &out->path))
		return http_refuse(fault, ERR_MALFORMED, "the path has a bad escape, a NUL or is not UTF-8");
	if (has_dot_segment(out->path)) return http_refuse(fault, ERR_MALFORMED, "the path has a segment of dots");
	return true;
}

/* ---- host[:port] */
static size_t host_length(struct str s)
{
	size_t i = 0;
	if (s.n && s.p[0] == '[') {
		for (i = 1; i < s.n && (hex_digit(s.p[i]) >= 0 || s.p[i] == ':' || s.p[i] == '.');) i++;
		return i > 2 && i < s.n && s.p[i] == ']' ? i + 1 : 0;
	}
	for (; i < s.n; i++) {
		char c = s.p[i], lower = c | 0x20;
		if (!(lower >= 'a' && lower <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '.' && c != '_' && c != '~')
			break;
	}
	return i;
}

bool http_authority_valid(struct str s)
{
	size_t n = host_length(s);
	struct str port = str_from(s, n);
	if (!n || n > 255) return false;
	if (!port.n) return true;
	if (port.p[0] != ':' || port.n > 6) return false;
	unsigned number = 0;
	for (size_t i = 1; i < port.n; i++) {
		if (port.p[i] < '0' || port.p[i] > '9') return false;
		number = number * 10 + (unsigned)(port.p[i] - '0');
	}
	return number < 65536;
}

static bool starts_nocase(struct str s, struct str prefix)
{
	return str_eq_nocase(str_upto(s, prefix.n), prefix);
}

/* Leaves the rest behind the authority in *path. */
static bool read_absolute(struct str target, struct str *path, struct http_head *out, struct http_fault *fault)
{
	size_t n = starts_nocase(target, STR("http://")) ? 7 : starts_nocase(target, STR("https://")) ? 8 : 0;
	if (!n) return http_refuse(fault, ERR_MALFORMED, "the target is neither a path nor an http address");
	struct str rest = str_from(target, n);
	for (n = 0; n < rest.n && rest.p[n] != '/' && rest.p[n] != '?';) n++;
	out->host = str_upto(rest, n);
	if (!http_authority_valid(out->host)) return http_refuse(fault, ERR_MALFORMED, "the target's host is not a host");
	*path = str_from(rest, n);
	return true;
}

bool http_target_read(struct str target, struct arena *a, struct http_head *out, struct http_fault *fault)
{
	struct str path = target;
	out->target = target;
	for (size_t i = 0; i < target.n; i++)
		if (target.p[i] <= ' ' || target.p[i] > '~' || target.p[i] == '#')
			return http_refuse(fault, ERR_MALFORMED, "the target has a byte that belongs encoded");
	if (str_eq(target, STR("*")) && out->method == HTTP_OPTIONS) {
		out->path = target;
		return true;
	}
	if (target.p[0] != '/' && !read_absolute(target, &path, out, fault)) return false;
	const char *mark = memchr(path.p, '?', path.n);
	if (mark) {
		size_t at = (size_t)(mark - path.p);
		out->query = str_from(path, at + 1);
		path = str_upto(path, at);
	}
	return read_path(path.n ? path : STR("/"), a, out, fault);
}

struct str http_query_get(struct arena *a, struct str query, const char *name, bool *ok)
{
	struct str part;
	*ok = true;
	while (str_split(&query, '&', &part)) {
		struct str value = part, key, decoded;
		str_split(&value, '=', &key);
		if (!percent_decode(key, true, a, &decoded) || !str_eq(decoded, str_of(name))) continue;
		if (!value.p) value = STR("");
		if (percent_decode(value, true, a, &decoded)) return decoded;
		*ok = false;
		return STR_NONE;
	}
	return STR_NONE;
}

bool http_query_next(struct arena *a, struct str *query, struct str *name)
{
	struct str part, key;
	while (str_split(query, '&', &part)) {
		if (!part.n) continue;
		str_split(&part, '=', &key);
		if (!percent_decode(key, true, a, name)) *name = STR_NONE;
		return true;
	}
	return false;
}
