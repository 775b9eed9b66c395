/* libjwt decodes and checks the signature, but takes any algorithm that the token names: it is compared here, and
 * "none" never gets that far because a key is always given. */
#include "edge/jwt.h"

#include <jwt.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN_MOST 1024

bool jwt_key(struct str secret, uint8_t key[64], size_t *n)
{
	if (secret.n < JWT_SECRET_LEAST) return false;
	*n = secret.n;
	if (secret.n <= 64) {
		memcpy(key, secret.p, secret.n);
		return true;
	}
	*n = crypto_hash_sha256_BYTES; /* as HMAC itself does with keys over its block */
	return crypto_hash_sha256(key, (const unsigned char *)secret.p, secret.n) == 0;
}

struct str jwt_sign(const struct pod *pod, struct arena *a, int64_t user_id, struct str session_id, int64_t now_ms)
{
	char subject[24];
	struct str out = STR_NONE;
	jwt_t *jwt;
	if (jwt_new(&jwt)) abort();
	snprintf(subject, sizeof subject, "%lld", (long long)user_id);
	bool ok = jwt_set_alg(jwt, JWT_ALG_HS256, pod->jwt_key, (int)pod->jwt_key_n) == 0 &&
			  jwt_add_grant(jwt, "sub", subject) == 0 && jwt_add_grant(jwt, "sid", arena_cstr(a, session_id)) == 0 &&
			  jwt_add_grant_int(jwt, "iat", (long)(now_ms / 1000)) == 0 &&
			  jwt_add_grant_int(jwt, "exp", (long)(now_ms / 1000 + JWT_LIFE_S)) == 0;
	char *text = ok ? jwt_encode_str(jwt) : NULL;
	if (!text) abort(); /* out of memory, or a key that start would have refused */
	out = arena_str(a, str_of(text));
	free(text); /* jwt_free_str() is newer than 1.10 */
	jwt_free(jwt);
	return out;
}

static bool claims(jwt_t *jwt, int64_t now_ms, struct credential *out)
{
	if (jwt_get_alg(jwt) != JWT_ALG_HS256) return false;
	struct str subject = str_of(jwt_get_grant(jwt, "sub")), session = str_of(jwt_get_grant(jwt, "sid"));
	int64_t expires = jwt_get_grant_int(jwt, "exp"), user_id;
	if (!subject.p || session.n != SESSION_ID || !str_i64(subject, 1, INT64_MAX, &user_id)) return false;
	if (now_ms / 1000 > expires + JWT_LATE_S) return false;
	*out = (struct credential){ .kind = CREDENTIAL_JWT, .user_id = user_id };
	memcpy(out->session_id, session.p, SESSION_ID);
	return true;
}

static bool verify(const uint8_t *key, size_t n, const char *token, int64_t now_ms, struct credential *out)
{
	jwt_t *jwt = NULL;
	if (n == 0 || jwt_decode(&jwt, token, key, (int)n) != 0) return false;
	bool ok = claims(jwt, now_ms, out);
	jwt_free(jwt);
	return ok;
}

enum err jwt_verify(const struct pod *pod, struct str token, int64_t now_ms, struct credential *out)
{
	char text[TOKEN_MOST + 1];
	if (token.n == 0 || token.n > TOKEN_MOST || memchr(token.p, 0, token.n)) return ERR_UNAUTHENTICATED;
	memcpy(text, token.p, token.n);
	text[token.n] = 0;
	if (verify(pod->jwt_key, pod->jwt_key_n, text, now_ms, out)) return OK;
	if (verify(pod->jwt_key_previous, pod->jwt_key_previous_n, text, now_ms, out)) return OK;
	return ERR_UNAUTHENTICATED;
}
