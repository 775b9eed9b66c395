#include "app/register.h"

#include <sodium.h>

#include "base/log.h"
#include "store/audit.h"
#include "store/bulk.h"

static const char *const names[] = { "open", "invite", "closed" };

const char *registration_name(enum registration r)
{
	return names[r];
}

bool registration_parse(struct str s, enum registration *out)
{
	for (size_t i = 0; i < countof(names); i++)
		if (str_eq(s, str_of(names[i]))) {
			*out = (enum registration)i;
			return true;
		}
	return false;
}

enum registration registration_mode(const struct config *c, struct str stored, bool local)
{
	enum registration r;
	if (registration_parse(c->registration, &r) || registration_parse(stored, &r)) return r;
	return local ? REGISTRATION_OPEN : REGISTRATION_INVITE;
}

/* ---- judging */

static bool code_is_right(const struct register_ask *ask)
{
	struct str set = ask->config->setup_code;
	if (!ask->setup_code.p) return false;
	return set.n ? server_setup_is(set, ask->setup_code)
				 : server_setup_matches(ask->server->setup_hash, ask->setup_code);
}

enum err register_judge(const struct register_ask *ask, struct problem *p, struct register_permit *out)
{
	enum registration mode = registration_mode(ask->config, ask->server->registration, ask->local);
	*out = (struct register_permit){ .as_later =
										 mode == REGISTRATION_OPEN || (mode == REGISTRATION_INVITE && ask->invite) };
	if (!ask->server->any_account) {
		out->as_first = ask->local || code_is_right(ask);
		if (out->as_first) return OK;
		return problem_set(p, ERR_BAD_SETUP_CODE, "%s",
						   ask->setup_code.p ? "This is not the setup code"
											 : "The first account needs the setup_code: the server's log has it "
											   "(server.setup_code_made), or LINNET_SETUP_CODE sets it");
	}
	if (out->as_later) return OK;
	return problem_set(p, ERR_REGISTRATION_CLOSED, "%s",
					   mode == REGISTRATION_INVITE ? "An invite is needed here"
												   : "Nobody registers by themselves here");
}

/* ---- writing */

static enum err make_general(struct db_conn *c, const struct registering *r)
{
	struct bulk_people one = { .count = 1, .base = r->person.user_id - 1, .now_ms = r->person.now_ms };
	struct bulk_channel general;
	size_t n = 1;
	enum err e = bulk_channel(c, &one, STR("general"), STR("general"), true, &general);
	if (!e) e = bulk_lock(c, &general, &n, one.now_ms);
	return e ? e : bulk_join(c, &one, &general);
}

static enum err first_account(struct db_conn *c, const struct registering *r)
{
	const struct audit_row row = {
		.actor_id = r->person.user_id,
		.now_ms = r->person.now_ms,
		.action = "server.claimed",
		.target = STR("server"),
		.address = r->session.address,
		.request_id = r->request_id,
	};
	enum err e = server_end_setup(c);
	if (!e) e = make_general(c, r);
	return e ? e : audit_write(c, &row);
}

/* To the person alone, so that nobody takes it from them. It holds while the link's maker could invite them. */
static enum err give_own(struct db_conn *c, struct registering *r, const struct invite *link)
{
	invite_code_make(r->own_invite);
	const struct invite own = {
		.code = str_of(r->own_invite),
		.channel_id = link->channel_id,
		.user_id = r->person.user_id,
		.created_by = link->created_by,
		.created_at = r->person.now_ms,
		.expires_at = r->person.now_ms + INVITE_LIFE_MS,
		.max_uses = 1,
	};
	r->invite_channel = link->channel_id;
	return invite_insert(c, &own);
}

static enum err audit_invited(struct db_conn *c, const struct registering *r, const struct invite *link,
							  struct arena *a)
{
	const struct audit_row row = {
		.actor_id = r->person.user_id,
		.now_ms = r->person.now_ms,
		.action = "user.invited",
		.target = arena_printf(a, "user:%lld", (long long)r->person.user_id),
		.before = STR_NONE,
		.after = arena_printf(a, "{\"invited_by\":%lld,\"channel_id\":%lld,\"guest\":%s}", (long long)link->created_by,
							  (long long)link->channel_id, link->guest ? "true" : "false"),
		.address = r->session.address,
		.request_id = r->request_id,
	};
	return audit_write(c, &row);
}

static enum err come_by_invite(struct db_conn *c, struct registering *r)
{
	struct arena a;
	struct invite link;
	arena_init(&a);
	enum err e = invite_read(c, &a, r->invite, true, &link);
	if (!e) e = invite_judge(&link, 0, r->person.now_ms);
	if (!e) e = invite_use(c, link.code);
	if (!e && link.channel_id) e = give_own(c, r, &link);
	if (!e) e = audit_invited(c, r, &link, &a);
	arena_release(&a);
	return e;
}

static enum err write_in(struct db_conn *c, struct registering *r, struct sessions_ended *none)
{
	enum err e = person_create(c, &r->person);
	if (e) return e;
	if (r->person.first ? !r->permit.as_first : !r->permit.as_later)
		return r->person.first ? ERR_BAD_SETUP_CODE : ERR_REGISTRATION_CLOSED;
	r->session.user_id = r->person.user_id;
	e = session_create(c, &r->session, none);
	if (!e && r->person.first) e = first_account(c, r);
	if (!e && r->invite.p) e = come_by_invite(c, r);
	r->n_defaults = 0;
	if (e || r->person.role == USER_GUEST) return e; /* guests are where they were invited to, and nowhere else */
	return person_defaults(c, r->defaults, r->most_defaults, &r->n_defaults);
}

enum err register_write(struct db_conn *c, struct registering *r)
{
	struct sessions_ended none = { 0 };
	enum err e = db_begin(c);
	if (e) return e;
	e = write_in(c, r, &none);
	sessions_ended_release(&none);
	if (!e) return db_commit(c);
	db_rollback(c);
	return e;
}

/* ---- the setup code */

enum err register_open(struct db_conn *c, const struct config *config)
{
	char code[SETUP_CODE_TEXT + 1];
	bool made;
	if (config->setup_code.n) return OK;
	enum err e = server_make_setup(c, code, &made);
	if (!e && made)
		log_event(LOG_WARN, "server.setup_code_made", LOG_TEXT("setup_code", code),
				  LOG_TEXT("for", "the first account, where it is not made on this machine; said only once"));
	sodium_memzero(code, sizeof code);
	return e;
}
