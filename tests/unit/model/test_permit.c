/* Who may do what, as a table: each row changes a few facts of one of the scenes and says what comes of it. */
#include "model/permit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum flag {
	GUEST = 1 << 0,
	ADMIN = 1 << 1,
	MEMBER = 1 << 2,
	OP = 1 << 3,
	OWNER = 1 << 4,
	VOICE = 1 << 5,
	LEFT = 1 << 6,
	ARCHIVED = 1 << 7,
	READ_ONLY = 1 << 8,
	SLOW = 1 << 9,
	SILENCED = 1 << 10,
	BLOCKED = 1 << 11,
	OTHER = 1 << 12,
	NOBODY = 1 << 13,
	THEY = 1 << 14,
	THEY_OWN = 1 << 15, /* the person: a member, an owner */
	MINE = 1 << 16,
	THEIRS = 1 << 17,
	GONE = 1 << 18,
	NO_SCOPE = 1 << 19,
	DELETED = 1 << 20,
	DEFAULT = 1 << 21,
	TO_OWNER = 1 << 22,
	INVITED = 1 << 29
};
enum { NONE = -1, PUB = CHANNEL_PUBLIC, PRIV = CHANNEL_PRIVATE, DM = CHANNEL_DM, SERVER = CHANNEL_SERVER };
enum answer { YES, AUDIT, NOTHING, DENIED, OUT, HIDDEN, SCOPE, LATER };

struct row {
	enum change_kind kind;
	int channel; /* NONE: there is none */
	unsigned flags;
	enum answer want;
};

