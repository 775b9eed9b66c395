#include "store/server.h"

#include <sodium.h>
#include <string.h>

#include "base/id.h"
#include "base/random.h"

#define SETUP_KEY "setup_code_hash"

static const struct sql SQL_READ = {
	"SELECT key, value FROM meta WHERE key IN ('name', 'registration', '" SETUP_KEY "') UNION ALL "
	"SELECT 'any', 'yes' FROM (SELECT 1 FROM users LIMIT 1) t",
	NULL,
};
static const struct sql SQL_MAKE = {
	"INSERT INTO meta (key, value) SELECT '" SETUP_KEY "', $1 WHERE NOT EXISTS (SELECT 1 FROM users) "
	"ON CONFLICT (key) DO NOTHING",
	NULL,
};
static const struct sql SQL_END = { "DELETE FROM meta WHERE key = '" SETUP_KEY "'", NULL };

static void row_take(const struct db_rows *r, struct arena *a, struct server_row *out)
{
	struct str key = db_str(r, 0), value = db_str(r, 1);
	if (str_eq(key, STR("name"))) out->name = arena_str(a, value);
	if (str_eq(key, STR("registration"))) out->registration = arena_str(a, value);
	if (str_eq(key, STR(SETUP_KEY))) out->setup_hash = arena_str(a, value);
	if (str_eq(key, STR("any"))) out->any_account = true;
}

enum err server_read(struct db_conn *c, struct arena *a, struct server_row *out)
{
	struct db_rows rows;
	*out = (struct server_row){ .name = STR("Linnet"), .registration = STR_NONE, .setup_hash = STR_NONE };
	enum err e = db_query(c, &SQL_READ, DB_NO_ARGS, &rows);
	if (e) return e;
	while (db_next(&rows)) row_take(&rows, a, out);
	return db_end(&rows);
}

/* ---- the setup code */

/* Of what counts in it: letters as capitals, and digits. */
static void hash_code(struct str code, char hex[2 * crypto_hash_sha256_BYTES + 1])
{
	unsigned char hash[crypto_hash_sha256_BYTES], plain[256];
	size_t n = 0;
	for (size_t i = 0; i < code.n && n < sizeof plain; i++) {
		char c = code.p[i];
		if (c == '-' || c == ' ') continue;
		plain[n++] = (unsigned char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
	}
	crypto_hash_sha256(hash, plain, n);
	hex_encode(hash, sizeof hash, hex);
	sodium_memzero(plain, sizeof plain);
}

/* A ULID without its time: 26 characters of five random bits. */
static void code_make(char code[SETUP_CODE_TEXT + 1])
{
	static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	uint8_t random[SETUP_CODE_TEXT];
	random_kernel.bytes(&random_kernel, random, sizeof random);
	for (size_t i = 0; i < SETUP_CODE_TEXT; i++) code[i] = i % 6 == 5 ? '-' : alphabet[random[i] & 31];
	code[SETUP_CODE_TEXT - 1] = alphabet[random[SETUP_CODE_TEXT - 1] & 31];
	code[SETUP_CODE_TEXT] = 0;
	sodium_memzero(random, sizeof random);
}

enum err server_make_setup(struct db_conn *c, char code[SETUP_CODE_TEXT + 1], bool *made)
{
	char hex[2 * crypto_hash_sha256_BYTES + 1];
	int64_t changed = 0;
	code_make(code);
	hash_code(str_of(code), hex);
	enum err e = db_exec(c, &SQL_MAKE, DB_ARGS(DB_TEXT(str_of(hex))), &changed);
	*made = !e && changed;
	if (!*made) sodium_memzero(code, SETUP_CODE_TEXT);
	return e;
}

bool server_setup_matches(struct str setup_hash, struct str code)
{
	char hex[2 * crypto_hash_sha256_BYTES + 1];
	hash_code(code, hex);
	return setup_hash.p && str_eq_secret(setup_hash, str_of(hex));
}

bool server_setup_is(struct str wanted, struct str code)
{
	char hex[2 * crypto_hash_sha256_BYTES + 1];
	hash_code(wanted, hex);
	return server_setup_matches(str_of(hex), code);
}

enum err server_end_setup(struct db_conn *c)
{
	return db_exec(c, &SQL_END, DB_NO_ARGS, NULL);
}
