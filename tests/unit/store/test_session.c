#include "store/session.h"

#include <sodium.h>

#include "store/account.h"
#include "store/person.h"
#include "support/both.h"

#define NOW INT64_C(1700000000000)
#define ALIVE_MOST 5
#define DAY (INT64_C(86400) * 1000)

static int64_t person(struct both *b, struct db_conn *c)
{
	struct person_new p = { .username = both_name(b),
							.display_name = STR_NONE,
							.password_hash = STR("hash"),
							.role = USER_MEMBER,
							.now_ms = NOW };
	both_must(db_begin(c));
	both_must(person_create(c, &p));
	both_must(db_commit(c));
	return p.user_id;
}

static struct session_new make(struct db_conn *c, int64_t user_id, enum session_kind kind, int64_t now)
{
	struct session_new n = { .user_id = user_id,
							 .kind = kind,
							 .most_alive = ALIVE_MOST,
							 .address = STR("192.0.2.7"),
							 .agent = STR("Probe/1 \x01\xff\xc3\xa9"),
							 .now_ms = now };
	struct sessions_ended ended = { 0 };
	both_must(db_begin(c));
	both_must(session_create(c, &n, &ended));
	both_must(db_commit(c));
	sessions_ended_release(&ended);
	return n;
}

static enum err refresh(struct db_conn *c, const char *token, int64_t now, struct refreshed *out)
{
	struct sessions_ended ended = { 0 };
	both_must(db_begin(c));
	enum err e = session_rotate(c, str_of(token), now, out, &ended);
	if (e == OK || ended.ids.n)
		both_must(db_commit(c));
	else
		db_rollback(c);
	sessions_ended_release(&ended);
	return e;
}

static enum err end(struct db_conn *c, int64_t user_id, const char *id, int64_t *user_rev)
{
	struct sessions_ended ended = { 0 };
	both_must(db_begin(c));
	enum err e = session_end(c, user_id, str_of(id), NOW + 1, &ended);
	if (e)
		db_rollback(c);
	else
		both_must(db_commit(c));
	*user_rev = ended.user_rev;
	if (!e) assert_string_equal(ended.ids.p[0].id, id);
	sessions_ended_release(&ended);
	return e;
}

static enum err by_cookie(struct db_conn *c, const char *secret, int64_t now, struct actor *out)
{
	struct credential cred = { .kind = CREDENTIAL_COOKIE };
	session_hash(str_of(secret), cred.hash);
	return session_actor(c, &cred, now, out);
}

static enum err by_id(struct db_conn *c, int64_t user_id, const char *id, int64_t now)
{
	struct credential cred = { .kind = CREDENTIAL_JWT, .user_id = user_id };
	struct actor a;
	memcpy(cred.session_id, id, SESSION_ID);
	return session_actor(c, &cred, now, &a);
}

/* ---- */

static void a_cookie_signs_in_until_it_ends(struct both *b, struct db_conn *c)
{
	struct actor a;
	int64_t rev, id = person(b, c);
	struct session_new n = make(c, id, SESSION_COOKIE, NOW);
	assert_int_equal(strlen(n.secret), 43);
	both_must(by_cookie(c, n.secret, NOW, &a));
	assert_int_equal(a.user_id, id);
	assert_int_equal(a.session_kind, SESSION_COOKIE);
	assert_int_equal(a.scopes, SCOPE_ALL);
	assert_int_equal(a.expires_at, NOW + 30 * DAY);
	assert_int_equal(by_cookie(c, n.secret, NOW + 30 * DAY, &a), ERR_UNAUTHENTICATED);
	n.secret[0] ^= 1;
	assert_int_equal(by_cookie(c, n.secret, NOW, &a), ERR_UNAUTHENTICATED);
	n.secret[0] ^= 1;
	assert_int_equal(end(c, id + 1, n.session_id, &rev), ERR_NOT_FOUND);
	both_must(end(c, id, n.session_id, &rev));
	assert_int_equal(rev, 1);
	assert_int_equal(by_cookie(c, n.secret, NOW, &a), ERR_SESSION_REVOKED);
	assert_int_equal(end(c, id, n.session_id, &rev), ERR_NOT_FOUND);
}

