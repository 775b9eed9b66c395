#include "app/password.h"

#include <errno.h>
#include <sodium.h>

static enum err hash_into(const struct config *c, struct str password, char out[crypto_pwhash_STRBYTES])
{
	return crypto_pwhash_str_alg(out, password.p, password.n, (unsigned long long)c->argon_ops, (size_t)c->argon_memory,
								 crypto_pwhash_ALG_ARGON2ID13) == 0
			   ? OK
			   : ERR_BUSY;
}

enum err password_hash(const struct config *c, struct arena *a, struct str password, struct str *hash)
{
	char text[crypto_pwhash_STRBYTES];
	enum err e = hash_into(c, password, text);
	if (!e) *hash = arena_str(a, str_of(text));
	return e;
}

/* As much work for nobody as for somebody. */
static enum err verify_nobody(const struct config *c, struct str password)
{
	char text[crypto_pwhash_STRBYTES];
	enum err e = hash_into(c, password, text);
	return e ? e : ERR_BAD_CREDENTIALS;
}

static bool text_of(struct str hash, char out[crypto_pwhash_STRBYTES])
{
	if (!hash.p || hash.n >= crypto_pwhash_STRBYTES) return false;
	for (size_t i = 0; i < crypto_pwhash_STRBYTES; i++) out[i] = i < hash.n ? hash.p[i] : 0;
	return true;
}

enum err password_verify(const struct config *c, struct str hash, struct str password)
{
	char text[crypto_pwhash_STRBYTES];
	if (!text_of(hash, text)) return verify_nobody(c, password);
	errno = 0;
	if (crypto_pwhash_str_verify(text, password.p, password.n) == 0) return OK;
	return errno == ENOMEM ? ERR_BUSY : ERR_BAD_CREDENTIALS;
}

bool password_stale(const struct config *c, struct str hash)
{
	char text[crypto_pwhash_STRBYTES];
	return text_of(hash, text) &&
		   crypto_pwhash_str_needs_rehash(text, (unsigned long long)c->argon_ops, (size_t)c->argon_memory) != 0;
}
