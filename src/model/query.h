/* What somebody wrote to search by: words, "phrases", and filters: from:name in:#channel before:2026-01-01 after:
 * has:link has:file. All of it must hold. */
#ifndef LINNET_MODEL_QUERY_H
#define LINNET_MODEL_QUERY_H
#include "base/arena.h"
#include "base/err.h"
#include "model/fold.h"

#define QUERY_TERMS 16 /* words and phrases */
#define QUERY_NAMES 8  /* of each filter */

struct query {
	struct fold terms[QUERY_TERMS]; /* each has something in it that is no space */
	size_t n_terms;
	struct str from[QUERY_NAMES]; /* usernames, lowered, or ids */
	size_t n_from;
	struct str in[QUERY_NAMES]; /* names of channels, folded, without the # */
	size_t n_in;
	int64_t before_ms, after_ms; /* created before that moment, or from it on; 0: whenever */
	bool has_link, has_file;
	bool unseen; /* there was something that folds to nothing */
};
void query_init(struct query *q);
void query_release(struct query *q);
/* Adds the words of `text`; strings live in the arena. ERR_INVALID: *why says what is wrong. */
enum err query_parse(struct query *q, struct arena *a, struct str text, const char **why);
/* One filter: `name` is from, in, before, after or has. */
enum err query_filter(struct query *q, struct arena *a, struct str name, struct str value, const char **why);
/* Is there anything to search by? When it was written is not enough, nor where. */
bool query_asks(const struct query *q);
/* Does it have a link? http:// or https:// and something behind it. */
bool query_is_link(struct str body);
/* Does the text say all of the words, and have what is asked for? `text` is the body folded. */
bool query_matches(const struct query *q, const struct fold *text, struct str body);
#endif