static void only_hashes_are_kept(struct both *b, struct db_conn *c)
{
	struct session_new n = make(c, person(b, c), SESSION_COOKIE, NOW);
	struct str text = arena_printf(&b->arena,
								   "SELECT count(*) FROM sessions WHERE session_id = '%s' AND secret_hash IS NOT "
								   "NULL AND refresh_hash IS NULL AND agent LIKE 'Probe/1 ??%%'",
								   n.session_id);
	assert_int_equal(both_number(b, c, text.p), 1);
}

static void ending_moves_the_head_and_says_so(struct both *b, struct db_conn *c)
{
	int64_t rev, id = person(b, c);
	struct session_new n = make(c, id, SESSION_COOKIE, NOW);
	both_must(end(c, id, n.session_id, &rev));
	struct str text = arena_printf(&b->arena, "SELECT rev FROM user_heads WHERE user_id = %d", (int)id);
	assert_int_equal(both_number(b, c, text.p), rev);
	if (db_conn_kind(c) != DB_POSTGRES) return;
	text = arena_printf(&b->arena, "SELECT rev FROM moves WHERE user_id = %d", (int)id);
	assert_int_equal(both_number(b, c, text.p), rev);
}

static void all_but_one_are_ended(struct both *b, struct db_conn *c)
{
	struct sessions_ended ended = { 0 };
	struct actor a;
	int64_t id = person(b, c), other = person(b, c);
	struct session_new keep = make(c, id, SESSION_COOKIE, NOW), one = make(c, id, SESSION_COOKIE, NOW),
					   two = make(c, id, SESSION_CLIENT, NOW), foreign = make(c, other, SESSION_COOKIE, NOW);
	both_must(db_begin(c));
	both_must(session_end_others(c, id, str_of(keep.session_id), NOW, &ended));
	both_must(db_commit(c));
	assert_int_equal(ended.ids.n, 2);
	assert_int_equal(ended.user_rev, 1);
	assert_int_equal(ended.user_id, id);
	assert_true(ended.epoch != 0);
	sessions_ended_release(&ended);
	both_must(by_cookie(c, keep.secret, NOW, &a));
	both_must(by_cookie(c, foreign.secret, NOW, &a));
	assert_int_equal(by_cookie(c, one.secret, NOW, &a), ERR_SESSION_REVOKED);
	assert_int_equal(by_id(c, id, two.session_id, NOW), ERR_SESSION_REVOKED);
}

static void the_longest_unused_goes(struct both *b, struct db_conn *c)
{
	struct actor a;
	int64_t id = person(b, c);
	struct session_new first = make(c, id, SESSION_COOKIE, NOW), second = make(c, id, SESSION_COOKIE, NOW + 1);
	for (int i = 2; i < ALIVE_MOST; i++) make(c, id, SESSION_COOKIE, NOW + i);
	both_must(session_touch(c, str_of(first.session_id), NOW + DAY, SESSION_TOUCH_MS));
	make(c, id, SESSION_COOKIE, NOW + DAY);
	both_must(by_cookie(c, first.secret, NOW + DAY, &a));
	assert_int_equal(by_cookie(c, second.secret, NOW + DAY, &a), ERR_SESSION_REVOKED);
}

static void rows_of_the_past_are_swept(struct both *b, struct db_conn *c)
{
	int64_t rev, id = person(b, c);
	struct session_new old = make(c, id, SESSION_COOKIE, NOW);
	both_must(end(c, id, old.session_id, &rev));
	make(c, id, SESSION_CLIENT, NOW + 29 * DAY);
	struct str text = arena_printf(&b->arena, "SELECT count(*) FROM sessions WHERE user_id = %d", (int)id);
	assert_int_equal(both_number(b, c, text.p), 2);
	make(c, id, SESSION_COOKIE, NOW + 31 * DAY);
	assert_int_equal(both_number(b, c, text.p), 2);
}

