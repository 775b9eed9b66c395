/* permit() against the table that is to be read. */
#include "model/permit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "permit_table.h"

#define NOW 1000000

static const struct {
	enum user_role user;
	enum channel_role role;
	bool voice;
} standings[STANDINGS] = {
	{ USER_MEMBER, CHANNEL_MEMBER, false }, { USER_GUEST, CHANNEL_MEMBER, false },
	{ USER_ADMIN, CHANNEL_MEMBER, false },  { USER_GUEST, CHANNEL_MEMBER, false },
	{ USER_MEMBER, CHANNEL_MEMBER, false }, { USER_MEMBER, CHANNEL_MEMBER, true },
	{ USER_MEMBER, CHANNEL_OP, false },     { USER_MEMBER, CHANNEL_OWNER, false },
	{ USER_ADMIN, CHANNEL_MEMBER, false },
};

static const enum change_kind kinds[] = {
	[SEND] = CHANGE_MESSAGE,
	[EDIT] = CHANGE_EDIT,
	[EDIT_OF_ANOTHER] = CHANGE_EDIT,
	[DELETE] = CHANGE_DELETE,
	[DELETE_OF_ANOTHER] = CHANGE_DELETE,
	[REACT] = CHANGE_REACTION,
	[PIN] = CHANGE_PIN,
	[JOIN] = CHANGE_JOIN,
	[ADD] = CHANGE_JOIN,
	[LEAVE] = CHANGE_LEAVE,
	[KICK] = CHANGE_KICK,
	[MAKE_OP] = CHANGE_ROLE,
	[MAKE_OWNER] = CHANGE_ROLE,
	[STEP_DOWN] = CHANGE_ROLE,
	[SILENCE] = CHANGE_ROLE,
	[SILENCE_ONESELF] = CHANGE_ROLE,
	[BAN] = CHANGE_BAN,
	[BAN_ONESELF] = CHANGE_BAN,
	[UNBAN] = CHANGE_BAN,
	[TOPIC] = CHANGE_TOPIC,
	[SETTINGS] = CHANGE_CHANNEL,
	[SET_DEFAULT] = CHANGE_CHANNEL,
	[DELETE_CHANNEL] = CHANGE_DELETED,
};

static bool about_another(enum act a)
{
	return a == ADD || a == KICK || a == MAKE_OP || a == MAKE_OWNER || a == SILENCE || a == BAN || a == UNBAN;
}

/* Whom it is about: another, or who asks. */
static void put_target(struct permit *p, const struct table_row *r, bool in)
{
	p->other = about_another(r->act);
	p->person = true;
	p->target_member = p->other ? (r->state & IN) != 0 : in;
	p->target_role = !p->other ? p->role : r->state & OWNS ? CHANNEL_OWNER : CHANNEL_MEMBER;
	p->target_admin = p->other ? (r->state & RULES) != 0 : p->actor->role >= USER_ADMIN;
	p->new_role = r->act == MAKE_OP      ? CHANNEL_OP
				  : r->act == MAKE_OWNER ? CHANNEL_OWNER
				  : r->act == STEP_DOWN  ? CHANNEL_MEMBER
										 : p->target_role;
	p->silences = r->act == SILENCE || r->act == SILENCE_ONESELF;
	p->on = r->act != UNBAN;
	p->last_owner = (r->state & LAST) && !p->other && p->role == CHANNEL_OWNER;
}

static struct permit_answer ask(const struct table_row *r, size_t i)
{
	bool in = table_in(i);
	const struct actor actor = { .user_id = 7, .role = standings[i].user, .scopes = SCOPE_ALL };
	const struct channel channel = {
		.id = 1,
		.kind = r->kind,
		.archived = r->state & ARCHIVED,
		.read_only = r->state & READ_ONLY,
		.slow_mode_s = r->state & SLOW ? 10 : 0,
		.member_count = 2,
	};
	struct permit p = {
		.kind = kinds[r->act],
		.actor = &actor,
		.need_scope = SCOPE_WRITE,
		.channel = &channel,
		.member = in,
		.role = in ? standings[i].role : CHANNEL_MEMBER,
		.voice = in && standings[i].voice,
		.silenced_until = r->state & SILENCED ? NOW + 1 : 0,
		.blocked = r->state & BLOCKED,
		.banned = r->state & BANNED,
		.message = true,
		.own_message = r->act == EDIT || r->act == DELETE || r->act == SEND,
		.now_ms = NOW,
		.slow_at = r->state & SLOW ? NOW - 1000 : 0,
		.sets_default = r->act == SET_DEFAULT,
		.is_default = r->state & IS_DEFAULT,
	};
	put_target(&p, r, in);
	return permit(&p);
}

static char letter(struct permit_answer a)
{
	switch (a.err) {
	case OK: return a.nothing ? 'n' : a.audit ? 'u' : 'y';
	case ERR_NOT_ALLOWED: return '-';
	case ERR_NOT_MEMBER: return 'o';
	case ERR_NOT_FOUND: return 'h';
	case ERR_RATE_LIMITED: return a.retry_ms == 9000 ? 'l' : '?';
	case ERR_CONFLICT: return 'c';
	default: return '?';
	}
}

static void table(void **state)
{
	for (size_t k = 0; k < countof(table_rows); k++) {
		const struct table_row *r = &table_rows[k];
		assert_int_equal(strlen(r->answers), STANDINGS + 1);
		for (size_t i = 0; i < STANDINGS; i++)
			if (letter(ask(r, i)) != table_answer(r, i))
				fail_msg("row %zu (act %d, kind %d, state %x), standing %zu: %c, not %c", k, r->act, r->kind, r->state,
						 i, letter(ask(r, i)), table_answer(r, i));
	}
}

/* Who is silenced, blocked or in a hurry is so at this very moment, and no longer. */
static void ends(void **state)
{
	const struct actor actor = { .user_id = 7, .role = USER_MEMBER, .scopes = SCOPE_ALL };
	const struct channel channel = { .id = 1, .slow_mode_s = 10, .member_count = 2 };
	struct permit p = { .kind = CHANGE_MESSAGE, .actor = &actor, .channel = &channel, .member = true, .now_ms = NOW };
	p.silenced_until = NOW;
	assert_int_equal(permit(&p).err, OK);
	p.silenced_until = NOW + 1;
	assert_int_equal(permit(&p).err, ERR_NOT_ALLOWED);
	p.silenced_until = 0, p.slow_at = NOW - 10000;
	assert_int_equal(permit(&p).err, OK);
	p.slow_at = NOW - 9999;
	assert_int_equal(permit(&p).err, ERR_RATE_LIMITED);
	assert_int_equal(permit(&p).retry_ms, 1);
}

/* Alone in a channel its owner may go. */
static void alone(void **state)
{
	const struct actor actor = { .user_id = 7, .role = USER_MEMBER, .scopes = SCOPE_ALL };
	const struct channel channel = { .id = 1, .member_count = 1 };
	struct permit p = { .kind = CHANGE_LEAVE, .actor = &actor, .channel = &channel, .member = true };
	p.role = p.target_role = CHANNEL_OWNER, p.last_owner = true;
	assert_int_equal(permit(&p).err, OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(table), cmocka_unit_test(ends), cmocka_unit_test(alone) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
