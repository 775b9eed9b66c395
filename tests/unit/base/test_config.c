#include "base/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"

#define SECRET_32 "0123456789abcdef0123456789abcdef"
#define ARGS(...) ((const char *[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })

static struct config c; /* of the running test; c_teardown releases it */
static const char *why;

static int teardown(void **state)
{
	config_release(&c);
	memset(&c, 0, sizeof c);
	why = NULL;
	return 0;
}

static bool load_as(enum role role, const char **argv, const char **env)
{
	int argc = 0;
	while (argv[argc]) argc++;
	config_release(&c);
	why = NULL;
	bool ok = config_load(&c, role, argc, (char **)argv, (char **)env, &why);
	if (!ok) {
		assert_non_null(why);
		assert_null(strchr(why, '\n'));
	}
	return ok;
}

static bool load(const char **argv, const char **env)
{
	return load_as(ROLE_SERVE, argv, env);
}

#define assert_loads(argv, env)                                                                                        \
	do {                                                                                                               \
		if (!load(argv, env)) fail_msg("%s", why);                                                                     \
	} while (0)

static void assert_refused(const char **argv, const char **env, const char *expected)
{
	assert_false(load(argv, env));
	assert_string_equal(why, expected);
}

static void assert_str(struct str s, const char *expected)
{
	if (!str_eq(s, str_of(expected))) fail_msg("\"" STR_FMT "\" is not \"%s\"", STR_ARG(s), expected);
}

/* A file of settings and the variable that names it. */
struct file {
	char path[64], variable[128];
};

