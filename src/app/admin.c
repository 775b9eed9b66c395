#include "app/admin.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/id.h"
#include "base/random.h"
#include "store/audit.h"
#include "store/bulk.h"
#include "store/person.h"
#include "store/server.h"
#include "store/token.h"

struct making {
	const struct admin_people *p;
	struct problem *problem;
	struct arena arena;
	struct bulk_people bulk;
	struct buf name_hashes, token_hashes, token_ids, names;
	struct bulk_channel *channels;
	size_t n_channels;
};

/* ---- what each of them has */

static void add_hash(struct buf *b, struct str s)
{
	uint8_t hash[32];
	session_hash(s, hash);
	buf_add(b, hash, sizeof hash);
}

static enum err make_one(struct making *m, struct str name)
{
	const struct admin_people *p = m->p;
	struct str checked;
	char token[SECRET_TEXT], id[ULID_TEXT + 1], line[SECRET_TEXT + 64];
	enum err e = username_check(&m->arena, name, &checked, m->problem);
	if (!e && !str_eq(checked, name)) e = problem_field(m->problem, "username", "must be in lower case");
	if (e) return e;
	add_hash(&m->name_hashes, name);
	if (!p->line) return OK;
	token_make(token);
	ulid_make(&random_kernel, m->bulk.now_ms, id);
	add_hash(&m->token_hashes, str_of(token));
	buf_add(&m->token_ids, id, ULID_TEXT);
	snprintf(line, sizeof line, STR_FMT " %s", STR_ARG(name), token);
	e = p->line(p->arg, str_of(line));
	sodium_memzero(token, sizeof token);
	sodium_memzero(line, sizeof line);
	return e;
}

/* The names of a file, and as the statements want them. */
static enum err make_listed(struct making *m)
{
	struct str rest = m->p->names, name;
	char padded[BULK_NAME + 1];
	enum err e = OK;
	m->bulk.count = 0;
	while (!e && str_split(&rest, '\n', &name)) {
		if (name.n && name.p[name.n - 1] == '\r') name.n--;
		if (!name.n) continue;
		if (m->bulk.count == ADMIN_PEOPLE_MOST)
			return problem_field(m->problem, "names", "at most %d", ADMIN_PEOPLE_MOST);
		e = make_one(m, name);
		if (e) return problem_set(m->problem, e, "the name \"%.64s\" cannot be taken", arena_cstr(&m->arena, name));
		snprintf(padded, sizeof padded, "%-*.*s", BULK_NAME, (int)name.n, name.p);
		buf_add(&m->names, padded, BULK_NAME);
		m->bulk.count++;
	}
	m->bulk.name = buf_str(&m->names);
	return e || m->bulk.count ? e : problem_field(m->problem, "names", "there is none");
}

static enum err make_all(struct making *m)
{
	const struct admin_people *p = m->p;
	char name[64];
	enum err e = p->username.p ? make_one(m, p->username) : OK;
	if (p->names.p) e = make_listed(m);
	for (int64_t i = 1; p->prefix.p && i <= p->count && !e; i++) {
		snprintf(name, sizeof name, "%.40s%lld", arena_cstr(&m->arena, p->prefix), (long long)i);
		e = make_one(m, str_of(name));
	}
	if (!e && p->line) e = p->lines_end(p->arg);
	m->bulk.name_hashes = buf_str(&m->name_hashes);
	m->bulk.token_hashes = buf_str(&m->token_hashes);
	m->bulk.token_ids = buf_str(&m->token_ids);
	return e;
}

/* ---- what they join */

static void want(struct making *m, struct bulk_channel ch)
{
	m->channels[m->n_channels++] = ch;
}

static enum err named(struct making *m, struct db_conn *c, struct str given, bool is_default)
{
	struct str name, key;
	struct bulk_channel ch;
	if (m->n_channels == ADMIN_CHANNELS_MOST) return problem_field(m->problem, "channels", "too many");
	enum err e = channel_name_check(&m->arena, given, &name, &key, m->problem);
	if (!e) e = bulk_channel(c, &m->bulk, name, key, is_default, &ch);
	if (e == ERR_NAME_TAKEN) problem_set(m->problem, e, "the channel " STR_FMT " is not public", STR_ARG(given));
	if (!e) want(m, ch);
	return e;
}