static const struct row rows[] = {
	/* send */
	{ CHANGE_MESSAGE, PUB, MEMBER, YES },
	{ CHANGE_MESSAGE, PUB, 0, OUT },
	{ CHANGE_MESSAGE, PUB, LEFT, OUT },
	{ CHANGE_MESSAGE, PUB, ADMIN, OUT },
	{ CHANGE_MESSAGE, PUB, GUEST, HIDDEN },
	{ CHANGE_MESSAGE, PUB, GUEST | MEMBER, YES },
	{ CHANGE_MESSAGE, PRIV, MEMBER, YES },
	{ CHANGE_MESSAGE, PRIV, 0, HIDDEN },
	{ CHANGE_MESSAGE, PRIV, ADMIN, OUT },
	{ CHANGE_MESSAGE, DM, MEMBER, YES },
	{ CHANGE_MESSAGE, DM, 0, HIDDEN },
	{ CHANGE_MESSAGE, DM, ADMIN, HIDDEN },
	{ CHANGE_MESSAGE, DM, MEMBER | BLOCKED, DENIED },
	{ CHANGE_MESSAGE, PUB, MEMBER | BLOCKED, YES },
	{ CHANGE_MESSAGE, NONE, ADMIN, HIDDEN },
	{ CHANGE_MESSAGE, PUB, MEMBER | DELETED, HIDDEN },
	{ CHANGE_MESSAGE, PUB, MEMBER | OWNER | NO_SCOPE, SCOPE },
	{ CHANGE_MESSAGE, SERVER, MEMBER | ADMIN, DENIED },
	{ CHANGE_MESSAGE, SERVER, GUEST, HIDDEN },
	{ CHANGE_MESSAGE, PUB, MEMBER | OWNER | ARCHIVED, DENIED },
	{ CHANGE_MESSAGE, PUB, MEMBER | SILENCED, DENIED },
	{ CHANGE_MESSAGE, PUB, MEMBER | READ_ONLY, DENIED },
	{ CHANGE_MESSAGE, PUB, MEMBER | READ_ONLY | VOICE, YES },
	{ CHANGE_MESSAGE, PUB, MEMBER | READ_ONLY | OP, YES },
	{ CHANGE_MESSAGE, PUB, MEMBER | READ_ONLY | ADMIN, YES },
	{ CHANGE_MESSAGE, PUB, MEMBER | SLOW, LATER },
	{ CHANGE_MESSAGE, PUB, MEMBER | SLOW | VOICE, LATER },
	{ CHANGE_MESSAGE, PUB, MEMBER | SLOW | OP, YES },
	/* edit */
	{ CHANGE_EDIT, PUB, MEMBER | MINE, YES },
	{ CHANGE_EDIT, PUB, MEMBER | OWNER | ADMIN | THEIRS, DENIED },
	{ CHANGE_EDIT, PUB, MEMBER, HIDDEN },
	{ CHANGE_EDIT, PUB, MEMBER | MINE | GONE, HIDDEN },
	{ CHANGE_EDIT, PUB, MINE, OUT },
	{ CHANGE_EDIT, PUB, MEMBER | MINE | ARCHIVED, DENIED },
	{ CHANGE_EDIT, PUB, MEMBER | MINE | READ_ONLY, DENIED },
	{ CHANGE_EDIT, PUB, MEMBER | MINE | SILENCED, DENIED },
	{ CHANGE_EDIT, PUB, MEMBER | MINE | SLOW, YES },
	{ CHANGE_EDIT, DM, MEMBER | MINE | BLOCKED, DENIED },
	/* delete */
	/* reaction */
	{ CHANGE_REACTION, PUB, MEMBER | THEIRS, YES },
	{ CHANGE_REACTION, PUB, MEMBER | MINE, YES },
	{ CHANGE_REACTION, PUB, MEMBER | OWNER | ADMIN, HIDDEN },
	{ CHANGE_REACTION, PUB, MEMBER | OP | THEIRS | GONE, HIDDEN },
	{ CHANGE_REACTION, PUB, THEIRS, OUT },
	{ CHANGE_REACTION, PUB, LEFT | THEIRS, OUT },
	{ CHANGE_REACTION, PRIV, ADMIN | THEIRS, OUT },
	{ CHANGE_REACTION, PUB, GUEST | MEMBER | THEIRS, YES },
	{ CHANGE_REACTION, PUB, MEMBER | OP | THEIRS | ARCHIVED, DENIED },
	{ CHANGE_REACTION, PUB, MEMBER | THEIRS | SILENCED, DENIED },
	{ CHANGE_REACTION, PUB, MEMBER | THEIRS | READ_ONLY, DENIED },
	{ CHANGE_REACTION, PUB, MEMBER | THEIRS | READ_ONLY | VOICE, YES },
	{ CHANGE_REACTION, PUB, MEMBER | THEIRS | SLOW, YES },
	{ CHANGE_REACTION, PUB, MEMBER | THEIRS | NO_SCOPE, SCOPE },
	{ CHANGE_REACTION, DM, MEMBER | THEIRS, YES },
	{ CHANGE_REACTION, DM, MEMBER | THEIRS | BLOCKED, DENIED },
	{ CHANGE_REACTION, SERVER, MEMBER | ADMIN | THEIRS, DENIED },
	{ CHANGE_REACTION, NONE, MEMBER | THEIRS, HIDDEN },
	/* pin */
	{ CHANGE_PIN, PUB, MEMBER | MINE, DENIED },
	{ CHANGE_PIN, PUB, MEMBER | OP | THEIRS, YES },
	{ CHANGE_PIN, PUB, MEMBER | OWNER | MINE, YES },
	{ CHANGE_PIN, PUB, MEMBER | ADMIN | THEIRS, YES },
	{ CHANGE_PIN, PUB, ADMIN | THEIRS, OUT },
	{ CHANGE_PIN, PRIV, THEIRS, HIDDEN },
	{ CHANGE_PIN, PUB, MEMBER | OP, HIDDEN },
	{ CHANGE_PIN, PUB, MEMBER | OP | THEIRS | GONE, HIDDEN },
	{ CHANGE_PIN, PUB, MEMBER | OP | THEIRS | ARCHIVED, DENIED },
	{ CHANGE_PIN, PUB, MEMBER | OP | THEIRS | READ_ONLY, YES },
	{ CHANGE_PIN, PUB, MEMBER | OP | THEIRS | NO_SCOPE, SCOPE },
	{ CHANGE_PIN, DM, MEMBER | THEIRS, YES },
	{ CHANGE_PIN, DM, MEMBER | THEIRS | BLOCKED, DENIED },
	{ CHANGE_PIN, SERVER, MEMBER | ADMIN | THEIRS, DENIED },
	{ CHANGE_DELETE, PUB, MEMBER | MINE, YES },
	{ CHANGE_DELETE, PUB, MEMBER | MINE | ARCHIVED | READ_ONLY, YES },
	{ CHANGE_DELETE, PUB, MEMBER | THEIRS, DENIED },
	{ CHANGE_DELETE, PUB, MEMBER | OP | THEIRS, AUDIT },
	{ CHANGE_DELETE, PUB, MEMBER | ADMIN | THEIRS, AUDIT },
	{ CHANGE_DELETE, PUB, ADMIN | THEIRS, OUT },
	{ CHANGE_DELETE, PUB, MEMBER | OP | THEIRS | GONE, NOTHING },
	{ CHANGE_DELETE, PUB, MEMBER | THEIRS | GONE, DENIED },
	{ CHANGE_DELETE, PUB, MEMBER | OP, HIDDEN },
	{ CHANGE_DELETE, DM, MEMBER | MINE, YES },
	{ CHANGE_DELETE, DM, MEMBER | ADMIN | OWNER | THEIRS, DENIED },
	/* join */
	{ CHANGE_JOIN, PUB, 0, YES },
	{ CHANGE_JOIN, PUB, MEMBER, NOTHING },
	{ CHANGE_JOIN, PUB, GUEST, HIDDEN },
	{ CHANGE_JOIN, PUB, GUEST | MEMBER, NOTHING },
	{ CHANGE_JOIN, PUB, ARCHIVED, YES },
	{ CHANGE_JOIN, PRIV, 0, HIDDEN },
	{ CHANGE_JOIN, PRIV, LEFT, HIDDEN },
	{ CHANGE_JOIN, PRIV, ADMIN, AUDIT },
	{ CHANGE_JOIN, DM, ADMIN, HIDDEN },
	{ CHANGE_JOIN, SERVER, 0, DENIED },
	{ CHANGE_JOIN, PRIV, INVITED, AUDIT },
	{ CHANGE_JOIN, PRIV, GUEST | INVITED, AUDIT },
	{ CHANGE_JOIN, PUB, GUEST | INVITED, AUDIT },
	{ CHANGE_JOIN, PUB, INVITED, YES },
	{ CHANGE_JOIN, PRIV, MEMBER | INVITED, NOTHING },
	{ CHANGE_JOIN, DM, INVITED, HIDDEN },
	{ CHANGE_JOIN, PRIV, INVITED | DELETED, HIDDEN },
	{ CHANGE_JOIN, PRIV, INVITED | NO_SCOPE, SCOPE },
	/* add */
	{ CHANGE_JOIN, PRIV, MEMBER | OP | OTHER, AUDIT },
	{ CHANGE_JOIN, PUB, MEMBER | ADMIN | OTHER, AUDIT },
	{ CHANGE_JOIN, PUB, MEMBER | OTHER, DENIED },
	{ CHANGE_JOIN, PUB, ADMIN | OTHER, OUT },
	{ CHANGE_JOIN, PRIV, ADMIN | OTHER, OUT },
	{ CHANGE_JOIN, PRIV, OTHER, HIDDEN },
	{ CHANGE_JOIN, PRIV, MEMBER | OP | OTHER | NOBODY, HIDDEN },
	{ CHANGE_JOIN, PRIV, MEMBER | OP | OTHER | THEY, NOTHING },
	{ CHANGE_JOIN, PRIV, MEMBER | OP | OTHER | BLOCKED, DENIED },
	{ CHANGE_JOIN, PRIV, MEMBER | OP | OTHER | BLOCKED | THEY, NOTHING },
	{ CHANGE_JOIN, DM, MEMBER | OTHER, DENIED },
	/* leave */
	{ CHANGE_LEAVE, PUB, MEMBER, YES },
	{ CHANGE_LEAVE, PRIV, MEMBER | OWNER, YES },
	{ CHANGE_LEAVE, PUB, 0, NOTHING },
	{ CHANGE_LEAVE, PRIV, LEFT, NOTHING },
	{ CHANGE_LEAVE, PRIV, 0, HIDDEN },
	{ CHANGE_LEAVE, PUB, GUEST, HIDDEN },
	{ CHANGE_LEAVE, DM, MEMBER, DENIED },
	/* kick */
	{ CHANGE_KICK, PUB, MEMBER | OP | OTHER | THEY, AUDIT },
	{ CHANGE_KICK, PRIV, MEMBER | ADMIN | OTHER | THEY, AUDIT },
	{ CHANGE_KICK, PUB, MEMBER | OTHER | THEY, DENIED },
	{ CHANGE_KICK, PUB, ADMIN | OTHER | THEY, OUT },
	{ CHANGE_KICK, PUB, MEMBER | OP | OTHER, NOTHING },
	{ CHANGE_KICK, PUB, MEMBER | OP | THEY, DENIED }, /* oneself */
	{ CHANGE_KICK, PUB, MEMBER | OP | OTHER | THEY | THEY_OWN, DENIED },
	{ CHANGE_KICK, PUB, MEMBER | OWNER | OTHER | THEY | THEY_OWN, AUDIT },
	{ CHANGE_KICK, PUB, MEMBER | ADMIN | OTHER | THEY | THEY_OWN, AUDIT },
	{ CHANGE_KICK, DM, MEMBER | ADMIN | OTHER | THEY, DENIED },
	/* role */
	{ CHANGE_ROLE, PUB, MEMBER | OP | OTHER | THEY, AUDIT },
	{ CHANGE_ROLE, PUB, MEMBER | OTHER | THEY, DENIED },
	{ CHANGE_ROLE, PUB, MEMBER | OP | OTHER, HIDDEN },
	{ CHANGE_ROLE, PUB, MEMBER | OP | OTHER | THEY | TO_OWNER, DENIED },
	{ CHANGE_ROLE, PUB, MEMBER | OP | OTHER | THEY | THEY_OWN, DENIED },
	{ CHANGE_ROLE, PUB, MEMBER | OWNER | OTHER | THEY | TO_OWNER, AUDIT },
	{ CHANGE_ROLE, DM, MEMBER | OTHER | THEY, DENIED },
	/* topic, name, flags */
	{ CHANGE_TOPIC, PUB, MEMBER, DENIED },
	{ CHANGE_TOPIC, PUB, MEMBER | OP, YES },
	{ CHANGE_TOPIC, DM, MEMBER | OWNER, DENIED },
	{ CHANGE_CHANNEL, PRIV, MEMBER | OP, AUDIT },
	{ CHANGE_CHANNEL, PRIV, MEMBER, DENIED },
	{ CHANGE_CHANNEL, PUB, MEMBER | OWNER | DEFAULT, DENIED },
	{ CHANGE_CHANNEL, PUB, MEMBER | ADMIN | DEFAULT, AUDIT },
	/* what nobody asks for by this way */
	{ CHANGE_RETAIN, PUB, MEMBER | OWNER | ADMIN, DENIED },
};

