/* Paths are few and short: a tree of segments whose children are searched one by one. Of a segment's children literals
 * are tried first; a parameter takes any segment that is not empty. */
#include "edge/route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

bool route_takes(const struct route *r, struct str parameter)
{
	struct str rest, one;
	if (!r->query) return true;
	rest = str_of(r->query);
	while (str_split(&rest, ' ', &one))
		if (one.n && str_eq(one, parameter)) return true;
	return false;
}

struct node {
	struct str segment; /* of a literal */
	struct node *next;  /* the next child of the same parent */
	struct node *literals, *param;
	const struct route *methods[HTTP_METHODS];
};

struct route_table {
	struct arena arena;
	struct node root;
};

static bool is_param(struct str segment)
{
	return str_starts(segment, STR("{")) && str_ends(segment, STR("}"));
}

static struct node *child_of(struct route_table *t, struct node *parent, struct str segment)
{
	if (is_param(segment)) {
		if (!parent->param) parent->param = arena_new(&t->arena, struct node);
		return parent->param;
	}
	for (struct node *n = parent->literals; n; n = n->next)
		if (str_eq(n->segment, segment)) return n;
	struct node *n = arena_new(&t->arena, struct node);
	n->segment = segment;
	n->next = parent->literals;
	parent->literals = n;
	return n;
}

static void add(struct route_table *t, const struct route *row)
{
	struct node *at = &t->root;
	struct str rest = str_from(str_of(row->path), 1), segment;
	size_t params = 0;
	while (str_split(&rest, '/', &segment)) {
		at = child_of(t, at, segment);
		params += is_param(segment);
	}
	if (row->path[0] != '/' || params > REQUEST_PARAMS || at->methods[row->method]) {
		fprintf(stderr, "linnet: the route %s %s cannot be added\n", http_method_name(row->method), row->path);
		abort();
	}
	at->methods[row->method] = row;
}

struct route_table *route_table_create(const struct route *rows, size_t n)
{
	struct route_table *t = mem_new(struct route_table);
	arena_init(&t->arena);
	for (size_t i = 0; i < n; i++) add(t, &rows[i]);
	return t;
}

void route_table_destroy(struct route_table *t)
{
	if (!t) return;
	arena_release(&t->arena);
	mem_free(t);
}

static const struct node *find(const struct node *at, struct str rest, struct str *params)
{
	struct str segment;
	if (!str_split(&rest, '/', &segment)) {
		for (size_t i = 0; i < HTTP_METHODS; i++)
			if (at->methods[i]) return at;
		return NULL;
	}
	for (const struct node *n = at->literals; n; n = n->next) {
		if (!str_eq(n->segment, segment)) continue;
		const struct node *found = find(n, rest, params);
		if (found) return found;
	}
	if (!at->param || segment.n == 0) return NULL;
	*params = segment;
	return find(at->param, rest, params + 1);
}

static unsigned methods_of(const struct node *n, bool under_api)
{
	unsigned bits = 0;
	for (size_t i = 0; i < HTTP_METHODS; i++)
		if (n->methods[i] && !(under_api && n->methods[i]->bare)) bits |= 1u << i;
	if (bits & 1u << HTTP_GET) bits |= 1u << HTTP_HEAD;
	return bits;
}

enum err route_find(const struct route_table *t, enum http_method m, struct str path, const struct route **out,
					struct str params[REQUEST_PARAMS], unsigned *allowed)
{
	*out = NULL, *allowed = 0;
	bool under_api = str_starts(path, STR("/api/"));
	if (under_api) path = str_from(path, 4);
	if (!str_starts(path, STR("/"))) return ERR_NOT_FOUND;
	const struct node *n = find(&t->root, str_from(path, 1), params);
	if (!n) return ERR_NOT_FOUND;
	*allowed = methods_of(n, under_api);
	if (*allowed == 0) return ERR_NOT_FOUND;
	if (!(*allowed & 1u << m)) return ERR_METHOD_NOT_ALLOWED;
	*out = n->methods[m] ? n->methods[m] : n->methods[HTTP_GET];
	return OK;
}
