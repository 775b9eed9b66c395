/* llhttp as the second reader of each head. Two readers who disagree about where a header ends are what request
 * smuggling lives on, so a head is taken only when both find the same method, version, target, headers and framing. The
 * scanner is meant to let pass only what every version of llhttp reads alike; the fuzzer holds it to that. */
#include <string.h>

#include "proto/http_llhttp.h"
#include "proto/http_parts.h"

struct compared {
	const struct http_head *head;
	size_t n;
	bool differ;
};

static bool same_place(struct str a, struct str b)
{
	return a.n == b.n && (!a.n || a.p == b.p);
}

static void compare_header(void *arg, struct str name, struct str value)
{
	struct compared *c = arg;
	size_t i = c->n++;
	if (i >= c->head->n_headers || !same_place(name, c->head->headers[i].name) ||
		!same_place(str_trim(value), c->head->headers[i].value))
		c->differ = true;
}

bool http_head_agreed(struct str text, const struct http_head *head)
{
	struct http_llhttp second;
	struct compared c = { .head = head };
	if (!http_llhttp_read(text, &second, compare_header, &c) || c.differ || c.n != head->n_headers) return false;
	return !strcmp(second.method, http_method_name(head->method)) && same_place(second.target, head->target) &&
		   second.major == 1 && second.minor == head->minor && second.chunked == head->chunked &&
		   second.sized == (head->length >= 0) && (!second.sized || second.length == (uint64_t)head->length);
}
