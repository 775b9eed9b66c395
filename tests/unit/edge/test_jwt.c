#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "edge/jwt.h"

#define NOW 1700000000000
static const struct str session = { "01HF7YATZ871VSWW2J0DG807BX", 26 };

static void key_of(struct pod *p, const char *secret, const char *previous)
{
	memset(p, 0, sizeof *p);
	assert_true(jwt_key(str_of(secret), p->jwt_key, &p->jwt_key_n));
	if (previous) assert_true(jwt_key(str_of(previous), p->jwt_key_previous, &p->jwt_key_previous_n));
}

#define SECRET "a secret of the tests, of 32 bytes or more"
#define OTHER "another secret of the tests, also long enough"

static void what_is_signed_is_accepted_in_its_time(void **state)
{
	struct pod p;
	struct arena a;
	struct credential c;
	arena_init(&a);
	key_of(&p, SECRET, NULL);
	struct str token = jwt_sign(&p, &a, 42, session, NOW);
	assert_int_equal(jwt_verify(&p, token, NOW, &c), OK);
	assert_int_equal(c.kind, CREDENTIAL_JWT);
	assert_int_equal(c.user_id, 42);
	assert_string_equal(c.session_id, session.p);
	assert_int_equal(jwt_verify(&p, token, NOW + 930000, &c), OK);
	assert_int_equal(jwt_verify(&p, token, NOW + 931000, &c), ERR_UNAUTHENTICATED);
	arena_release(&a);
}

static void keys_rotate(void **state)
{
	struct pod old, both, new;
	struct arena a;
	struct credential c;
	arena_init(&a);
	key_of(&old, SECRET, NULL), key_of(&both, OTHER, SECRET), key_of(&new, OTHER, NULL);
	struct str token = jwt_sign(&old, &a, 42, session, NOW);
	assert_int_equal(jwt_verify(&both, token, NOW, &c), OK);
	assert_int_equal(jwt_verify(&new, token, NOW, &c), ERR_UNAUTHENTICATED);
	assert_int_equal(jwt_verify(&old, jwt_sign(&both, &a, 42, session, NOW), NOW, &c), ERR_UNAUTHENTICATED);
	arena_release(&a);
}

