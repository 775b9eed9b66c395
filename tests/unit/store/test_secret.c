#include "store/secret.h"

#include "support/both.h"

#define NOW INT64_C(1700000000000)

static void a_secret_is_made_once(struct both *b, struct db_conn *c)
{
	uint8_t one[SECRET_BYTES], again[SECRET_BYTES], other[SECRET_BYTES];
	both_must(secret_get(c, STR("a"), NOW, one));
	both_must(secret_get(c, STR("a"), NOW, again));
	both_must(secret_get(c, STR("b"), NOW, other));
	assert_memory_equal(one, again, sizeof one);
	assert_memory_not_equal(one, other, sizeof one);
}

int main(void)
{
	static const struct both_case cases[] = {
		BOTH_FRESH(a_secret_is_made_once),
	};
	return both_main(cases, countof(cases));
}