static const char *answer_name(enum answer a)
{
	static const char *const names[] = { "yes", "audit", "nothing", "denied", "out", "hidden", "scope", "later" };
	return names[a];
}

static enum answer answer_of(struct permit_answer a)
{
	switch (a.err) {
	case OK: return a.nothing ? NOTHING : a.audit ? AUDIT : YES;
	case ERR_NOT_ALLOWED: return DENIED;
	case ERR_NOT_MEMBER: return OUT;
	case ERR_NOT_FOUND: return HIDDEN;
	case ERR_SCOPE_MISSING: return SCOPE;
	case ERR_RATE_LIMITED: assert_int_equal(a.retry_ms, 3000); return LATER;
	default: fail_msg("%s", err_row(a.err)->name);
	}
	return DENIED;
}

static enum channel_role role_of(unsigned f)
{
	return f & OWNER ? CHANNEL_OWNER : f & OP ? CHANNEL_OP : CHANNEL_MEMBER;
}

static enum answer ask(const struct row *r)
{
	unsigned f = r->flags;
	const struct actor actor = { .user_id = 7,
								 .role = f & GUEST   ? USER_GUEST
										 : f & ADMIN ? USER_ADMIN
													 : USER_MEMBER,
								 .scopes = f & NO_SCOPE ? SCOPE_READ : SCOPE_ALL };
	const struct channel channel = { .id = 1,
									 .kind = (enum channel_kind)r->channel,
									 .archived = f & ARCHIVED,
									 .read_only = f & READ_ONLY,
									 .deleted = f & DELETED,
									 .slow_mode_s = f & SLOW ? 5 : 0 };
	const struct permit p = {
		.kind = r->kind,
		.actor = &actor,
		.need_scope = SCOPE_WRITE,
		.channel = r->channel == NONE ? NULL : &channel,
		.left = f & LEFT,
		.member = f & MEMBER,
		.role = role_of(f),
		.voice = f & VOICE,
		.silenced_until = f & SILENCED ? 10001 : 10000,
		.other = f & OTHER,
		.person = !(f & NOBODY),
		.blocked = f & BLOCKED,
		.invited = f & INVITED,
		.target_member = f & THEY,
		.target_role = f & THEY_OWN ? CHANNEL_OWNER : CHANNEL_MEMBER,
		.new_role = f & TO_OWNER ? CHANNEL_OWNER : CHANNEL_OP,
		.message = f & (MINE | THEIRS),
		.own_message = f & MINE,
		.message_deleted = f & GONE,
		.now_ms = 10000,
		.slow_at = f & SLOW ? 8000 : 0,
		.sets_default = f & DEFAULT,
	};
	return answer_of(permit(&p));
}

