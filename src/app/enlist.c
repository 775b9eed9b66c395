#include "app/enlist.h"

#include <stdio.h>

#include "store/audit.h"
#include "store/person.h"
#include "store/server.h"

#define TOKEN_NAME "made by the operator"

enum err enlist_name(struct str prefix, struct enlisted *people, size_t n, struct problem *p)
{
	for (size_t i = 0; i < n; i++) {
		struct str name = arena_printf(p->arena, STR_FMT "%zu", STR_ARG(prefix), i + 1), lowered;
		enum err e = username_check(p->arena, name, &lowered, p);
		if (e) return e;
		snprintf(people[i].username, sizeof people[i].username, STR_FMT, STR_ARG(lowered));
		token_make(people[i].token);
	}
	return OK;
}

static enum err make_person(struct db_conn *c, struct enlisted *one, int64_t now_ms)
{
	struct person_new p = {
		.username = str_of(one->username),
		.display_name = STR_NONE,
		.password_hash = STR_NONE,
		.role = USER_MEMBER,
		.now_ms = now_ms,
	};
	enum err e = person_create(c, &p);
	if (e) return e;
	one->user_id = p.user_id;
	one->first = p.first;
	return p.first ? server_end_setup(c) : OK;
}

static enum err make_token(struct db_conn *c, const struct enlisted *one, int64_t now_ms)
{
	uint8_t scram[SCRAM_BYTES];
	struct token_new t = {
		.user_id = one->user_id, .name = STR(TOKEN_NAME), .scopes = SCOPE_ALL, .now_ms = now_ms, .scram = scram
	};
	snprintf(t.secret, sizeof t.secret, "%s", one->token);
	token_scram(str_of(one->token), scram);
	return token_create(c, &t);
}

static enum err note(struct db_conn *c, const struct enlisted *people, size_t n, int64_t now_ms)
{
	char target[96];
	snprintf(target, sizeof target, "user:%lld-%lld", (long long)people[0].user_id, (long long)people[n - 1].user_id);
	const struct audit_row row = { .now_ms = now_ms,
								   .action = "people.enlisted",
								   .target = str_of(target),
								   .before = STR_NONE,
								   .after = STR_NONE,
								   .address = STR_NONE,
								   .request_id = STR_NONE };
	return audit_write(c, &row);
}

static enum err write_all(struct db_conn *c, struct enlisted *people, size_t n, int64_t now_ms, size_t *at)
{
	enum err e = OK;
	for (*at = 0; !e && *at < n; ++*at) {
		e = make_person(c, &people[*at], now_ms);
		if (!e) e = make_token(c, &people[*at], now_ms);
		if (e) return e;
	}
	return note(c, people, n, now_ms);
}

enum err enlist(struct db_conn *c, struct enlisted *people, size_t n, int64_t now_ms,
				enum err (*written)(void *arg, const struct enlisted *people, size_t n), void *arg, size_t *taken)
{
	enum err e = db_begin(c);
	if (e) return e;
	e = write_all(c, people, n, now_ms, taken);
	if (!e) e = written(arg, people, n);
	if (!e) return db_commit(c);
	db_rollback(c);
	return e;
}