static void use_slides_a_cookie_once_an_hour(struct both *b, struct db_conn *c)
{
	struct actor a;
	int64_t id = person(b, c);
	struct session_new n = make(c, id, SESSION_COOKIE, NOW);
	both_must(session_touch(c, str_of(n.session_id), NOW + 3599999, SESSION_TOUCH_MS));
	both_must(by_cookie(c, n.secret, NOW, &a));
	assert_int_equal(a.expires_at, NOW + 30 * DAY);
	both_must(session_touch(c, str_of(n.session_id), NOW + 3600000, SESSION_TOUCH_MS));
	both_must(by_cookie(c, n.secret, NOW, &a));
	assert_int_equal(a.expires_at, NOW + 3600000 + 30 * DAY);
}

static void use_brings_nothing_back(struct both *b, struct db_conn *c)
{
	struct actor a;
	struct session_new n = make(c, person(b, c), SESSION_COOKIE, NOW);
	both_must(by_cookie(c, n.secret, NOW + 30 * DAY - 1, &a));
	assert_int_equal(by_cookie(c, n.secret, NOW + 30 * DAY, &a), ERR_UNAUTHENTICATED);
	assert_int_equal(a.user_id, 0);
	assert_int_equal(a.session_id[0], 0);
	both_must(session_touch(c, str_of(n.session_id), NOW + 30 * DAY, SESSION_TOUCH_MS));
	assert_int_equal(by_cookie(c, n.secret, NOW + 30 * DAY, &a), ERR_UNAUTHENTICATED);
	both_must(session_touch(c, str_of(n.session_id), NOW + 30 * DAY - 1, SESSION_TOUCH_MS));
	both_must(by_cookie(c, n.secret, NOW + 30 * DAY, &a));
}

static void lists_go_in_pages(struct both *b, struct db_conn *c)
{
	struct session_page page;
	int64_t rev, id = person(b, c);
	struct session_new n[3];
	for (int i = 0; i < 3; i++) n[i] = make(c, id, i ? SESSION_CLIENT : SESSION_COOKIE, NOW + i);
	both_must(session_list(c, &b->arena, id, NOW + 5, STR_NONE, 2, &page));
	assert_int_equal(page.n, 2);
	assert_true(str_eq(page.items[0].id, str_of(n[2].session_id)));
	assert_true(page.next.p != NULL);
	both_must(session_list(c, &b->arena, id, NOW + 5, page.next, 2, &page));
	assert_int_equal(page.n, 1);
	assert_int_equal(page.items[0].kind, SESSION_COOKIE);
	assert_true(str_eq(page.items[0].address, STR("192.0.2.7")));
	assert_true(page.next.p == NULL);
	assert_int_equal(session_list(c, &b->arena, id, NOW, STR("made up"), 2, &page), ERR_INVALID);
	both_must(end(c, id, n[1].session_id, &rev));
	both_must(session_list(c, &b->arena, id, NOW + 5, STR_NONE, 50, &page));
	assert_int_equal(page.n, 2);
}

static void addresses_of_the_last_days(struct both *b, struct db_conn *c)
{
	struct str *list;
	size_t n;
	int64_t rev, id = person(b, c);
	struct session_new s = make(c, id, SESSION_COOKIE, NOW);
	both_must(end(c, id, s.session_id, &rev));
	both_must(session_addresses(c, &b->arena, id, NOW - 1, &list, &n));
	assert_int_equal(n, 1);
	assert_true(str_eq(list[0], STR("192.0.2.7")));
	both_must(session_addresses(c, &b->arena, id, NOW, &list, &n));
	assert_int_equal(n, 0);
}