static void table(void **state)
{
	for (size_t i = 0; i < countof(rows); i++) {
		enum answer got = ask(&rows[i]);
		if (got != rows[i].want)
			fail_msg("row %zu (%s, channel %d, flags %x): %s, not %s", i, change_row(rows[i].kind)->kind,
					 rows[i].channel, rows[i].flags, answer_name(got), answer_name(rows[i].want));
	}
}

static enum err create(enum user_role role, bool dm, bool person, bool blocked, bool is_default)
{
	const struct actor actor = { .role = role, .scopes = SCOPE_WRITE };
	const struct permit p = { .creates = true,
							  .dm = dm,
							  .actor = &actor,
							  .need_scope = SCOPE_WRITE,
							  .person = person,
							  .blocked = blocked,
							  .sets_default = is_default };
	return permit(&p).err;
}

static void creation(void **state)
{
	assert_int_equal(create(USER_MEMBER, false, false, false, false), OK);
	assert_int_equal(create(USER_GUEST, false, false, false, false), ERR_NOT_ALLOWED);
	assert_int_equal(create(USER_MEMBER, false, false, false, true), ERR_NOT_ALLOWED);
	assert_int_equal(create(USER_ADMIN, false, false, false, true), OK);
	assert_int_equal(create(USER_MEMBER, true, true, false, false), OK);
	assert_int_equal(create(USER_MEMBER, true, false, false, false), ERR_NOT_FOUND);
	assert_int_equal(create(USER_MEMBER, true, true, true, false), ERR_NOT_ALLOWED);
	assert_int_equal(create(USER_GUEST, true, true, false, false), OK);
}