static struct file file_of(const char *text)
{
	struct file f = { .path = "/tmp/linnet-test-config-XXXXXX" };
	int fd = mkstemp(f.path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	snprintf(f.variable, sizeof f.variable, "LINNET_CONFIG=%s", f.path);
	return f;
}

static void defaults_are_the_tables(void **state)
{
	assert_loads(ARGS(), ARGS());
	assert_str(c.listen, "127.0.0.1:8002");
	assert_str(c.database_url, "");
	assert_non_null(c.jwt_secret.p);
	assert_int_equal(c.reactors, 0);
	assert_int_equal(c.drain_s, -1);
	assert_int_equal(c.conn_soft, 65536);
	assert_true(c.access_log);
	assert_int_equal(c.rate_messages.count, 10);
	assert_int_equal(c.rate_login.per_ms, 60000);
	assert_int_equal(c.from[CONFIG_listen], FROM_DEFAULT);
	config_release(&c);
	assert_true(config_load(&c, ROLE_SERVE, 0, NULL, NULL, &why));
}

static void flags_in_both_forms(void **state)
{
	assert_loads(ARGS("--listen", "0.0.0.0:1", "--reactors=3", "--access-log", "off", "--drain-s", "-1",
					  "--redis-url=", "--redis-prefix=a=b"),
				 ARGS());
	assert_str(c.listen, "0.0.0.0:1");
	assert_int_equal(c.reactors, 3);
	assert_false(c.access_log);
	assert_int_equal(c.drain_s, -1);
	assert_str(c.redis_prefix, "a=b");
	assert_int_equal(c.from[CONFIG_reactors], FROM_FLAG);
}

static void every_kind_is_read(void **state)
{
	assert_loads(ARGS("--conn-soft=8k", "--conn-hard=2M", "--ring-bytes=1G", "--ws-frame=100000",
					  "--registration=closed", "--rate-messages=off", "--rate-login=3/h:4", "--access-log=false",
					  "--log-level=debug"),
				 ARGS());
	assert_int_equal(c.conn_soft, 8192);
	assert_int_equal(c.conn_hard, 2097152);
	assert_int_equal(c.ring_bytes, 1073741824);
	assert_int_equal(c.ws_frame, 100000);
	assert_str(c.registration, "closed");
	assert_int_equal(c.rate_messages.count, 0);
	assert_int_equal(c.rate_login.burst, 4);
	assert_loads(ARGS("--access-log=on", "--registration="), ARGS());
	assert_loads(ARGS("--access-log=true"), ARGS());
	assert_true(c.access_log);
}

static void stronger_sources_win(void **state)
{
	struct file f = file_of("LINNET_REACTORS=1\nLINNET_READ_THREADS=11\nLINNET_SYNC_THREADS=12\n");
	const char *env[] = { f.variable, "LINNET_REACTORS=2", "LINNET_READ_THREADS=22", NULL };
	assert_loads(ARGS("--reactors", "3"), env);
	assert_int_equal(c.reactors, 3);
	assert_int_equal(c.read_threads, 22);
	assert_int_equal(c.sync_threads, 12);
	assert_int_equal(c.append_batch, 500);
	assert_int_equal(c.from[CONFIG_reactors], FROM_FLAG);
	assert_int_equal(c.from[CONFIG_read_threads], FROM_ENVIRONMENT);
	assert_int_equal(c.from[CONFIG_sync_threads], FROM_FILE);
	assert_int_equal(c.from[CONFIG_append_batch], FROM_DEFAULT);
	unlink(f.path);
}

static void file_takes_comments_blanks_and_quotes(void **state)
{
	struct file f = file_of("# a comment\n\n  LINNET_LISTEN = [::1]:9 \r\nPUBLIC_URL=\"https://x.example/#a\"\n"
							"REDIS_PREFIX='a b'\n\t# more\nLINNET_LOG_LEVEL=warn");
	assert_loads(ARGS(), ARGS(f.variable));
	assert_str(c.listen, "[::1]:9");
	assert_str(c.public_url, "https://x.example/#a");
	assert_str(c.redis_prefix, "a b");
	assert_str(c.log_level, "warn");
	unlink(f.path);
}

static void refused_in_file(const char *text, const char *expected_end)
{
	struct file f = file_of(text);
	char expected[256];
	snprintf(expected, sizeof expected, "%s, %s", f.path, expected_end);
	assert_refused(ARGS(), ARGS(f.variable), expected);
	unlink(f.path);
}

static void faults_of_the_file_name_the_line(void **state)
{
	refused_in_file("\nLINNET_REACTORS=x\n",
					"line 2: LINNET_REACTORS: \"x\" is not allowed; give a whole number from 0 to 256");
	refused_in_file("#\nhunter2\n", "line 2: no NAME=value stands there");
	refused_in_file("NOTHING_LIKE_IT=hunter2", "line 1: NOTHING_LIKE_IT: there is no such setting");
	refused_in_file("LINNET_LISTN=1", "line 1: LINNET_LISTN: there is no such setting; is LINNET_LISTEN meant?");
	refused_in_file("LINNET_CONFIG=/x", "line 1: LINNET_CONFIG: there is no such setting");
}

static void file_that_cannot_be_read(void **state)
{
	assert_refused(ARGS(), ARGS("LINNET_CONFIG=/nonexistent/x"),
				   "LINNET_CONFIG: /nonexistent/x cannot be read: No such file or directory");
	assert_refused(ARGS(), ARGS("LINNET_CONFIG=/tmp"), "LINNET_CONFIG: /tmp cannot be read: Is a directory");
	assert_refused(ARGS(), ARGS("LINNET_CONFIG=/dev/zero"), "LINNET_CONFIG: /dev/zero is larger than 262144 bytes");
	assert_loads(ARGS(), ARGS("LINNET_CONFIG="));
}

static void wrong_values_say_what_is_allowed(void **state)
{
	static const struct {
		const char *flag;
		const char *expected;
	} cases[] = {
		{ "--reactors=257", "--reactors: \"257\" is not allowed; give a whole number from 0 to 256" },
		{ "--reactors=-1", "--reactors: \"-1\" is not allowed; give a whole number from 0 to 256" },
		{ "--reactors=", "--reactors: \"\" is not allowed; give a whole number from 0 to 256" },
		{ "--reactors=1K", "--reactors: \"1K\" is not allowed; give a whole number from 0 to 256" },
		{ "--conn-soft=1T",
		  "--conn-soft: \"1T\" is not allowed; give a size from 4K to 64M (bytes, or with K, M or G)" },
		{ "--conn-soft=K", "--conn-soft: \"K\" is not allowed; give a size from 4K to 64M (bytes, or with K, M or G)" },
		{ "--conn-soft=9223372036854775807K",
		  "--conn-soft: \"9223372036854775807K\" is not allowed; give a size from 4K to 64M (bytes, or with K, M or "
		  "G)" },
		{ "--conn-soft=-4K",
		  "--conn-soft: \"-4K\" is not allowed; give a size from 4K to 64M (bytes, or with K, M or G)" },
		{ "--access-log=yes", "--access-log: \"yes\" is not allowed; give true, false, on or off" },
		{ "--log-level=all", "--log-level: \"all\" is not allowed; give one of debug, info, warn, error" },
		{ "--log-level=", "--log-level: \"\" is not allowed; give one of debug, info, warn, error" },
		{ "--log-level=debug,info",
		  "--log-level: \"debug,info\" is not allowed; give one of debug, info, warn, error" },
		{ "--rate-messages=10",
		  "--rate-messages: \"10\" is not allowed; give COUNT/UNIT:BURST with unit s, m or h, as 10/s:30, or off" },
		{ "--data=a\nb", "--data: \"a?b\" is not allowed; give one line of UTF-8 text, 4096 bytes at most" },
		{ "--data=\xff", "--data: \"?\" is not allowed; give one line of UTF-8 text, 4096 bytes at most" },
	};
	for (size_t i = 0; i < countof(cases); i++) assert_refused(ARGS(cases[i].flag), ARGS(), cases[i].expected);
	assert_refused(ARGS(), ARGS("LINNET_REACTORS=x"),
				   "LINNET_REACTORS: \"x\" is not allowed; give a whole number from 0 to 256");
}

static void flags_without_a_value(void **state)
{
	assert_refused(ARGS("--access-log"), ARGS(), "--access-log: a value is missing; give true, false, on or off");
	assert_refused(ARGS("--access-log", "--reactors=1"), ARGS(),
				   "--access-log: a value is missing; give true, false, on or off");
	assert_loads(ARGS("--data=--x"), ARGS());
	assert_str(c.data, "--x");
}

static void unknown_names(void **state)
{
	assert_refused(ARGS("--listn=secret"), ARGS(), "--listn: there is no such setting; is --listen meant?");
	assert_refused(ARGS("--nothing-like-it", "x"), ARGS(), "--nothing-like-it: there is no such setting");
	assert_refused(ARGS("--no-access-log"), ARGS(),
				   "--no-access-log: there is no such setting; is --access-log meant?");
	assert_refused(ARGS("stray"), ARGS(), "\"stray\" is no setting: settings are --name value or --name=value");
	assert_refused(ARGS("--"), ARGS(), "\"--\" is no setting: settings are --name value or --name=value");
	assert_refused(ARGS("-reactors=1"), ARGS(),
				   "\"-reactors\" is no setting: settings are --name value or --name=value");
	assert_refused(ARGS(), ARGS("LINNET_REACTOR=secret"),
				   "LINNET_REACTOR: there is no such setting; is LINNET_REACTORS meant?");
	assert_refused(ARGS(), ARGS("LINNET_JWT_SECRET=x"),
				   "LINNET_JWT_SECRET: there is no such setting; is JWT_SECRET meant?");
	assert_refused(ARGS(), ARGS("LINNET_="), "LINNET_: there is no such setting");
	assert_loads(ARGS(), ARGS("PATH=/bin", "OTHER", "=", "LINNETX=1", "linnet_x=1"));
}

static void roles_know_their_own(void **state)
{
	const char *env[] = { "LINNET_DATA=/x", "DATABASE_URL=postgresql://h/d", "JWT_SECRET=" SECRET_32, NULL };
	assert_true(load_as(ROLE_BACKEND, ARGS(), env)); /* an environment may be shared */
	assert_int_equal(c.from[CONFIG_data], FROM_DEFAULT);
	assert_false(load_as(ROLE_BACKEND, ARGS("--data", "/x"), env));
	assert_string_equal(why, "--data: backend does not know this setting; serve does");
	assert_false(load_as(ROLE_BACKEND, ARGS("--dataa", "/x"), env));
	assert_string_equal(why, "--dataa: there is no such setting");
	assert_loads(ARGS("--data", "/x"), ARGS());
}

static void backend_needs_database_and_secret(void **state)
{
	assert_false(load_as(ROLE_BACKEND, ARGS(), ARGS("JWT_SECRET=" SECRET_32)));
	assert_string_equal(why, "--database-url (DATABASE_URL): backend needs it: postgresql://USER:PASSWORD@HOST/NAME");
	assert_false(load_as(ROLE_BACKEND, ARGS(), ARGS("DATABASE_URL=postgresql://h/d")));
	assert_non_null(strstr(why, "--jwt-secret (JWT_SECRET): backend needs one"));
	assert_true(load_as(ROLE_WORKER, ARGS(), ARGS("DATABASE_URL=sqlite:/x")));
}

static void secrets_are_proper(void **state)
{
	assert_loads(ARGS("--jwt-secret", SECRET_32), ARGS());
	assert_false(load(ARGS("--jwt-secret", "0123456789abcdef0123456789abcde"), ARGS()));
	assert_string_equal(why,
						"--jwt-secret (JWT_SECRET): has 31 bytes, 32 at least are needed; make one with: openssl rand "
						"-hex 32");
	assert_false(load(ARGS("--jwt-secret=change-me"), ARGS()));
	assert_non_null(strstr(why, "is the value of an example"));
	assert_false(load(ARGS(), ARGS("JWT_SECRET=change-me-change-me-change-me-change-me")));
	assert_false(load(ARGS(), ARGS("JWT_SECRET_PREVIOUS=short")));
	assert_non_null(strstr(why, "--jwt-secret-previous (JWT_SECRET_PREVIOUS): has 5 bytes"));
}

static void codes_are_long_enough(void **state)
{
	assert_loads(ARGS("--setup-code=open sesame", "--metrics-token=0123456789abcdef"), ARGS());
	assert_loads(ARGS("--setup-code=", "--metrics-token="), ARGS());
	assert_refused(
		ARGS("--setup-code=sesame"), ARGS(),
		"--setup-code (LINNET_SETUP_CODE): has 6 characters besides blanks and dashes, 8 at least are needed");
	assert_refused(
		ARGS("--setup-code=1-2-3-4-5-6-7- "), ARGS(),
		"--setup-code (LINNET_SETUP_CODE): has 7 characters besides blanks and dashes, 8 at least are needed");
	assert_false(load(ARGS("--setup-code=- --- --- -"), ARGS()));
	assert_refused(
		ARGS("--metrics-token=0123456789abcde"), ARGS(),
		"--metrics-token (LINNET_METRICS_TOKEN): has 15 bytes, 16 at least are needed; make one with: openssl rand "
		"-hex 16");
}

static void settings_agree(void **state)
{
	assert_refused(ARGS("--tls-cert=a"), ARGS(),
				   "--tls-cert (LINNET_TLS_CERT): needs --tls-key (LINNET_TLS_KEY) as well");
	assert_refused(ARGS("--tls-key=a"), ARGS(),
				   "--tls-key (LINNET_TLS_KEY): needs --tls-cert (LINNET_TLS_CERT) as well");
	assert_loads(ARGS("--tls-key=a", "--tls-cert=b"), ARGS());
	assert_refused(ARGS("--conn-soft=1M"), ARGS(),
				   "--conn-soft (LINNET_CONN_SOFT): 1M is not below --conn-hard (LINNET_CONN_HARD), which is 1M");
	assert_false(load(ARGS("--message-body=4K", "--ws-frame=2K"), ARGS()));
	assert_false(load(ARGS("--message-body=4K", "--json-body=4K"), ARGS()));
	assert_false(load(ARGS("--listen="), ARGS()));
	assert_false(load(ARGS("--data="), ARGS()));
	assert_false(load(ARGS("--database-url=mysql://x"), ARGS()));
	assert_false(load(ARGS("--redis-url=localhost"), ARGS()));
	assert_loads(ARGS("--redis-url=rediss://localhost"), ARGS());
	char long_prefix[160] = "--redis-prefix=";
	memset(long_prefix + strlen(long_prefix), 'x', 129);
	assert_false(load(ARGS(long_prefix), ARGS()));
	assert_false(load(ARGS("--redis-echo-ms=700"), ARGS()));
	assert_false(load(ARGS("--redis-away-ms=3000"), ARGS()));
	assert_false(load(ARGS("--public-url=chat.example.org"), ARGS()));
}

static void no_error_shows_a_secret(void **state)
{
	static const char *const flags[][4] = {
		{ "--jwt-secret=hunter2", NULL },
		{ "--setup-code", "a", "hunter2", NULL },
		{ "--jwt-secrt=hunter2", NULL },
		{ "--setup-code=\xffhunter2", NULL },
		{ "--database-url=mysql://me:hunter2@host/x", NULL },
		{ "--database-url=postgresql://me:\xffhunter2@host/x", NULL },
		{ "--redis-url=http://:hunter2@x", NULL },
		{ "--data=\xff password=hunter2", NULL },
	};
	for (size_t i = 0; i < countof(flags); i++) {
		assert_false(load((const char **)flags[i], ARGS()));
		assert_null(strstr(why, "hunter2"));
	}
	static const char *const variables[] = { "LINNET_SETUP_COD=hunter2", "JWT_SECRET=hunter2",
											 "LINNET_SETUP_CODE=\xffhunter2", "LINNET_A:hunter2=" };
	for (size_t i = 0; i < countof(variables); i++) {
		assert_false(load(ARGS(), ARGS(variables[i])));
		assert_null(strstr(why, "hunter2"));
	}
}

static void set_by_either_name(void **state)
{
	config_init(&c);
	assert_true(config_set(&c, STR("LINNET_REACTORS"), STR("2"), &why));
	assert_int_equal(c.reactors, 2);
	assert_true(config_set(&c, STR("reactors"), STR("4"), &why));
	assert_int_equal(c.reactors, 4);
	assert_int_equal(c.from[CONFIG_reactors], FROM_PROGRAM);
	assert_false(config_set(&c, STR("reactors"), STR("x"), &why));
	assert_string_equal(why, "reactors: \"x\" is not allowed; give a whole number from 0 to 256");
	assert_int_equal(c.reactors, 4);
	assert_false(config_set(&c, STR("reactor"), STR("x"), &why));
	assert_false(config_set(&c, STR("LINNET_REACTOR"), STR("x"), &why));
	char text[] = "abc"; /* the value is copied */
	assert_true(config_set(&c, STR("data"), str_of(text), &why));
	text[0] = 'x';
	assert_str(c.data, "abc");
}

static void add_line(void *arg, struct str line)
{
	buf_add_str(arg, line);
	buf_add_byte(arg, '\n');
}

static void print_shows_all_but_secrets(void **state)
{
	struct buf out = { 0 };
	assert_loads(ARGS("--jwt-secret", SECRET_32, "--conn-soft=8K"),
				 ARGS("DATABASE_URL=postgresql://me:hunter2@h/d", "LINNET_DATA=d\xc3\xa4ta"));
	config_print(&c, ROLE_SERVE, add_line, &out);
	buf_add_byte(&out, 0);
	assert_null(strstr(out.p, SECRET_32));
	assert_null(strstr(out.p, "hunter2"));
	assert_non_null(strstr(out.p, "postgresql://me:***@h/d"));
	struct str rest = str_of(out.p), line;
	size_t lines = 0, from_at = 0;
	for (; str_split(&rest, '\n', &line) && line.n; lines++) {
		if (!lines) from_at = (size_t)((const char *)memmem(line.p, line.n, "from", 4) - line.p);
		struct str head = str_upto(line, from_at + str_has(line, '\xc3')); /* columns are counted in characters */
		assert_int_equal(head.p[head.n - 1], ' ');
		assert_int_not_equal(head.p[head.n], ' ');
	}
	assert_int_equal(lines, CONFIG_COUNT + 1);
	assert_non_null(strstr(out.p, "\njwt-secret "));
	assert_non_null(strstr(out.p, " *** "));
	assert_non_null(strstr(out.p, " 8K "));
	buf_release(&out);
	config_print(&c, ROLE_BACKEND, add_line, &out);
	buf_add_byte(&out, 0);
	assert_null(strstr(out.p, "\ndata "));
	buf_release(&out);
}

/* A row that refuses its own default could not be started at all. */
static void defaults_pass_as_values(void **state)
{
	config_init(&c);
#define S_INT(field, env, flag, dflt, min, max, roles, help) assert_true(config_set(&c, STR(flag), STR(#dflt), &why));
#define S_SIZE(field, env, flag, dflt, min, max, roles, help) assert_true(config_set(&c, STR(env), STR(#dflt), &why));
#define S_BOOL(field, env, flag, dflt, roles, help) assert_true(config_set(&c, STR(flag), STR(#dflt), &why));
#define S_TEXT(field, env, flag, dflt, roles, help) assert_true(config_set(&c, STR(flag), STR(dflt), &why));
#define S_SECRET(field, env, flag, roles, help) assert_true(config_set(&c, STR(flag), STR(""), &why));
#define S_ENUM(field, env, flag, dflt, allowed, roles, help) assert_true(config_set(&c, STR(flag), STR(dflt), &why));
#define S_RATE(field, env, flag, dflt, roles, help) assert_true(config_set(&c, STR(flag), STR(dflt), &why));
#include "base/config.def"
	assert_true(config_check(&c, ROLE_SERVE, &why));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, teardown)
	const struct CMUnitTest tests[] = {
		TEST(defaults_are_the_tables),
		TEST(flags_in_both_forms),
		TEST(every_kind_is_read),
		TEST(stronger_sources_win),
		TEST(file_takes_comments_blanks_and_quotes),
		TEST(faults_of_the_file_name_the_line),
		TEST(file_that_cannot_be_read),
		TEST(wrong_values_say_what_is_allowed),
		TEST(flags_without_a_value),
		TEST(unknown_names),
		TEST(roles_know_their_own),
		TEST(backend_needs_database_and_secret),
		TEST(secrets_are_proper),
		TEST(codes_are_long_enough),
		TEST(settings_agree),
		TEST(no_error_shows_a_secret),
		TEST(set_by_either_name),
		TEST(print_shows_all_but_secrets),
		TEST(defaults_pass_as_values),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
