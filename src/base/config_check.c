#include <stdio.h>
#include <string.h>

#include "base/config.h"
#include "base/setting.h"

#define SECRET_LEAST 32
#define SETUP_LEAST 8
#define METRICS_LEAST 16
#define PREFIX_MOST 128 /* bytes before every name in Redis */

static bool wrong(struct config *c, const char **why, enum config_id id, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
static bool wrong(struct config *c, const char **why, enum config_id id, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	struct str what = arena_vprintf(&c->arena, fmt, args);
	va_end(args);
	*why = arena_printf(&c->arena, "--%s (%s): " STR_FMT, settings[id].flag, settings[id].variable, STR_ARG(what)).p;
	return false;
}

static bool starts_with_any(struct str s, const char *const prefixes[])
{
	for (; *prefixes; prefixes++)
		if (str_starts(s, str_of(*prefixes))) return true;
	return false;
}

static bool check_addresses(struct config *c, enum role role, const char **why)
{
	static const char *const databases[] = { "postgresql://", "postgres://", "sqlite:", NULL };
	static const char *const buses[] = { "redis://", "rediss://", NULL };
	static const char *const webs[] = { "https://", "http://", NULL };
	if (!c->listen.n) return wrong(c, why, CONFIG_listen, "is empty; give ADDRESS:PORT, as 127.0.0.1:8002");
	if (role == ROLE_SERVE && !c->data.n) return wrong(c, why, CONFIG_data, "is empty; give a directory");
	if (c->database_url.n && !starts_with_any(c->database_url, databases))
		return wrong(c, why, CONFIG_database_url, "give postgresql://USER:PASSWORD@HOST/NAME or sqlite:PATH");
	if (role != ROLE_SERVE && !c->database_url.n)
		return wrong(c, why, CONFIG_database_url, "%s needs it: postgresql://USER:PASSWORD@HOST/NAME", role_name(role));
	if (c->redis_url.n && !starts_with_any(c->redis_url, buses))
		return wrong(c, why, CONFIG_redis_url,
					 "give redis://[[USER]:PASSWORD@]HOST[:PORT][/DB], or rediss:// over TLS");
	if (c->redis_prefix.n > PREFIX_MOST)
		return wrong(c, why, CONFIG_redis_prefix, "is too long; give %d bytes at most", PREFIX_MOST);
	if (c->public_url.n && !starts_with_any(c->public_url, webs))
		return wrong(c, why, CONFIG_public_url, "give an address that begins with https:// or http://");
	if (!c->tls_cert.n != !c->tls_key.n) {
		enum config_id given = c->tls_cert.n ? CONFIG_tls_cert : CONFIG_tls_key;
		const struct setting *missing = &settings[c->tls_cert.n ? CONFIG_tls_key : CONFIG_tls_cert];
		return wrong(c, why, given, "needs --%s (%s) as well", missing->flag, missing->variable);
	}
	return true;
}

static bool check_secret(struct config *c, enum config_id id, struct str secret, const char **why)
{
	if (!secret.n) return true;
	if (memmem(secret.p, secret.n, "change-me", 9))
		return wrong(c, why, id, "is the value of an example; make one with: openssl rand -hex 32");
	if (secret.n < SECRET_LEAST)
		return wrong(c, why, id, "has %zu bytes, %d at least are needed; make one with: openssl rand -hex 32", secret.n,
					 SECRET_LEAST);
	return true;
}

/* Of what is compared: blanks and dashes are for reading. */
static size_t code_length(struct str code)
{
	size_t n = 0;
	for (size_t i = 0; i < code.n; i++) n += code.p[i] != '-' && code.p[i] != ' ';
	return n;
}

static bool check_codes(struct config *c, const char **why)
{
	if (c->setup_code.n && code_length(c->setup_code) < SETUP_LEAST)
		return wrong(c, why, CONFIG_setup_code, "has %zu characters besides blanks and dashes, %d at least are needed",
					 code_length(c->setup_code), SETUP_LEAST);
	if (c->metrics_token.n && c->metrics_token.n < METRICS_LEAST)
		return wrong(c, why, CONFIG_metrics_token,
					 "has %zu bytes, %d at least are needed; make one with: openssl rand -hex 16", c->metrics_token.n,
					 METRICS_LEAST);
	return true;
}

static bool check_secrets(struct config *c, enum role role, const char **why)
{
	bool needed = role == ROLE_BACKEND || role == ROLE_STORAGE; /* who reads access tokens; serve makes one */
	if (needed && !c->jwt_secret.n)
		return wrong(c, why, CONFIG_jwt_secret,
					 "%s needs one, the same on every pod; make one with: openssl rand -hex 32", role_name(role));
	return check_codes(c, why) && check_secret(c, CONFIG_jwt_secret, c->jwt_secret, why) &&
		   check_secret(c, CONFIG_jwt_secret_previous, c->jwt_secret_previous, why);
}

/* Both are limits; the first has to come first. */
static bool check_below(struct config *c, enum config_id low, enum config_id high, const char **why)
{
	struct str low_value = setting_show(&settings[low], c, &c->arena);
	struct str high_value = setting_show(&settings[high], c, &c->arena);
	int64_t a = *(const int64_t *)((const char *)c + settings[low].offset);
	int64_t b = *(const int64_t *)((const char *)c + settings[high].offset);
	if (a < b) return true;
	return wrong(c, why, low, STR_FMT " is not below --%s (%s), which is " STR_FMT, STR_ARG(low_value),
				 settings[high].flag, settings[high].variable, STR_ARG(high_value));
}

bool config_check(struct config *c, enum role role, const char **why)
{
	return check_addresses(c, role, why) && check_secrets(c, role, why) &&
		   check_below(c, CONFIG_conn_soft, CONFIG_conn_hard, why) &&
		   check_below(c, CONFIG_redis_echo_ms, CONFIG_redis_away_ms, why) &&
		   check_below(c, CONFIG_redis_away_ms, CONFIG_redis_timeout_ms, why) &&
		   check_below(c, CONFIG_large_until, CONFIG_large_from, why) &&
		   check_below(c, CONFIG_message_body, CONFIG_ws_frame, why) &&
		   check_below(c, CONFIG_message_body, CONFIG_json_body, why);
}