/* ---- refresh */

static void a_token_is_rotated(struct both *b, struct db_conn *c)
{
	struct refreshed one, two;
	int64_t id = person(b, c);
	struct session_new n = make(c, id, SESSION_CLIENT, NOW);
	both_must(refresh(c, n.secret, NOW + 10, &one));
	assert_int_equal(one.user_id, id);
	assert_string_equal(one.session_id, n.session_id);
	assert_string_not_equal(one.secret, n.secret);
	both_must(refresh(c, one.secret, NOW + 20, &two));
	assert_string_not_equal(two.secret, one.secret);
	both_must(by_id(c, id, n.session_id, NOW + 20 + 30 * DAY - 1)); /* it slides */
	assert_int_equal(refresh(c, two.secret, NOW + 20 + 30 * DAY, &one), ERR_UNAUTHENTICATED);
}

static void a_lost_answer_is_given_again(struct both *b, struct db_conn *c)
{
	struct refreshed one, again;
	struct session_new n = make(c, person(b, c), SESSION_CLIENT, NOW);
	both_must(refresh(c, n.secret, NOW + 10, &one));
	both_must(refresh(c, n.secret, NOW + DAY, &again)); /* the successor was never used */
	assert_string_equal(one.secret, again.secret);
	both_must(refresh(c, again.secret, NOW + DAY, &one));
}

static void for_a_minute_even_when_the_successor_was_used(struct both *b, struct db_conn *c)
{
	struct refreshed r[5], again;
	struct session_new n = make(c, person(b, c), SESSION_CLIENT, NOW);
	both_must(refresh(c, n.secret, NOW, &r[0]));
	for (int i = 1; i < 5; i++) both_must(refresh(c, r[i - 1].secret, NOW + 1000 * i, &r[i]));
	both_must(refresh(c, n.secret, NOW + 59999, &again));
	assert_string_equal(again.secret, r[0].secret);
	both_must(refresh(c, r[0].secret, NOW + 60999, &again));
	assert_string_equal(again.secret, r[1].secret);
	both_must(refresh(c, r[3].secret, NOW + DAY, &again));
	assert_string_equal(again.secret, r[4].secret);
}

static void reuse_ends_the_family(struct both *b, struct db_conn *c)
{
	struct refreshed one, two, out;
	int64_t id = person(b, c);
	struct session_new n = make(c, id, SESSION_CLIENT, NOW), other = make(c, id, SESSION_CLIENT, NOW);
	both_must(refresh(c, n.secret, NOW, &one));
	both_must(refresh(c, one.secret, NOW + 1000, &two));
	assert_int_equal(refresh(c, n.secret, NOW + 60000, &out), ERR_SESSION_REVOKED);
	assert_int_equal(by_id(c, id, n.session_id, NOW + 60000), ERR_SESSION_REVOKED);
	assert_int_equal(refresh(c, two.secret, NOW + 60000, &out), ERR_SESSION_REVOKED);
	both_must(refresh(c, other.secret, NOW + 60000, &out));
	struct str text = arena_printf(&b->arena, "SELECT rev FROM user_heads WHERE user_id = %d", (int)id);
	assert_int_equal(both_number(b, c, text.p), 1); /* once */
}

static void after_logout_it_is_only_refused(struct both *b, struct db_conn *c)
{
	struct refreshed out;
	int64_t rev, id = person(b, c);
	struct session_new n = make(c, id, SESSION_CLIENT, NOW);
	both_must(end(c, id, n.session_id, &rev));
	assert_int_equal(refresh(c, n.secret, NOW + 5, &out), ERR_SESSION_REVOKED);
}

