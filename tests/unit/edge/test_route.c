#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "edge/route.h"

#define ROW(m, path, name)                                                                                             \
	{                                                                                                                  \
		m, path, name, AUTH_none, SCOPE_read, LANE_inline, BODY_none, RATE_none, NULL, NULL                            \
	}
static const struct route rows[] = {
	ROW(HTTP_GET, "/users", "user_list"),
	ROW(HTTP_POST, "/users", "user_create"),
	ROW(HTTP_GET, "/users/{id}", "user_get"),
	ROW(HTTP_GET, "/users/me", "me_get"),
	ROW(HTTP_PUT, "/users/{id}/block", "block_put"),
	ROW(HTTP_DELETE, "/users/me/avatar", "avatar_delete"),
	ROW(HTTP_PUT, "/a/{b}/c/{d}/{e}", "deep"),
	{ HTTP_GET, "/ready", "ready", .bare = true },
};

static struct str params[REQUEST_PARAMS];
static unsigned allowed;

static const char *find(struct route_table *t, enum http_method m, const char *path)
{
	const struct route *row;
	enum err e = route_find(t, m, str_of(path), &row, params, &allowed);
	assert_true((e == OK) == (row != NULL));
	return e ? err_row(e)->code : row->operation;
}

static void paths_find_their_rows(void **state)
{
	struct route_table *t = route_table_create(rows, countof(rows));
	assert_string_equal(find(t, HTTP_GET, "/users"), "user_list");
	assert_string_equal(find(t, HTTP_HEAD, "/users"), "user_list");
	assert_string_equal(find(t, HTTP_POST, "/api/users"), "user_create");
	assert_string_equal(find(t, HTTP_GET, "/users/me"), "me_get");
	assert_string_equal(find(t, HTTP_GET, "/users/mel"), "user_get");
	assert_true(str_eq(params[0], STR("mel")));
	assert_string_equal(find(t, HTTP_PUT, "/users/me/block"), "block_put"); /* back from the literal to the parameter */
	assert_true(str_eq(params[0], STR("me")));
	assert_string_equal(find(t, HTTP_PUT, "/api/a/1/c/22/333"), "deep");
	assert_true(str_eq(params[0], STR("1")) && str_eq(params[1], STR("22")) && str_eq(params[2], STR("333")));
	route_table_destroy(t);
}

static void what_is_no_path_is_not_found(void **state)
{
	static const char *const paths[] = {
		"",      "/",         "/user",          "/users/",   "//users",          "/users//block",
		"/api",  "/api/",     "/api/api/users", "/users/7/", "/users/7/block/x", "*",
		"users", "/apiusers", "/a/1/c/2"
	};
	struct route_table *t = route_table_create(rows, countof(rows));
	for (size_t i = 0; i < countof(paths); i++) assert_string_equal(find(t, HTTP_GET, paths[i]), "not_found");
	route_table_destroy(t);
}

static void a_known_path_tells_its_methods(void **state)
{
	struct route_table *t = route_table_create(rows, countof(rows));
	assert_string_equal(find(t, HTTP_DELETE, "/users"), "method_not_allowed");
	assert_int_equal(allowed, 1u << HTTP_GET | 1u << HTTP_HEAD | 1u << HTTP_POST);
	assert_string_equal(find(t, HTTP_HEAD, "/users/7/block"), "method_not_allowed");
	assert_int_equal(allowed, 1u << HTTP_PUT);
	route_table_destroy(t);
}

static void bare_rows_are_not_under_api(void **state)
{
	struct route_table *t = route_table_create(rows, countof(rows));
	assert_string_equal(find(t, HTTP_GET, "/ready"), "ready");
	assert_string_equal(find(t, HTTP_GET, "/api/ready"), "not_found");
	assert_string_equal(find(t, HTTP_POST, "/api/ready"), "not_found");
	route_table_destroy(t);
}

/* The table that is served: nothing twice, nothing half. */
static void the_table_is_sound(void **state)
{
	struct route_table *t = route_table_create(routes, n_routes);
	for (size_t i = 0; i < n_routes; i++) {
		const struct route *r = &routes[i];
		for (size_t k = 0; k < i; k++) assert_string_not_equal(r->operation, routes[k].operation);
		assert_true(r->sink || r->run || (r->lane == LANE_start && r->take));
		assert_true(!r->sink || r->lane == LANE_read || r->lane == LANE_write);
		assert_true(r->method != HTTP_GET || r->body == BODY_none);
		const struct route *found;
		assert_int_equal(route_find(t, r->method, str_of(r->path), &found, params, &allowed), OK);
		assert_ptr_equal(found, r);
	}
	route_table_destroy(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_find_their_rows),
		cmocka_unit_test(what_is_no_path_is_not_found),
		cmocka_unit_test(a_known_path_tells_its_methods),
		cmocka_unit_test(bare_rows_are_not_under_api),
		cmocka_unit_test(the_table_is_sound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
