/* Pages of GET /channels, until there is no next one. */
#include "channels.h"

#include <stdio.h>
#include <string.h>

#include "result.h"
#include "wire.h"

#define PATH_MOST 1024

static json_t *page_read(struct http *h, const char *path, const char *token)
{
	struct answer a;
	json_t *page;
	http_ask(h, "GET", path, token, STR_NONE);
	http_wait(h, &a);
	if (a.status != 200) fail("%s was answered %d: " STR_FMT, path, a.status, STR_ARG(a.body));
	if (json_read(a.body, &page, NULL)) fail("%s was answered no JSON: " STR_FMT, path, STR_ARG(a.body));
	return page;
}

static void ids_take(const json_t *page, const char *prefix, struct buf *ids)
{
	size_t i;
	const json_t *channel;
	json_array_foreach(json_object_get(page, "items"), i, channel)
	{
		const char *name = json_string_value(json_object_get(channel, "name"));
		if (!name || strncmp(name, prefix, strlen(prefix)) != 0) continue;
		buf_printf(ids, "%s%lld", ids->n ? "," : "", (long long)json_integer_value(json_object_get(channel, "id")));
	}
}

/* False: it was the last one. */
static bool path_next(const json_t *page, char path[PATH_MOST])
{
	const char *next = json_string_value(json_object_get(page, "next"));
	if (next && snprintf(path, PATH_MOST, "/channels?limit=100&cursor=%s", next) >= PATH_MOST) fail("a long cursor");
	return next != NULL;
}

void channels_run(const struct options *o)
{
	char path[PATH_MOST] = "/channels?limit=100";
	struct http h;
	struct members m;
	struct result r;
	struct buf ids;
	buf_init(&ids);
	members_read(&m, o->tokens, (size_t)o->skip, 1);
	http_open(&h, (int)o->port);
	for (bool more = true; more;) {
		json_t *page = page_read(&h, path, m.tokens[0]);
		ids_take(page, o->prefix, &ids);
		more = path_next(page, path);
		json_decref(page);
	}
	if (!ids.n) fail("no channel's name begins with %s", o->prefix);
	buf_add_byte(&ids, 0);
	result_open(&r, "channels", o->label);
	result_text(&r, "channel_ids", ids.p);
	result_close(&r);
	http_close(&h);
	members_release(&m);
	buf_release(&ids);
}