static void what_was_never_given_out_is_refused(struct both *b, struct db_conn *c)
{
	struct refreshed one, out;
	int64_t id = person(b, c);
	struct session_new n = make(c, id, SESSION_CLIENT, NOW), cookie = make(c, id, SESSION_COOKIE, NOW);
	both_must(refresh(c, n.secret, NOW, &one));
	char bad[SECRET_TEXT];
	const char *dot = strrchr(n.secret, '.');
	/* another secret; a later number; an earlier one's secret under the present number; a cookie's session */
	memcpy(bad, n.secret, sizeof bad);
	bad[40] = bad[40] == 'A' ? 'B' : 'A';
	assert_int_equal(refresh(c, bad, NOW, &out), ERR_UNAUTHENTICATED);
	snprintf(bad, sizeof bad, "%s.7%s", n.session_id, dot);
	assert_int_equal(refresh(c, bad, NOW, &out), ERR_UNAUTHENTICATED);
	snprintf(bad, sizeof bad, "%s.1%s", n.session_id, dot);
	assert_int_equal(refresh(c, bad, NOW, &out), ERR_UNAUTHENTICATED);
	snprintf(bad, sizeof bad, "%s.0%s", cookie.session_id, dot);
	assert_int_equal(refresh(c, bad, NOW, &out), ERR_UNAUTHENTICATED);
	static const char *const texts[] = { "", ".", "..", "x", "a.b.c", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ.-1.x", "....." };
	for (size_t i = 0; i < countof(texts); i++) assert_int_equal(refresh(c, texts[i], NOW, &out), ERR_UNAUTHENTICATED);
	both_must(refresh(c, one.secret, NOW, &out)); /* none of it harmed the family */
}

static void rotation_has_a_limit(struct both *b, struct db_conn *c)
{
	struct refreshed out = { 0 };
	struct session_new n = make(c, person(b, c), SESSION_CLIENT, NOW);
	memcpy(out.secret, n.secret, sizeof out.secret);
	for (int i = 0; i < 32; i++) {
		char token[SECRET_TEXT];
		memcpy(token, out.secret, sizeof token);
		both_must(refresh(c, token, NOW + i, &out));
	}
	char last[SECRET_TEXT];
	memcpy(last, out.secret, sizeof last);
	assert_int_equal(refresh(c, last, NOW + 40, &out), ERR_RATE_LIMITED);
	assert_int_equal(out.retry_ms, 60000 - 40);
	both_must(refresh(c, last, NOW + 60000, &out));
}

static void nobody_refreshes_for_who_is_gone(struct both *b, struct db_conn *c)
{
	struct refreshed out;
	int64_t id = person(b, c);
	struct session_new n = make(c, id, SESSION_CLIENT, NOW);
	struct str text = arena_printf(&b->arena, "UPDATE users SET deactivated_at = 1 WHERE user_id = %d", (int)id);
	both_must(db_script(c, text.p));
	assert_int_equal(refresh(c, n.secret, NOW, &out), ERR_UNAUTHENTICATED);
}

int main(void)
{
	static const struct both_case cases[] = {
		BOTH(a_cookie_signs_in_until_it_ends),
		BOTH(only_hashes_are_kept),
		BOTH(ending_moves_the_head_and_says_so),
		BOTH(all_but_one_are_ended),
		BOTH(the_longest_unused_goes),
		BOTH(rows_of_the_past_are_swept),
		BOTH(use_slides_a_cookie_once_an_hour),
		BOTH(use_brings_nothing_back),
		BOTH(lists_go_in_pages),
		BOTH(addresses_of_the_last_days),
		BOTH(a_token_is_rotated),
		BOTH(a_lost_answer_is_given_again),
		BOTH(for_a_minute_even_when_the_successor_was_used),
		BOTH(reuse_ends_the_family),
		BOTH(after_logout_it_is_only_refused),
		BOTH(what_was_never_given_out_is_refused),
		BOTH(rotation_has_a_limit),
		BOTH(nobody_refreshes_for_who_is_gone),
		BOTH(both_each_moved_head_was_noted),
	};
	return both_main(cases, countof(cases));
}
