#include "store/token.h"

#include <pthread.h>
#include <sodium.h>

#include "store/account.h"
#include "store/person.h"
#include "support/both.h"

#define ALIVE_MOST 5
#define NOW INT64_C(1700000000000)

static int64_t person(struct both *b, struct db_conn *c)
{
	struct person_new p = {
		.username = both_name(b), .display_name = STR_NONE, .password_hash = STR_NONE, .now_ms = NOW
	};
	both_must(db_begin(c));
	both_must(person_create(c, &p));
	both_must(db_commit(c));
	return p.user_id;
}

static enum err create(struct db_conn *c, struct token_new *n)
{
	token_make(n->secret);
	both_must(db_begin(c));
	enum err e = token_create(c, n);
	if (e)
		db_rollback(c);
	else
		both_must(db_commit(c));
	return e;
}

static struct token_new one(int64_t user_id, int scopes, int64_t expires_at)
{
	return (struct token_new){ .user_id = user_id,
							   .name = STR("robot"),
							   .most_alive = ALIVE_MOST,
							   .scopes = scopes,
							   .expires_at = expires_at,
							   .now_ms = NOW };
}

static enum err use(struct db_conn *c, const char *secret, int64_t now, struct actor *out)
{
	struct credential cred = { .kind = CREDENTIAL_TOKEN };
	session_hash(str_of(secret), cred.hash);
	return session_actor(c, &cred, now, out);
}

static void a_token_has_its_scopes(struct both *b, struct db_conn *c)
{
	struct actor a;
	struct token_new n = one(person(b, c), SCOPE_READ | SCOPE_MANAGE, 0);
	both_must(create(c, &n));
	assert_true(str_starts(str_of(n.secret), STR("linnet_")));
	assert_int_equal(strlen(n.secret), 7 + 43);
	both_must(use(c, n.secret, NOW * 2, &a));
	assert_int_equal(a.scopes, SCOPE_READ | SCOPE_MANAGE);
	assert_int_equal(a.session_kind, SESSION_TOKEN);
	assert_string_equal(a.session_id, n.session_id);
}

static void it_ends_in_time(struct both *b, struct db_conn *c)
{
	struct actor a;
	struct token_new n = one(person(b, c), SCOPE_READ, NOW + 10);
	both_must(create(c, &n));
	both_must(use(c, n.secret, NOW + 9, &a));
	assert_int_equal(use(c, n.secret, NOW + 10, &a), ERR_UNAUTHENTICATED);
}

static void it_is_revoked_once_by_its_maker(struct both *b, struct db_conn *c)
{
	struct actor a;
	struct sessions_ended ended = { 0 };
	int64_t id = person(b, c), other = person(b, c);
	struct token_new n = one(id, SCOPE_READ, 0);
	both_must(create(c, &n));
	both_must(db_begin(c));
	assert_int_equal(token_end(c, other, str_of(n.session_id), NOW + 1, &ended), ERR_NOT_FOUND);
	db_rollback(c);
	both_must(db_begin(c));
	both_must(token_end(c, id, str_of(n.session_id), NOW + 1, &ended));
	both_must(db_commit(c));
	assert_int_equal(ended.ids.n, 1);
	assert_int_equal(ended.user_rev, 1);
	sessions_ended_release(&ended);
	assert_int_equal(use(c, n.secret, NOW + 1, &a), ERR_SESSION_REVOKED);
	both_must(db_begin(c));
	assert_int_equal(token_end(c, id, str_of(n.session_id), NOW + 1, &ended), ERR_NOT_FOUND);
	db_rollback(c);
}

static void tokens_and_sessions_do_not_mix(struct both *b, struct db_conn *c)
{
	struct actor a;
	struct sessions_ended ended = { 0 };
	struct session_page sessions;
	struct token_page tokens;
	int64_t id = person(b, c);
	struct token_new n = one(id, SCOPE_READ, 0);
	both_must(create(c, &n));
	both_must(session_list(c, &b->arena, id, NOW, STR_NONE, 50, &sessions));
	assert_int_equal(sessions.n, 0);
	both_must(token_list(c, &b->arena, id, NOW, STR_NONE, 50, &tokens));
	assert_int_equal(tokens.n, 1);
	assert_int_equal(tokens.items[0].used_at, 0);
	assert_int_equal(tokens.items[0].expires_at, 0);
	both_must(db_begin(c));
	assert_int_equal(session_end(c, id, str_of(n.session_id), NOW + 1, &ended), ERR_NOT_FOUND);
	both_must(session_end_others(c, id, STR_NONE, NOW + 1, &ended)); /* as with a new password */
	both_must(db_commit(c));
	assert_int_equal(ended.user_rev, 0);
	both_must(use(c, n.secret, NOW + 1, &a));
	both_must(session_touch(c, str_of(n.session_id), NOW + 1, SESSION_TOUCH_MS));
	both_must(token_list(c, &b->arena, id, NOW, STR_NONE, 50, &tokens));
	assert_int_equal(tokens.items[0].used_at, NOW + 1);
	assert_int_equal(tokens.items[0].expires_at, 0); /* does not slide */
}

