#include "store/person.h"

#include <pthread.h>

#include "support/both.h"

#define NOW INT64_C(1700000000000)

static enum err create(struct db_conn *c, struct person_new *p)
{
	both_must(db_begin(c));
	enum err e = person_create(c, p);
	if (e)
		db_rollback(c);
	else
		both_must(db_commit(c));
	return e;
}

static struct person_new named(const char *name)
{
	return (struct person_new){ .username = str_of(name),
								.display_name = STR_NONE,
								.password_hash = STR("hash"),
								.role = USER_MEMBER,
								.now_ms = NOW };
}

/* Hashes of two costs are about while the setting is new: a name that is none takes the time of one or the other, and
 * of the same each time. */
static void nobody_is_like_anybody(struct both *b, struct db_conn *c)
{
	struct str hash, again;
	char name[16];
	int old = 0, new = 0;
	both_must(person_stand_in(c, &b->arena, STR("nobody"), &hash));
	assert_null(hash.p);
	for (int i = 0; i < 16; i++) {
		struct person_new p = named("");
		snprintf(name, sizeof name, "name%d", i);
		p.username = str_of(name);
		p.password_hash = i % 4 == 1 ? STR_NONE : i % 2 ? STR("new") : STR("old");
		both_must(create(c, &p));
	}
	for (int i = 0; i < 64; i++) {
		snprintf(name, sizeof name, "other%d", i);
		both_must(person_stand_in(c, &b->arena, str_of(name), &hash));
		both_must(person_stand_in(c, &b->arena, str_of(name), &again));
		assert_true(str_eq(hash, again));
		if (str_eq(hash, STR("old"))) old++;
		if (str_eq(hash, STR("new"))) new ++;
	}
	assert_int_equal(old + new, 64);
	assert_true(old > 10 && new > 10);
	both_must(person_stand_in(c, &b->arena, STR("other0"), &hash));
	struct person_new more = named("more");
	both_must(create(c, &more));
	both_must(person_stand_in(c, &b->arena, STR("other0"), &again));
	assert_true(str_eq(hash, again));
}

static void the_first_is_owner(struct both *b, struct db_conn *c)
{
	struct person_new ann = named("ann"), bob = named("bob");
	struct user u;
	bool any;
	both_must(person_any(c, &any));
	assert_false(any);
	both_must(create(c, &ann));
	both_must(person_any(c, &any));
	assert_true(any);
	both_must(create(c, &bob));
	assert_true(ann.first && !bob.first);
	assert_int_equal(ann.user_id, 1);
	assert_int_equal(bob.user_id, 2);
	both_must(person_read(c, &b->arena, 1, &u));
	assert_int_equal(u.role, USER_OWNER);
	both_must(person_read(c, &b->arena, 2, &u));
	assert_int_equal(u.role, USER_MEMBER);
	assert_null(u.display_name.p);
	assert_int_equal(person_read(c, &b->arena, 3, &u), ERR_NOT_FOUND);
}

static void what_was_taken_back_was_not_first(struct both *b, struct db_conn *c)
{
	struct person_new ann = named("ann"), again = named("ann");
	both_must(db_begin(c));
	both_must(person_create(c, &ann));
	db_rollback(c);
	both_must(create(c, &again));
	assert_true(again.first);
}

struct late {
	struct db_conn *c;
	struct person_new p;
	enum err err;
};

static void *create_late(void *arg)
{
	struct late *l = arg;
	l->err = db_begin(l->c);
	if (!l->err) l->err = person_create(l->c, &l->p);
	if (!l->err) l->err = db_commit(l->c);
	return NULL;
}

/* Waits until a statement of the database waits for a lock. */
static void somebody_waits(struct both *b, struct db_conn *c)
{
	while (both_number(b, c, "SELECT count(*) FROM pg_locks WHERE NOT granted") == 0) {
	}
}

static void two_at_once_make_one_first(struct both *b, struct db_conn *c)
{
	struct person_new ann = named("ann");
	struct late bob = { .p = named("bob") };
	pthread_t thread;
	if (db_conn_kind(c) != DB_POSTGRES) return; /* SQLite has one writer */
	bob.c = db_conn_create(b->db[1], DB_WRITE);
	both_must(db_begin(c));
	both_must(person_create(c, &ann));
	assert_int_equal(pthread_create(&thread, NULL, create_late, &bob), 0);
	somebody_waits(b, c);
	both_must(db_commit(c));
	pthread_join(thread, NULL);
	both_must(bob.err);
	assert_true(ann.first && !bob.p.first);
	assert_int_equal(both_number(b, c, "SELECT count(*) FROM users WHERE role = 3"), 1);
	db_conn_destroy(bob.c);
}

static void a_name_is_given_once(struct both *b, struct db_conn *c)
{
	struct person_new ann = named("ann"), twin = named("ann");
	both_must(create(c, &ann));
	assert_int_equal(create(c, &twin), ERR_NAME_TAKEN);
	both_must(db_script(c, "UPDATE users SET username = 'deleted-1', deleted_at = 1 WHERE user_id = 1"));
	assert_int_equal(create(c, &twin), ERR_NAME_TAKEN); /* kept, as a hash */
}

static void by_name_only_who_may_sign_in(struct both *b, struct db_conn *c)
{
	struct person_new ann = named("ann"), bot = named("bot");
	struct person_key key;
	bot.password_hash = STR_NONE;
	both_must(create(c, &ann));
	both_must(create(c, &bot));
	both_must(person_by_name(c, &b->arena, STR("ann"), &key));
	assert_int_equal(key.user_id, 1);
	assert_true(str_eq(key.password_hash, STR("hash")));
	assert_false(key.settled);
	static const char *const nobody[] = { "bot", "ANN", "", "nobody" };
	for (size_t i = 0; i < countof(nobody); i++) {
		both_must(person_by_name(c, &b->arena, str_of(nobody[i]), &key));
		assert_int_equal(key.user_id, 0);
		assert_null(key.password_hash.p);
	}
	both_must(db_script(c, "UPDATE users SET deactivated_at = 1, changed_rev = 5 WHERE user_id = 1"));
	both_must(person_by_name(c, &b->arena, STR("ann"), &key));
	assert_int_equal(key.user_id, 0);
}

static void a_password_changes_from_what_was_seen(struct both *b, struct db_conn *c)
{
	struct person_new ann = named("ann");
	both_must(create(c, &ann));
	both_must(person_set_password(c, 1, STR("hash"), STR("new")));
	assert_int_equal(person_set_password(c, 1, STR("hash"), STR("other")), ERR_CONFLICT);
}

int main(void)
{
	static const struct both_case cases[] = {
		BOTH_FRESH(the_first_is_owner),           BOTH_FRESH(what_was_taken_back_was_not_first),
		BOTH_FRESH(nobody_is_like_anybody),       BOTH_FRESH(what_was_taken_back_was_not_first),
		BOTH_FRESH(two_at_once_make_one_first),   BOTH_FRESH(a_name_is_given_once),
		BOTH_FRESH(by_name_only_who_may_sign_in), BOTH_FRESH(a_password_changes_from_what_was_seen),
		BOTH(both_each_moved_head_was_noted),
	};
	return both_main(cases, countof(cases));
}
