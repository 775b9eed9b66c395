#include "base/rate.h"

#include <stdio.h>

static bool unit_parse(struct str s, int64_t *ms)
{
	if (s.n != 1) return false;
	switch (s.p[0]) {
	case 's': *ms = 1000; return true;
	case 'm': *ms = 60000; return true;
	case 'h': *ms = 3600000; return true;
	}
	return false;
}

bool rate_parse(struct str s, struct rate *out)
{
	struct rate r = { 0 };
	if (str_eq(s, STR("off"))) {
		*out = r;
		return true;
	}
	struct str rest = s, count, unit;
	if (!str_split(&rest, '/', &count) || !str_split(&rest, ':', &unit) || !rest.p) return false;
	if (!str_i64(count, 1, RATE_MOST, &r.count) || !unit_parse(unit, &r.per_ms) ||
		!str_i64(rest, 1, RATE_MOST, &r.burst))
		return false;
	*out = r;
	return true;
}

void rate_format(const struct rate *r, char out[RATE_TEXT])
{
	if (r->count == 0) {
		snprintf(out, RATE_TEXT, "off");
		return;
	}
	char unit = r->per_ms == 1000 ? 's' : r->per_ms == 60000 ? 'm' : 'h';
	snprintf(out, RATE_TEXT, "%lld/%c:%lld", (long long)r->count, unit, (long long)r->burst);
}

/* What is still spent at now_ms. With RATE_MOST the products stay far from 2^63: 10^6 tokens of 3.6 * 10^6 parts each.
 */
static int64_t spent_at(const struct rate *r, const struct bucket *b, int64_t now_ms)
{
	int64_t elapsed;
	if (now_ms <= b->last_ms) return b->spent;
	if (__builtin_sub_overflow(now_ms, b->last_ms, &elapsed)) return 0;
	if (elapsed > b->spent / r->count) return 0;
	return b->spent - elapsed * r->count;
}

bool bucket_take(const struct rate *r, struct bucket *b, int64_t now_ms, int64_t *retry_ms)
{
	if (retry_ms) *retry_ms = 0;
	if (r->count == 0) return true;
	int64_t spent = spent_at(r, b, now_ms) + r->per_ms, over = spent - r->burst * r->per_ms;
	if (over > 0) {
		int64_t behind = b->last_ms > now_ms ? b->last_ms - now_ms : 0;
		if (retry_ms) *retry_ms = behind + (over + r->count - 1) / r->count;
		return false;
	}
	b->spent = spent;
	if (now_ms > b->last_ms) b->last_ms = now_ms;
	return true;
}

bool bucket_full(const struct rate *r, const struct bucket *b, int64_t now_ms)
{
	return r->count == 0 || spent_at(r, b, now_ms) == 0;
}
