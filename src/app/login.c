#include "app/login.h"

#include <stdio.h>

#define KEY 160
#define NAME_MOST 64 /* of a name that is none anyway */

/* What was tried as a name may be any text, an id or an address too. */
static const struct {
	const char *name, *wait;
} kinds[] = {
	[LOGIN_NAME] = { "name", "wait" }, [LOGIN_SELF] = { "self", "wait-self" }, [LOGIN_CODE] = { "code", "wait-code" }
};

static struct str key(char out[KEY], const char *kind, struct str a, struct str b)
{
	a = str_upto(a, NAME_MOST);
	b = str_upto(b, NAME_MOST);
	int n = snprintf(out, KEY, "login:%s:" STR_FMT "%s" STR_FMT, kind, STR_ARG(a), b.n ? ":" : "", STR_ARG(b));
	return (struct str){ out, (size_t)n };
}

static int64_t count_of(struct eph *e, const char *kind, struct str what)
{
	char text[KEY];
	return e->ops->peek(e, key(text, kind, what, STR_NONE));
}

static bool too_many_here(const struct login_try *t, int64_t *retry_ms)
{
	char text[KEY];
	if (count_of(t->eph, "address", t->address) < t->config->login_failures_address) return false;
	int64_t left = t->eph->ops->left_ms(t->eph, key(text, "address", t->address, STR_NONE));
	*retry_ms = left < 1 ? 1 : left > LOGIN_ADDRESS_MS ? LOGIN_ADDRESS_MS : left;
	return true;
}

static bool under_attack(const struct login_try *t)
{
	return !t->known && count_of(t->eph, kinds[t->of].name, t->name) >= t->config->login_failures_name;
}

enum err login_admit(const struct login_try *t, int64_t *retry_ms)
{
	static const struct rate one_try = { .count = 1, .per_ms = LOGIN_WAIT_MS, .burst = 1 };
	char text[KEY];
	if (too_many_here(t, retry_ms)) return ERR_RATE_LIMITED;
	struct str wait = key(text, kinds[t->of].wait, t->name, t->address);
	if (!under_attack(t) || t->eph->ops->take_shared(t->eph, wait, &one_try, retry_ms)) return OK;
	return ERR_RATE_LIMITED;
}

enum err login_confirm(const struct login_try *t, int64_t *retry_ms)
{
	return too_many_here(t, retry_ms) ? ERR_RATE_LIMITED : OK;
}

void login_failed(const struct login_try *t)
{
	char text[KEY];
	t->eph->ops->count(t->eph, key(text, "address", t->address, STR_NONE), LOGIN_ADDRESS_MS);
	t->eph->ops->count(t->eph, key(text, kinds[t->of].name, t->name, STR_NONE), LOGIN_NAME_MS);
}
