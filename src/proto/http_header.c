/* Looking into a head that was read. */
#include "base/mem.h"
#include "proto/http1.h"

const char *http_method_name(enum http_method m)
{
	static const char *const names[HTTP_METHODS] = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" };
	return (size_t)m < countof(names) ? names[m] : "?";
}

struct str http_header_get(const struct http_head *h, const char *name)
{
	struct str wanted = str_of(name);
	for (size_t i = 0; i < h->n_headers; i++)
		if (str_eq_nocase(h->headers[i].name, wanted)) return h->headers[i].value;
	return STR_NONE;
}

bool http_header_has_token(const struct http_head *h, const char *name, const char *token)
{
	struct str wanted = str_of(name), t = str_of(token), part;
	for (size_t i = 0; i < h->n_headers; i++) {
		if (!str_eq_nocase(h->headers[i].name, wanted)) continue;
		struct str rest = h->headers[i].value;
		while (str_split(&rest, ',', &part))
			if (str_eq_nocase(str_trim(part), t)) return true;
	}
	return false;
}

struct str http_cookie_get(const struct http_head *h, const char *name)
{
	struct str wanted = str_of(name), pair, key;
	for (size_t i = 0; i < h->n_headers; i++) {
		if (!str_eq_nocase(h->headers[i].name, STR("cookie"))) continue;
		struct str rest = h->headers[i].value;
		while (str_split(&rest, ';', &pair)) {
			struct str value = str_trim(pair);
			if (str_split(&value, '=', &key) && value.p && str_eq(key, wanted)) return value;
		}
	}
	return STR_NONE;
}
