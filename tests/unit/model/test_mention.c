#include "model/mention.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The names found, joined by blanks; `*` for all. */
static void expect(const char *body, const char *want)
{
	static struct mentions m;
	char got[2048] = "";
	mentions_find(str_of(body), &m);
	for (size_t i = 0; i < m.n; i++) {
		if (i) strcat(got, " ");
		strncat(got, m.names[i], m.lengths[i]);
	}
	if (m.all) strcat(got, "*");
	if (strcmp(got, want) != 0) fail_msg("%s: got \"%s\", not \"%s\"", body, got, want);
}

static void names(void **state)
{
	expect("", "");
	expect("@bob", "bob");
	expect("hi @bob, @Alice_1! @bob", "bob alice_1");
	expect("(@bob)", "bob");
	expect("\xe4\xbd\xa0\xe5\xa5\xbd@bob\xe3\x80\x82", "bob"); /* scripts without spaces */
	expect("@", "");
	expect("@@bob", "");
	expect("@b", "");
	expect("@1bob", "");
	expect("@-bob", "");
	expect("mail bob@example.org or a.b@c-d", "");
	expect("x/@bob \\@bob", "");
	expect("@abcdefghijklmnopqrstuvwxyz012345", "abcdefghijklmnopqrstuvwxyz012345");
	expect("@abcdefghijklmnopqrstuvwxyz0123456", "");
	expect("@channel @ALL @everyone", "*");
	expect("@here", "here"); /* a reserved name: nobody's */
}

static void code(void **state)
{
	expect("`@bob` @al", "al");
	expect("``@bob ` @bob`` @al", "al");
	expect("```\n@bob\n``` @al", "al");
	expect("```\n@bob never closed", "");
	expect("~~~ @al", "al");
	expect("` @al never closed", "al");
	expect("`` @al ` never closed", "al");
	expect("a ```b @bob``` @al", "al");
	expect("```\n@bob\n`````\n@al", "al");
}

static void many(void **state)
{
	static struct mentions m;
	char body[1024];
	size_t n = 0;
	for (int i = 0; i < 60; i++) n += (size_t)sprintf(body + n, "@user%d ", i);
	mentions_find((struct str){ body, n }, &m);
	assert_int_equal(m.n, 50);
	assert_true(m.more);
	mentions_find(STR("@al @al"), &m);
	assert_false(m.more);
	assert_int_equal(m.n, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(names), cmocka_unit_test(code), cmocka_unit_test(many) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