/* A guest knows the people of common channels only, and is told of no others that they are there. */
static void strangers(void **state)
{
	const struct actor guest = { .role = USER_GUEST, .scopes = SCOPE_WRITE };
	const struct actor member = { .role = USER_MEMBER, .scopes = SCOPE_WRITE };
	struct permit p = { .creates = true, .dm = true, .person = true, .strangers = true, .actor = &guest };
	assert_int_equal(permit(&p).err, ERR_NOT_FOUND);
	p.actor = &member;
	assert_int_equal(permit(&p).err, OK);
}

/* Also where a guest operates a channel. */
static void strangers_are_nobody_to_an_operator(void **state)
{
	const struct actor guest = { .user_id = 1, .role = USER_GUEST, .scopes = SCOPE_WRITE };
	const struct actor member = { .user_id = 1, .role = USER_MEMBER, .scopes = SCOPE_WRITE };
	const struct channel room = { .id = 1, .kind = CHANNEL_PUBLIC };
	struct permit p = { .actor = &guest, .channel = &room, .member = true, .role = CHANNEL_OP, .other = true };
	static const struct {
		enum change_kind kind;
		bool on;
	} acts[] = { { CHANGE_JOIN, false }, { CHANGE_BAN, true }, { CHANGE_BAN, false } };
	for (size_t i = 0; i < countof(acts); i++) {
		p.kind = acts[i].kind, p.on = acts[i].on;
		p.actor = &guest, p.person = false, p.strangers = true;
		struct permit_answer none = permit(&p);
		p.person = true;
		struct permit_answer stranger = permit(&p);
		assert_int_equal(stranger.err, ERR_NOT_FOUND);
		assert_int_equal(stranger.err, none.err);
		assert_string_equal(stranger.why, none.why);
		p.strangers = false;
		assert_int_equal(permit(&p).err, OK);
		p.strangers = true, p.actor = &member;
		assert_int_equal(permit(&p).err, OK);
	}
	p.actor = &guest, p.banned = true; /* as operators see in the list of bans */
	assert_int_equal(permit(&p).err, OK);
}

