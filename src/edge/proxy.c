#include "edge/proxy.h"

#include <arpa/inet.h>
#include <string.h>

static const uint8_t v4_prefix[12] = { [10] = 0xff, [11] = 0xff };

/* What stands around an address in a forwarding header: a port, brackets. */
static struct str bare_address(struct str s)
{
	s = str_trim(s);
	if (str_starts(s, STR("["))) {
		struct str inside;
		s = str_from(s, 1);
		return str_has(s, ']') && str_split(&s, ']', &inside) ? inside : STR_NONE;
	}
	const char *colon = s.n ? memchr(s.p, ':', s.n) : NULL;
	if (colon && !memchr(colon + 1, ':', s.n - (size_t)(colon + 1 - s.p))) return str_upto(s, (size_t)(colon - s.p));
	return s;
}

bool address_parse(struct str s, struct address *out)
{
	char text[ADDRESS_TEXT];
	s = bare_address(s);
	if (s.n == 0 || s.n >= sizeof text) return false;
	memcpy(text, s.p, s.n);
	text[s.n] = 0;
	if (strlen(text) != s.n) return false;
	if (inet_pton(AF_INET6, text, out->b) == 1) return true;
	memcpy(out->b, v4_prefix, 12);
	return inet_pton(AF_INET, text, out->b + 12) == 1;
}

bool address_is_v4(const struct address *a)
{
	return memcmp(a->b, v4_prefix, 12) == 0;
}

void address_format(const struct address *a, char out[ADDRESS_TEXT])
{
	bool v4 = address_is_v4(a);
	inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? a->b + 12 : a->b, out, ADDRESS_TEXT);
}

static bool in_network(const struct network *n, const struct address *a)
{
	int whole = n->bits / 8, rest = n->bits % 8;
	if (memcmp(n->base.b, a->b, (size_t)whole) != 0) return false;
	if (!rest) return true;
	return (n->base.b[whole] ^ a->b[whole]) >> (8 - rest) == 0;
}

bool address_is_private(const struct address *a)
{
	static const struct network nets[] = {
		{ { { [10] = 0xff, 0xff, 127 } }, 104 },
		{ { { [10] = 0xff, 0xff, 10 } }, 104 },
		{ { { [10] = 0xff, 0xff, 172, 16 } }, 108 },
		{ { { [10] = 0xff, 0xff, 192, 168 } }, 112 },
		{ { { [10] = 0xff, 0xff, 169, 254 } }, 112 },
		{ { { [15] = 1 } }, 128 },
		{ { { 0xfc } }, 7 },
		{ { { 0xfe, 0x80 } }, 10 },
	};
	for (size_t i = 0; i < countof(nets); i++)
		if (in_network(&nets[i], a)) return true;
	return false;
}

struct str address_limit_key(const struct address *a, char out[ADDRESS_TEXT])
{
	struct address net = *a;
	if (!address_is_v4(a)) memset(net.b + 8, 0, 8);
	address_format(&net, out);
	return str_of(out);
}

static bool network_parse(struct str s, struct network *out)
{
	struct str rest = s, base;
	int64_t bits = 0;
	if (!str_split(&rest, '/', &base) || !address_parse(base, &out->base)) return false;
	int64_t most = address_is_v4(&out->base) && !str_has(base, ':') ? 32 : 128;
	if (!rest.p)
		bits = most;
	else if (!str_i64(rest, 0, most, &bits))
		return false;
	out->bits = (int)(most == 32 ? bits + 96 : bits);
	return true;
}

bool proxies_parse(struct str list, struct proxies *out, struct str *wrong)
{
	struct str rest = list, part;
	*out = (struct proxies){ 0 };
	while (str_split(&rest, ',', &part)) {
		struct network n;
		part = str_trim(part);
		if (part.n == 0) continue;
		if (!network_parse(part, &n)) {
			*wrong = part;
			proxies_release(out);
			return false;
		}
		vec_push(&out->list, n);
	}
	return true;
}

void proxies_release(struct proxies *p)
{
	vec_release(&p->list);
}

bool proxies_trust(const struct proxies *p, const struct address *a)
{
	for (size_t i = 0; i < p->list.n; i++)
		if (in_network(&p->list.p[i], a)) return true;
	return false;
}

/* The nth item from the right, over all lines of a header; false past the first. */
static bool item_from_right(const struct http_head *head, const char *name, size_t nth, struct str *out)
{
	for (size_t i = head->n_headers; i-- > 0;) {
		if (!str_eq_nocase(head->headers[i].name, str_of(name))) continue;
		struct str left = head->headers[i].value;
		for (;;) {
			const char *comma = left.n ? memrchr(left.p, ',', left.n) : NULL;
			struct str item = comma ? str_from(left, (size_t)(comma + 1 - left.p)) : left;
			if (nth-- == 0) {
				*out = str_trim(item);
				return true;
			}
			if (!comma) break;
			left.n = (size_t)(comma - left.p);
		}
	}
	return false;
}

static bool has_forwarding(const struct http_head *head)
{
	static const char *const names[] = { "forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host",
										 "x-real-ip" };
	for (size_t i = 0; i < countof(names); i++)
		if (http_header_get(head, names[i]).p) return true;
	return false;
}

struct asker proxy_client(const struct proxies *p, const struct http_head *head, struct str peer, bool tls)
{
	struct asker c = { .https = tls };
	struct str item;
	if (!address_parse(peer, &c.address)) c.address = (struct address){ 0 };
	if (!head) return c;
	c.forwarded = has_forwarding(head);
	if (!c.forwarded || !proxies_trust(p, &c.address)) return c;
	size_t hops = 0;
	struct address next;
	while (proxies_trust(p, &c.address) && item_from_right(head, "x-forwarded-for", hops, &item) &&
		   address_parse(item, &next))
		c.address = next, hops++;
	/* A proxy that names one scheme for the whole way, or one a hop. */
	for (size_t i = hops ? hops : 1; i-- > 0;) {
		if (!item_from_right(head, "x-forwarded-proto", i, &item)) continue;
		c.https = str_eq_nocase(item, STR("https"));
		break;
	}
	return c;
}
