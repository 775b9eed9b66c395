#include "model/channel.h"

#include <stdio.h>
#include <stdlib.h>

#include "model/text.h"

static const char *const kinds[CHANNEL_KINDS] = { "public", "private", "dm", "server" };
static const char *const histories[] = { [HISTORY_ALL] = "all", [HISTORY_JOINED] = "joined" };
static const char *const roles[] = { [CHANNEL_MEMBER] = "member", [CHANNEL_OP] = "op", [CHANNEL_OWNER] = "owner" };
static const char *const levels[] = {
	[LEVEL_DEFAULT] = "default", [LEVEL_ALL] = "all", [LEVEL_MENTIONS] = "mentions", [LEVEL_NONE] = "none"
};

static int word(const char *const *words, size_t n, struct str s)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(s, str_of(words[i]))) return (int)i;
	return -1;
}

const char *channel_kind_name(enum channel_kind k)
{
	return k >= 0 && k < CHANNEL_KINDS ? kinds[k] : kinds[CHANNEL_PRIVATE];
}

const char *channel_history_name(enum channel_history h)
{
	return h >= 0 && (size_t)h < countof(histories) ? histories[h] : histories[HISTORY_JOINED];
}

const char *channel_role_name(enum channel_role r)
{
	return r >= 0 && (size_t)r < countof(roles) ? roles[r] : roles[CHANNEL_MEMBER];
}

const char *notify_level_name(enum notify_level l)
{
	return l >= 0 && (size_t)l < countof(levels) ? levels[l] : levels[LEVEL_DEFAULT];
}

bool channel_history_parse(struct str s, enum channel_history *out)
{
	int i = word(histories, countof(histories), s);
	if (i >= 0) *out = (enum channel_history)i;
	return i >= 0;
}

bool channel_role_parse(struct str s, enum channel_role *out)
{
	int i = word(roles, countof(roles), s);
	if (i >= 0) *out = (enum channel_role)i;
	return i >= 0;
}

bool notify_level_parse(struct str s, enum notify_level *out)
{
	int i = word(levels, countof(levels), s);
	if (i >= 0) *out = (enum notify_level)i;
	return i >= 0;
}

static enum err name_characters(struct str name, struct problem *p)
{
	for (int32_t c; (c = text_next(&name)) >= 0;)
		if (text_hidden(c) || text_space(c) || c == ',')
			return problem_field(p, "name", "%s (U+%04X) is not allowed",
								 c == ','        ? "a comma"
								 : text_space(c) ? "a space"
												 : "a character that does not show",
								 (unsigned)c);
	return OK;
}

#define NAME_SIZE "1 to %d characters and at most %d bytes", CHANNEL_NAME_MOST, 2 * CHANNEL_NAME_MOST

enum err channel_name_check(struct arena *a, struct str given, struct str *name, struct str *key, struct problem *p)
{
	if (given.n == 0 || given.n > 1024) return problem_field(p, "name", NAME_SIZE);
	struct str s = text_nfc(a, given);
	if (!s.p) return problem_field(p, "name", "is no UTF-8");
	if (s.n == 0 || s.n > 2 * CHANNEL_NAME_MOST || str_codepoints(s) > CHANNEL_NAME_MOST)
		return problem_field(p, "name", NAME_SIZE);
	if (s.p[0] == '#') return problem_field(p, "name", "goes without # in front");
	enum err e = name_characters(s, p);
	if (e) return e;
	*name = s;
	*key = text_fold(a, s);
	return OK;
}

enum err channel_line_check(struct arena *a, const char *field, struct str *line, struct problem *p)
{
	struct str rest = *line;
	if (rest.n > CHANNEL_LINE_MOST) return problem_field(p, field, "at most %d bytes", CHANNEL_LINE_MOST);
	while (rest.n > 0) {
		int32_t c = text_next(&rest);
		if (c < 0) return problem_field(p, field, "is no UTF-8");
		if (text_control(c) || c == 0x2028 || c == 0x2029)
			return problem_field(p, field, "one line without control characters");
	}
	*line = arena_str(a, text_blank(*line) ? STR("") : text_trim(*line));
	return OK;
}

enum err channel_topic_check(struct arena *a, struct str *topic, struct problem *p)
{
	return channel_line_check(a, "topic", topic, p);
}

static int by_value(const void *x, const void *y)
{
	int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
	return (a > b) - (a < b);
}

enum err dm_key(struct arena *a, int64_t *user_ids, size_t *n, struct str *key, struct problem *p)
{
	size_t kept = 0, at = 0;
	qsort(user_ids, *n, sizeof *user_ids, by_value);
	for (size_t i = 0; i < *n; i++)
		if (i == 0 || user_ids[i] != user_ids[i - 1]) user_ids[kept++] = user_ids[i];
	if (kept == 0 || kept > DM_PEOPLE)
		return problem_field(p, "user_ids", "1 to %d people, oneself among them", DM_PEOPLE);
	if (user_ids[0] <= 0) return problem_field(p, "user_ids", "no such person");
	char *text = arena_alloc(a, kept * 21 + 1);
	for (size_t i = 0; i < kept; i++) at += (size_t)sprintf(text + at, "%s%lld", i ? "," : "", (long long)user_ids[i]);
	*n = kept;
	*key = (struct str){ text, at };
	return OK;
}