static enum err defaults(struct making *m, struct db_conn *c)
{
	int64_t ids[100];
	size_t n = 0;
	enum err e = person_defaults(c, ids, countof(ids), &n);
	for (size_t i = 0; i < n && !e; i++) want(m, (struct bulk_channel){ .id = ids[i] });
	return e;
}

/* Channel 0 for all, though guests are no members of it: see bulk_join(). */
static enum err gather(struct making *m, struct db_conn *c)
{
	struct str rest = m->p->channels, one;
	bool guests = m->bulk.role == USER_GUEST;
	enum err e = OK;
	if (guests && m->bulk.base == 0)
		return problem_field(m->problem, "role", "the first account is the server's owner");
	m->channels = arena_array(&m->arena, struct bulk_channel, ADMIN_CHANNELS_MOST + 110);
	if (m->bulk.base == 0) e = named(m, c, STR("general"), true);
	while (!e && rest.p && str_split(&rest, ',', &one)) e = named(m, c, one, false);
	if (!e && !guests) e = defaults(m, c);
	want(m, (struct bulk_channel){ .id = 0 });
	return e ? e : bulk_lock(c, m->channels, &m->n_channels, m->bulk.now_ms);
}

/* ---- */

static enum err audit(struct making *m, struct db_conn *c)
{
	int64_t base = m->bulk.base, count = m->bulk.count;
	const struct audit_row row = {
		.now_ms = m->bulk.now_ms,
		.action = "user.create",
		.target = arena_printf(&m->arena, "user:%lld", (long long)(base + 1)),
		.after =
			arena_printf(&m->arena, "{\"count\":%lld,\"role\":\"%s\"}", (long long)count, user_role_name(m->bulk.role)),
	};
	enum err e = base == 0 ? server_end_setup(c) : OK;
	return e ? e : audit_write(c, &row);
}

static enum err write_all(struct making *m, struct db_conn *c)
{
	enum err e = bulk_ids(c, &m->bulk);
	if (!e && m->bulk.base == 0 && m->bulk.count == 1) m->bulk.role = USER_OWNER;
	if (!e) e = gather(m, c);
	if (!e) e = bulk_write(c, &m->bulk, &m->channels[0]); /* sorted: channel 0 */
	if (e == ERR_NAME_TAKEN && !m->problem->detail.p)
		problem_set(m->problem, e, "one of these names is, or was, somebody's");
	for (size_t i = 0; i < m->n_channels && !e; i++) e = bulk_join(c, &m->bulk, &m->channels[i]);
	return e ? e : audit(m, c);
}

static enum err check(struct making *m)
{
	const struct admin_people *p = m->p;
	if (p->count < 1 || p->count > ADMIN_PEOPLE_MOST)
		return problem_field(m->problem, "count", "1 to %d", ADMIN_PEOPLE_MOST);
	if (p->username.p && p->count != 1) return problem_field(m->problem, "username", "is for one person");
	if (!p->username.p && !p->names.p && !p->prefix.n) return problem_field(m->problem, "prefix", "is missing");
	m->bulk = (struct bulk_people){
		.count = p->count,
		.name = p->username.p ? p->username : p->prefix,
		.naming = p->names.p      ? BULK_LISTED
				  : p->username.p ? BULK_ONE
								  : BULK_NUMBERED,
		.display_name = p->display_name,
		.password_hash = p->password_hash,
		.role = p->role,
		.now_ms = clock_wall_ms(p->clock),
		.large_from = p->large_from,
	};
	return p->display_name.p ? display_name_check(&m->arena, &m->bulk.display_name, m->problem) : OK;
}

enum err admin_create_people(struct db_conn *c, const struct admin_people *p, struct problem *problem)
{
	struct making m = { .p = p, .problem = problem };
	arena_init(&m.arena);
	enum err e = check(&m);
	if (!e) e = make_all(&m);
	if (!e) e = db_begin(c);
	if (!e) {
		e = write_all(&m, c);
		if (!e)
			e = db_commit(c);
		else
			db_rollback(c);
	}
	buf_release(&m.name_hashes);
	buf_release(&m.token_hashes);
	buf_release(&m.token_ids);
	buf_release(&m.names);
	arena_release(&m.arena);
	return e;
}
