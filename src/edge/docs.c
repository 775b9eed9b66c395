/* Swagger UI from its npm package, and a page of our own around it. It runs under a policy that lets nothing in from
 * elsewhere, no script that is not a file of this server, and nothing out but to it. */
#include "edge/docs.h"

#include <string.h>

#include "base/mem.h"
#include "edge/asset.h"
#include "edge/http_conn.h"
#include "loop/chunk.h"

#define PAGE "page.html"
#define POLICY                                                                                                         \
	"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "              \
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

struct chunk **docs_files_create(void)
{
	struct chunk **files = mem_zalloc(mem_times(n_assets, sizeof *files));
	for (size_t i = 0; i < n_assets; i++) files[i] = chunk_copy(assets[i].gzip, assets[i].gzip_n);
	return files;
}

void docs_files_destroy(struct chunk **files)
{
	for (size_t i = 0; i < n_assets; i++) chunk_unref(files[i]);
	mem_free(files);
}

static const char *type_of(const char *name)
{
	static const char *const types[][2] = { { ".html", "text/html; charset=utf-8" },
											{ ".js", "text/javascript; charset=utf-8" },
											{ ".css", "text/css; charset=utf-8" },
											{ ".txt", "text/plain; charset=utf-8" },
											{ ".png", "image/png" } };
	const char *end = strrchr(name, '.');
	for (size_t i = 0; end && i < countof(types); i++)
		if (strcmp(end, types[i][0]) == 0) return types[i][1];
	return "application/octet-stream";
}

/* A list of tags, or *. */
static bool has_tag(struct str list, struct str tag)
{
	struct str one;
	while (str_split(&list, ',', &one)) {
		one = str_trim(one);
		if (str_eq(one, STR("*")) || str_eq(one, tag) || str_eq(one, str_from(tag, 2))) return true; /* W/ or not */
	}
	return false;
}

static enum err serve(struct request *q, size_t i)
{
	const struct asset *a = &assets[i];
	struct str known = http_header_get(q->head, "if-none-match");
	q->reply.content_type = type_of(a->name);
	reply_header(q, "ETag", str_of(a->tag));
	reply_header(q, "Cache-Control", STR("no-cache")); /* asks whether it is still the same: a new version is at once */
	reply_header(q, "Content-Security-Policy", STR(POLICY));
	q->core->vary = true;
	if (known.p && has_tag(known, str_of(a->tag))) {
		q->reply.status = 304;
		return OK;
	}
	return reply_packed(q, q->core->here->edge->docs[i], a->plain_n);
}

static enum err find(struct request *q, struct str name)
{
	for (size_t i = 0; i < n_assets; i++)
		if (str_eq(name, str_of(assets[i].name))) return serve(q, i);
	return ERR_NOT_FOUND;
}

enum err docs_page(struct request *q, struct db_conn *c)
{
	return find(q, STR(PAGE));
}

/* The page names its files by where it stands, so it has one place. */
enum err docs_slash(struct request *q, struct db_conn *c)
{
	q->reply.status = 308;
	reply_header(q, "Location", STR("../docs"));
	return OK;
}

enum err docs_file(struct request *q, struct db_conn *c)
{
	return str_eq(q->params[0], STR(PAGE)) ? ERR_NOT_FOUND : find(q, q->params[0]);
}