/* Who is not in a channel gets the same answer whatever they ask of it: it tells them nothing. */
static void outsiders_learn_nothing(void **state)
{
	static const enum change_kind kinds[] = { CHANGE_MESSAGE, CHANGE_EDIT, CHANGE_DELETE, CHANGE_REACTION, CHANGE_PIN,
											  CHANGE_KICK,    CHANGE_ROLE, CHANGE_TOPIC,  CHANGE_CHANNEL };
	static const unsigned facts[] = { 0,    ARCHIVED, READ_ONLY,     SLOW,  SILENCED, BLOCKED, OTHER | THEY,
									  MINE, THEIRS,   THEIRS | GONE, VOICE, OWNER };
	for (size_t i = 0; i < countof(kinds); i++)
		for (size_t k = 0; k < countof(facts); k++) {
			assert_int_equal(ask(&(struct row){ kinds[i], PRIV, facts[k], YES }), HIDDEN);
			assert_int_equal(ask(&(struct row){ kinds[i], DM, facts[k] | ADMIN, YES }), HIDDEN);
			assert_int_equal(ask(&(struct row){ kinds[i], PUB, facts[k] | GUEST, YES }), HIDDEN);
			assert_int_equal(ask(&(struct row){ kinds[i], NONE, facts[k], YES }), HIDDEN);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(table), cmocka_unit_test(creation),
										cmocka_unit_test(strangers),
										cmocka_unit_test(strangers_are_nobody_to_an_operator),
										cmocka_unit_test(outsiders_learn_nothing) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