static void there_is_a_most(struct both *b, struct db_conn *c)
{
	int64_t id = person(b, c);
	struct token_new n = one(id, SCOPE_READ, NOW + 1), last = one(id, SCOPE_READ, 0);
	for (int i = 0; i < ALIVE_MOST; i++) {
		n.now_ms = NOW;
		both_must(create(c, &n));
	}
	assert_int_equal(create(c, &last), ERR_LIMIT_REACHED);
	last.now_ms = NOW + 1; /* the others have ended */
	both_must(create(c, &last));
}

static void lists_go_in_pages(struct both *b, struct db_conn *c)
{
	struct token_page page;
	int64_t id = person(b, c);
	for (int i = 0; i < 3; i++) {
		struct token_new n = one(id, SCOPE_READ, 0);
		n.now_ms = NOW + i;
		both_must(create(c, &n));
	}
	both_must(token_list(c, &b->arena, id, NOW, STR_NONE, 2, &page));
	assert_int_equal(page.n, 2);
	assert_int_equal(page.items[0].created_at, NOW + 2);
	both_must(token_list(c, &b->arena, id, NOW, page.next, 2, &page));
	assert_int_equal(page.n, 1);
	assert_null(page.next.p);
	assert_int_equal(token_list(c, &b->arena, id, NOW, STR("x"), 2, &page), ERR_INVALID);
}

/* The example of RFC 7677: what a client proves and what the server signs follow from the verifier. */
static void the_verifier_is_that_of_scram(struct both *b, struct db_conn *c)
{
	static const char message[] =
		"n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
		"s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)"
		"hNlF$k0";
	uint8_t salt[SCRAM_SALT], verifier[SCRAM_BYTES], proof[32], key[32], hash[32];
	char text[64];
	size_t n;
	sodium_base642bin(salt, sizeof salt, "W22ZaJ0SNY7soEsUEjb6gQ==", 24, NULL, &n, NULL,
					  sodium_base64_VARIANT_ORIGINAL);
	sodium_base642bin(proof, sizeof proof, "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", 44, NULL, &n, NULL,
					  sodium_base64_VARIANT_ORIGINAL);
	token_scram(STR("pencil"), salt, verifier);
	const uint8_t *stored = verifier + 4 + SCRAM_SALT, *server = stored + 32;
	assert_memory_equal(verifier, "\0\0\x10\0", 4);
	assert_memory_equal(verifier + 4, salt, SCRAM_SALT);
	crypto_auth_hmacsha256(key, (const unsigned char *)message, sizeof message - 1, stored);
	for (int i = 0; i < 32; i++) key[i] ^= proof[i];
	crypto_hash_sha256(hash, key, sizeof key);
	assert_memory_equal(hash, stored, 32);
	crypto_auth_hmacsha256(key, (const unsigned char *)message, sizeof message - 1, server);
	sodium_bin2base64(text, sizeof text, key, sizeof key, sodium_base64_VARIANT_ORIGINAL);
	assert_string_equal(text, "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}

/* ---- while what asks for it is being ended */

struct asking {
	pthread_t thread;
	struct db *db;
	struct token_new n;
	enum err err;
};

static void *ask_thread(void *arg)
{
	struct asking *a = arg;
	struct db_conn *c = db_conn_create(a->db, DB_WRITE);
	a->err = create(c, &a->n);
	db_conn_destroy(c);
	return NULL;
}

/* In Postgres the other is at it meanwhile, and waits for the person; SQLite has one writer. */
static void what_has_ended_makes_none(struct both *b, struct db_conn *c)
{
	struct sessions_ended ended = { 0 };
	int64_t id = person(b, c);
	struct session_new s = { .user_id = id, .kind = SESSION_COOKIE, .address = STR("192.0.2.1"), .now_ms = NOW };
	bool postgres = db_conn_kind(c) == DB_POSTGRES;
	both_must(db_begin(c));
	both_must(session_create(c, &s, &ended));
	both_must(db_commit(c));
	struct credential by = { .kind = CREDENTIAL_JWT, .user_id = id };
	memcpy(by.session_id, s.session_id, sizeof s.session_id);
	struct asking a = { .db = b->db[1], .n = one(id, SCOPE_READ, 0) };
	a.n.by = &by;
	both_must(create(c, &a.n));
	both_must(db_begin(c));
	both_must(session_end_others(c, id, STR_NONE, NOW, &ended));
	both_must(token_end_all(c, id, NOW, &ended));
	if (postgres) {
		assert_int_equal(pthread_create(&a.thread, NULL, ask_thread, &a), 0);
		while (both_number(b, c, "SELECT count(*) FROM pg_locks WHERE NOT granted") == 0)
			;
	}
	both_must(db_commit(c));
	if (postgres)
		pthread_join(a.thread, NULL);
	else
		a.err = create(c, &a.n);
	assert_int_equal(a.err, ERR_SESSION_REVOKED);
	sessions_ended_release(&ended);
}

int main(void)
{
	static const struct both_case cases[] = {
		BOTH(a_token_has_its_scopes),
		BOTH(it_ends_in_time),
		BOTH(it_is_revoked_once_by_its_maker),
		BOTH(tokens_and_sessions_do_not_mix),
		BOTH(there_is_a_most),
		BOTH(what_has_ended_makes_none),
		BOTH(lists_go_in_pages),
		BOTH(the_verifier_is_that_of_scram),
		BOTH(both_each_moved_head_was_noted),
	};
	return both_main(cases, countof(cases));
}