static struct str base64(struct arena *a, const char *text)
{
	size_t room = sodium_base64_ENCODED_LEN(strlen(text), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	char *out = arena_alloc(a, room);
	sodium_bin2base64(out, room, (const unsigned char *)text, strlen(text), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	return str_of(out);
}

/* A token with any head and body, signed with the key as HS256 is. */
static struct str forged(struct arena *a, const char *head, const char *body, bool sign)
{
	struct str h = base64(a, head), b = base64(a, body);
	struct str text = arena_printf(a, STR_FMT "." STR_FMT, STR_ARG(h), STR_ARG(b));
	unsigned char mac[crypto_auth_hmacsha256_BYTES];
	char mac64[64] = "";
	crypto_auth_hmacsha256_state s;
	crypto_auth_hmacsha256_init(&s, (const unsigned char *)SECRET, strlen(SECRET));
	crypto_auth_hmacsha256_update(&s, (const unsigned char *)text.p, text.n);
	crypto_auth_hmacsha256_final(&s, mac);
	if (sign) sodium_bin2base64(mac64, sizeof mac64, mac, sizeof mac, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	return arena_printf(a, STR_FMT ".%s", STR_ARG(text), mac64);
}

#define HEAD "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define BODY(sub, sid, exp) "{\"sub\":" sub ",\"sid\":" sid ",\"exp\":" exp "}"
#define GOOD BODY("\"42\"", "\"01HF7YATZ871VSWW2J0DG807BX\"", "1700000900")

static void what_is_no_token_of_ours_is_refused(void **state)
{
	struct pod p;
	struct arena a;
	struct credential c;
	arena_init(&a);
	key_of(&p, SECRET, NULL);
	assert_int_equal(jwt_verify(&p, forged(&a, HEAD, GOOD, true), NOW, &c), OK); /* so the forger can forge */
	const struct {
		const char *head, *body;
		bool sign;
	} cases[] = {
		{ HEAD, GOOD, false },
		{ "{\"alg\":\"none\"}", GOOD, false },
		{ "{\"alg\":\"none\"}", GOOD, true },
		{ "{\"alg\":\"NONE\"}", GOOD, false },
		{ "{\"alg\":\"HS384\"}", GOOD, true },
		{ "{\"alg\":\"RS256\"}", GOOD, true },
		{ "{}", GOOD, true },
		{ "[]", GOOD, true },
		{ HEAD, BODY("42", "\"01HF7YATZ871VSWW2J0DG807BX\"", "1700000900"), true },
		{ HEAD, BODY("\"0\"", "\"01HF7YATZ871VSWW2J0DG807BX\"", "1700000900"), true },
		{ HEAD, BODY("\"-42\"", "\"01HF7YATZ871VSWW2J0DG807BX\"", "1700000900"), true },
		{ HEAD, BODY("\"42\"", "\"short\"", "1700000900"), true },
		{ HEAD, BODY("\"42\"", "7", "1700000900"), true },
		{ HEAD, BODY("\"42\"", "\"01HF7YATZ871VSWW2J0DG807BX\"", "\"never\""), true },
		{ HEAD, "{\"sub\":\"42\",\"sid\":\"01HF7YATZ871VSWW2J0DG807BX\"}", true },
		{ HEAD, "no json", true },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(jwt_verify(&p, forged(&a, cases[i].head, cases[i].body, cases[i].sign), NOW, &c),
						 ERR_UNAUTHENTICATED);
	static const char *const rubbish[] = {
		"", ".", "..", "...", "a.b.c", "x", "eyJhbGciOiJIUzI1NiJ9", "eyJhbGciOiJIUzI1NiJ9..", "\xff.\xff.\xff"
	};
	for (size_t i = 0; i < sizeof rubbish / sizeof *rubbish; i++)
		assert_int_equal(jwt_verify(&p, str_of(rubbish[i]), NOW, &c), ERR_UNAUTHENTICATED);
	struct str token = jwt_sign(&p, &a, 42, session, NOW);
	for (size_t i = 0; i < token.n; i++) { /* each byte counts, but for bits that base64 leaves unused at the end */
		char *other = arena_cstr(&a, token);
		other[i] = other[i] == 'A' ? 'B' : 'A';
		if (i + 1 < token.n)
			assert_int_equal(jwt_verify(&p, (struct str){ other, token.n }, NOW, &c), ERR_UNAUTHENTICATED);
		assert_int_equal(jwt_verify(&p, str_upto(token, i), NOW, &c), ERR_UNAUTHENTICATED);
	}
	char *huge = arena_alloc(&a, 5000);
	memset(huge, 'a', 5000);
	assert_int_equal(jwt_verify(&p, (struct str){ huge, 5000 }, NOW, &c), ERR_UNAUTHENTICATED);
	arena_release(&a);
}

static void short_secrets_are_refused(void **state)
{
	uint8_t key[64];
	size_t n;
	assert_false(jwt_key(STR("thirty-one bytes are not enough"), key, &n));
	assert_true(jwt_key(STR("thirty-two bytes are just enough"), key, &n));
	assert_int_equal(n, 32);
	char longer[100];
	memset(longer, 'k', sizeof longer);
	assert_true(jwt_key((struct str){ longer, sizeof longer }, key, &n));
	assert_int_equal(n, 32); /* HMAC hashes what is over its block */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_signed_is_accepted_in_its_time),
		cmocka_unit_test(keys_rotate),
		cmocka_unit_test(what_is_no_token_of_ours_is_refused),
		cmocka_unit_test(short_secrets_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
