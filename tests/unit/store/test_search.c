/* Searches over both databases, with and without an index, which may change how long they take and nothing else. */
#include "store/search.h"

#include "store/segment.h"
#include "support/both.h"

#define ANN 1
#define BOB 2
#define T0 INT64_C(1700000000000)
#define LONG 8192 /* bytes of a body */

static int64_t next_channel = 100;

static void sql(struct both *b, struct db_conn *c, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void sql(struct both *b, struct db_conn *c, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	struct str text = arena_vprintf(&b->arena, fmt, args);
	va_end(args);
	both_must(db_script(c, text.p));
}

static void people(struct both *b, struct db_conn *c)
{
	if (both_number(b, c, "SELECT count(*) FROM users") > 0) return;
	sql(b, c, "INSERT INTO users (user_id, username, role, created_at) VALUES (1, 'ann', 1, 1), (2, 'bob', 1, 1)");
}

/* A channel with ann in it. */
static int64_t room(struct both *b, struct db_conn *c, int history)
{
	int64_t id = next_channel++;
	people(b, c);
	sql(b, c,
		"INSERT INTO heads (channel_id, kind, history) VALUES (%lld, 0, %d);INSERT INTO channels (channel_id, name, "
		"name_key, created_at, created_by) VALUES (%lld, 'Room%lld', 'room%lld', 1, 1);INSERT INTO members "
		"(channel_id, "
		"user_id, joined_rev, joined_at) VALUES (%lld, 1, 1, 1)",
		(long long)id, history, (long long)id, (long long)id, (long long)id, (long long)id);
	return id;
}

static const struct sql SQL_SAY = {
	"INSERT INTO messages (channel_id, message_id, seq, rev, changed_rev, body_rev, nonce, request_hash, author_id, "
	"body, "
	"created_at) VALUES ($1, $2, $2, $2, $2, $2, $3, $3, $4, $5, $6)",
	NULL,
};
static const struct sql SQL_HEAD = {
	"UPDATE heads SET last_id = $2, last_seq = $2, rev = $2, last_at = $3 WHERE channel_id = $1", NULL
};
static const struct sql SQL_EDIT = {
	"UPDATE messages SET body = $3, changed_rev = changed_rev + 100000, body_rev = body_rev + 100000 WHERE channel_id "
	"= "
	"$1 AND message_id = $2",
	NULL,
};

/* The message `id`, a second after the one before. */
static void say(struct db_conn *c, int64_t channel, int64_t id, int64_t author, const char *body)
{
	char nonce[17];
	snprintf(nonce, sizeof nonce, "%06lld%010lld", (long long)channel, (long long)id);
	const int64_t at = T0 + id * 1000;
	both_must(db_exec(c, &SQL_SAY,
					  DB_ARGS(DB_I64(channel), DB_I64(id), DB_BYTES(((struct str){ nonce, 16 })), DB_I64(author),
							  DB_TEXT(str_of(body)), DB_I64(at)),
					  NULL));
	both_must(db_exec(c, &SQL_HEAD, DB_ARGS(DB_I64(channel), DB_I64(id), DB_I64(at)), NULL));
}

/* n messages "number N of many", the first `id`. */
static void say_many(struct both *b, struct db_conn *c, int64_t channel, int64_t id, int64_t n)
{
	both_must(db_begin(c));
	for (int64_t i = id; i < id + n; i++)
		say(c, channel, i, i % 2 ? ANN : BOB, arena_printf(&b->arena, "number n%lldn of many", (long long)i).p);
	both_must(db_commit(c));
}

static int64_t index_all(struct both *b, struct db_conn *c)
{
	struct segment_work work[16];
	struct segment made[16];
	int64_t waiting, stored = 0;
	bool done[16];
	for (;;) {
		size_t n, n_made = 0;
		both_must(segment_find(c, work, 16, &n, &waiting));
		if (!n) return stored;
		both_must(segment_make(c, &b->arena, &work[0], 5000, made, 16, &n_made));
		both_must(segment_store(c, made, n_made, done));
		for (size_t i = 0; i < n_made; i++) stored += done[i] && !made[i].known;
	}
}

struct asked {
	struct query q;
	struct search_ask ask;
	struct search_page page;
	enum err err;
};

static struct asked *ask_of(struct both *b, struct db_conn *c, int64_t user, const char *text, int64_t channel,
							struct str cursor, size_t limit)
{
	struct asked *x = arena_new(&b->arena, struct asked);
	const struct actor who = { .user_id = user, .role = USER_MEMBER };
	const char *why;
	query_init(&x->q);
	both_must(query_parse(&x->q, &b->arena, str_of(text), &why));
	x->ask = (struct search_ask){ &x->q, channel, cursor, limit, 20000 };
	x->err = search_read(c, &b->arena, &who, &x->ask, &x->page);
	query_release(&x->q);
	return x;
}

static size_t count(struct both *b, struct db_conn *c, int64_t user, const char *text, int64_t channel)
{
	struct asked *x = ask_of(b, c, user, text, channel, STR_NONE, 100);
	both_must(x->err);
	return x->page.n;
}

static void words_parts_and_scripts_are_found(struct both *b, struct db_conn *c)
{
	int64_t id = room(b, c, 0);
	static const char *const bodies[] = {
		"Hello brave new world",
		"\xe6\x9d\xb1\xe4\xba\xac\xe3\x82\xbf\xe3\x83\xaf\xe3\x83\xbc\xe3\x81\xb8\xe8\xa1\x8c\xe3\x81\x8f",
		"Caf\xc3\xa9 au lait", "\xe0\xb8\xaa\xe0\xb8\xa7\xe0\xb8\xb1\xe0\xb8\xaa\xe0\xb8\x94\xe0\xb8\xb5",
		"see https://example.org/Path"
	};
	static const char *const queries[] = { "brave",
										   "RAVE WORLD",
										   "w",
										   "ew",
										   "\xe4\xba\xac",
										   "\xe3\x82\xbf\xe3\x83\xaf\xe3\x83\xbc",
										   "cafe",
										   "\xe0\xb8\xaa\xe0\xb8\x94",
										   "has:link",
										   "ple.org/pa",
										   "\"brave new\"",
										   "from:ann" };
	static const size_t found[] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 5 };
	for (int64_t i = 0; i < 5; i++) say(c, id, i + 1, ANN, bodies[i]);
	for (int indexed = 0; indexed < 2; indexed++) {
		for (size_t i = 0; i < countof(queries); i++)
			if (count(b, c, ANN, queries[i], id) != found[i]) fail_msg("%s, indexed %d", queries[i], indexed);
		assert_int_equal(count(b, c, ANN, "xyzzy", id), 0);
		assert_int_equal(count(b, c, ANN, "brave \xe4\xba\xac", id), 0);
		assert_int_equal(count(b, c, ANN, "has:file", id), 0);
		assert_int_equal(count(b, c, ANN, "from:bob", id), 0);
		assert_int_equal(count(b, c, ANN, "from:nobody", id), 0);
		if (!indexed)
			say_many(b, c, id, 6, 200),
				sql(b, c, "UPDATE messages SET author_id = 3 WHERE channel_id = %lld AND message_id > 5",
					(long long)id);
		if (!indexed) assert_true(index_all(b, c) > 0);
	}
}

static void pages_go_back_in_time_without_a_gap(struct both *b, struct db_conn *c)
{
	int64_t x = room(b, c, 0), y = room(b, c, 0);
	say_many(b, c, x, 1, 1500);
	say_many(b, c, y, 1, 700);
	for (int indexed = 0; indexed < 2; indexed++) {
		struct str cursor = STR_NONE;
		int64_t seen = 0, at = INT64_MAX;
		for (int pages = 0; pages < 60; pages++) {
			struct asked *p = ask_of(b, c, ANN, "of many number", 0, cursor, 50);
			both_must(p->err);
			for (size_t i = 0; i < p->page.n; i++) {
				const struct message *m = &p->page.items[i].message;
				if (m->channel_id != x && m->channel_id != y) continue;
				assert_true(m->created_at <= at);
				at = m->created_at, seen++;
			}
			if (!p->page.next.p) break;
			assert_int_equal(p->page.n, 50);
			cursor = p->page.next;
			if (pages == 2) say(c, x, 1501 + indexed, ANN, "of many number, a new one"); /* moves nothing */
		}
		assert_int_equal(seen, 2200 + indexed);
		assert_true(indexed || index_all(b, c) > 0);
	}
	assert_int_equal(ask_of(b, c, ANN, "x", 0, STR("rubbish"), 50)->err, ERR_INVALID);
	assert_int_equal(ask_of(b, c, ANN, "x", 0, STR("1-2"), 50)->err, ERR_INVALID);
	assert_int_equal(ask_of(b, c, ANN, "x", 0, STR("1-2-3-4"), 50)->err, ERR_INVALID);
}

static void segments_grow_and_all_is_found_by_them(struct both *b, struct db_conn *c)
{
	int64_t id = room(b, c, 0), said = 0;
	static const int64_t steps[] = { 63, 1, 100, 92, 700, 68, 300 };
	char text[32];
	for (size_t i = 0; i < countof(steps); i++) {
		say_many(b, c, id, said + 1, steps[i]);
		said += steps[i];
		index_all(b, c);
		for (int64_t k = 1; k <= said; k += 1 + said / 7) {
			snprintf(text, sizeof text, "n%lldn", (long long)k);
			struct asked *x = ask_of(b, c, ANN, text, id, STR_NONE, 10);
			both_must(x->err);
			assert_true(x->page.n == 1 && x->page.items[0].message.message_id == k);
			assert_true(x->page.scanned < 64 + 40);
		}
	}
	struct str q =
		arena_printf(&b->arena, "SELECT max(hi) FROM search_segments WHERE channel_id = %lld", (long long)id);
	assert_int_equal(both_number(b, c, q.p), said / 64 * 64);
	q = arena_printf(&b->arena, "SELECT hi FROM search_segments WHERE channel_id = %lld AND lo = 1", (long long)id);
	assert_int_equal(both_number(b, c, q.p), 1024);
	q = arena_printf(&b->arena,
					 "SELECT count(*) FROM search_leaves l WHERE channel_id = %lld AND NOT EXISTS (SELECT 1 FROM "
					 "search_segments s WHERE s.channel_id = l.channel_id AND s.lo = l.lo)",
					 (long long)id);
	assert_int_equal(both_number(b, c, q.p), 0);
	assert_int_equal(index_all(b, c), 0);
}

/* What a segment takes in the making is bounded by what its messages say, not by how many they are. */
static void long_messages_make_short_segments(struct both *b, struct db_conn *c)
{
	const int64_t id = room(b, c, 0);
	char *body = arena_zalloc(&b->arena, LONG + 1);
	struct str q;
	memset(body, 'z', LONG);
	both_must(db_begin(c));
	for (int64_t i = 1; i <= 256; i++) say(c, id, i, ANN, i <= 64 || i > 136 ? body : "short");
	both_must(db_commit(c));
	index_all(b, c);
	q = arena_printf(&b->arena, "SELECT count(*) FROM search_segments WHERE channel_id = %lld AND hi = lo + 63",
					 (long long)id);
	assert_int_equal(both_number(b, c, q.p), 4);
	assert_int_equal(count(b, c, ANN, "zzzzz", id), 100);
	assert_int_equal(count(b, c, ANN, "short", id), 72);
	assert_int_equal(index_all(b, c), 0);
	sql(b, c, "UPDATE messages SET body = 'another' WHERE channel_id = %lld AND message_id <= 128", (long long)id);
	assert_int_equal(index_all(b, c), 1); /* they fit together now */
	q = arena_printf(&b->arena, "SELECT hi FROM search_segments WHERE channel_id = %lld AND lo = 1", (long long)id);
	assert_int_equal(both_number(b, c, q.p), 256);
	assert_int_equal(count(b, c, ANN, "another", id), 100);
	assert_int_equal(count(b, c, ANN, "zzzzz", id), 100);
}

static int64_t leaves(struct both *b, struct db_conn *c, int64_t id, int64_t lo)
{
	return both_number(b, c,
					   arena_printf(&b->arena,
									"SELECT count(*) FROM search_leaves WHERE channel_id = %lld AND lo = %lld",
									(long long)id, (long long)lo)
						   .p);
}

static void what_is_erased_or_changed_takes_its_segment_along(struct both *b, struct db_conn *c)
{
	int64_t id = room(b, c, 0);
	say_many(b, c, id, 1, 1024 + 256 + 10);
	index_all(b, c);
	assert_true(leaves(b, c, id, 1) > 0 && leaves(b, c, id, 1025) > 0);
	both_must(db_exec(c, &SQL_EDIT, DB_ARGS(DB_I64(id), DB_I64(70), DB_TEXT(STR("quite another"))), NULL));
	assert_true(leaves(b, c, id, 1) == 0 && leaves(b, c, id, 1025) > 0);
	assert_int_equal(count(b, c, ANN, "n70n", id), 0);
	assert_int_equal(count(b, c, ANN, "quite another", id), 1);
	assert_int_equal(index_all(b, c), 1);
	assert_int_equal(count(b, c, ANN, "n70n", id), 0);
	assert_int_equal(count(b, c, ANN, "quite another", id), 1);
	sql(b, c, "UPDATE messages SET body = '', deleted_at = 5 WHERE channel_id = %lld AND message_id = 1100",
		(long long)id);
	assert_int_equal(leaves(b, c, id, 1025), 0);
	assert_int_equal(count(b, c, ANN, "n1100n", id), 0);
	assert_int_equal(count(b, c, ANN, "n1101n", id), 1);
	sql(b, c, "UPDATE messages SET reactions = 'x 1 1', changed_rev = 9 WHERE channel_id = %lld AND message_id = 3",
		(long long)id);
	assert_true(leaves(b, c, id, 1) > 0); /* nothing that search looks at */
	sql(b, c, "UPDATE messages SET body = 'at the end' WHERE channel_id = %lld AND message_id = 1290", (long long)id);
	assert_true(leaves(b, c, id, 1) > 0); /* not in any */
	sql(b, c, "UPDATE heads SET min_id = 1030 WHERE channel_id = %lld", (long long)id);
	assert_int_equal(count(b, c, ANN, "n1030n", id), 0);
	assert_int_equal(count(b, c, ANN, "n1031n", id), 1);
	sql(b, c, "DELETE FROM messages WHERE channel_id = %lld AND message_id <= 1030", (long long)id);
	assert_true(leaves(b, c, id, 1) == 0 && leaves(b, c, id, 1025) == 0);
	index_all(b, c);
	assert_int_equal(count(b, c, ANN, "n1031n", id), 1);
	assert_int_equal(leaves(b, c, id, 1), 0);
}

/* Between the two steps: what was made from another body is not stored. */
static void a_segment_of_what_was_is_not_stored(struct both *b, struct db_conn *c)
{
	struct segment_work w;
	struct segment made[4];
	int64_t id = room(b, c, 0), waiting;
	size_t n = 0;
	bool stored[4];
	index_all(b, c);
	say_many(b, c, id, 1, 64);
	both_must(segment_find(c, &w, 1, &n, &waiting));
	assert_true(n == 1 && w.channel_id == id && waiting == 64);
	n = 0;
	both_must(segment_make(c, &b->arena, &w, 1000, made, 4, &n));
	assert_int_equal(n, 1);
	both_must(db_exec(c, &SQL_EDIT, DB_ARGS(DB_I64(id), DB_I64(7), DB_TEXT(STR("secret no more"))), NULL));
	both_must(segment_store(c, made, n, stored));
	assert_false(stored[0]);
	assert_int_equal(leaves(b, c, id, 1), 0);
	n = 0;
	both_must(segment_make(c, &b->arena, &w, 1000, made, 4, &n));
	both_must(segment_store(c, made, n, stored));
	assert_true(stored[0] && leaves(b, c, id, 1) > 0);
	both_must(segment_store(c, made, n, stored)); /* another pod that has made the same */
	assert_false(stored[0]);
	assert_int_equal(index_all(b, c), 0);
	assert_int_equal(count(b, c, ANN, "secret", id), 1);
}

/* Who edits waits for the lock under which a segment is stored, with heads locked. So whoever holds it and is heard of
 * no more is dropped as soon as an append is, and not after the minute that other connections have. */
static void storing_gives_way_in_seconds(struct both *b, struct db_conn *c)
{
	const int64_t id = room(b, c, 0);
	if (db_conn_kind(c) == DB_SQLITE) return;
	sql(b, c,
		"CREATE TABLE told (v TEXT);CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO "
		"told VALUES (current_setting('idle_in_transaction_session_timeout')); RETURN NULL; END $$;CREATE TRIGGER "
		"tell AFTER INSERT ON search_segments FOR EACH ROW EXECUTE FUNCTION tell()");
	say_many(b, c, id, 1, 64);
	assert_true(index_all(b, c) > 0);
	sql(b, c, "DROP TRIGGER tell ON search_segments;DROP FUNCTION tell");
	assert_true(both_number(b, c, "SELECT count(*) FROM told") > 0);
	assert_int_equal(both_number(b, c, "SELECT count(*) FROM told WHERE v <> '5s'"), 0);
	assert_int_equal(both_number(b, c,
								 "SELECT count(*) FROM pg_settings WHERE name = "
								 "'idle_in_transaction_session_timeout' AND setting = '60000'"),
					 1); /* for that transaction only */
	sql(b, c, "DROP TABLE told");
}

static void only_what_one_may_read_is_found(struct both *b, struct db_conn *c)
{
	int64_t open = room(b, c, 0), joined = room(b, c, 1), gone = room(b, c, 0);
	for (int64_t i = 1; i <= 130; i++) {
		say(c, open, i, ANN, "the treasure");
		say(c, joined, i, ANN, "the treasure");
		say(c, gone, i, ANN, "the treasure");
	}
	index_all(b, c);
	assert_int_equal(count(b, c, ANN, "treasure", open), 100);
	assert_int_equal(ask_of(b, c, BOB, "treasure", open, STR_NONE, 10)->err, ERR_NOT_MEMBER);
	assert_int_equal(ask_of(b, c, BOB, "treasure", 999999, STR_NONE, 10)->err, ERR_NOT_FOUND);
	assert_int_equal(count(b, c, BOB, "treasure", 0), 0);
	sql(b, c, "INSERT INTO members (channel_id, user_id, joined_rev, joined_at, first_id) VALUES (%lld, 2, 1, 1, 100)",
		(long long)joined);
	assert_int_equal(count(b, c, BOB, "treasure", 0), 31);
	sql(b, c, "UPDATE members SET left_rev = 5 WHERE channel_id = %lld AND user_id = 2", (long long)joined);
	assert_int_equal(count(b, c, BOB, "treasure", 0), 0);
	sql(b, c, "INSERT INTO members (channel_id, user_id, joined_rev, joined_at, first_id) VALUES (%lld, 2, 1, 1, 1)",
		(long long)gone);
	assert_int_equal(count(b, c, BOB, "treasure", 0), 100);
	assert_int_equal(count(b, c, BOB, arena_printf(&b->arena, "treasure in:#ROOM%lld", (long long)gone).p, 0), 100);
	assert_int_equal(count(b, c, BOB, arena_printf(&b->arena, "treasure in:room%lld", (long long)open).p, 0), 0);
	sql(b, c, "UPDATE heads SET deleted_at = 7 WHERE channel_id = %lld", (long long)gone);
	assert_int_equal(count(b, c, BOB, "treasure", 0), 0);
}

static void times_bound_it(struct both *b, struct db_conn *c)
{
	int64_t id = room(b, c, 0);
	const char *why;
	say_many(b, c, id, 1, 2000);
	for (int indexed = 0; indexed < 2; indexed++) {
		struct asked *x = arena_new(&b->arena, struct asked);
		const struct actor who = { .user_id = ANN, .role = USER_MEMBER };
		query_init(&x->q);
		both_must(query_parse(&x->q, &b->arena, STR("many"), &why));
		x->q.after_ms = T0 + 500 * 1000, x->q.before_ms = T0 + 520 * 1000;
		x->ask = (struct search_ask){ &x->q, id, STR_NONE, 100, 20000 };
		both_must(search_read(c, &b->arena, &who, &x->ask, &x->page));
		assert_int_equal(x->page.n, 20);
		assert_int_equal(x->page.items[0].message.message_id, 519);
		assert_int_equal(x->page.items[19].message.message_id, 500);
		assert_true(x->page.scanned < 1200);
		query_release(&x->q);
		if (!indexed) index_all(b, c);
	}
}

/* Time is over before everything was read: what was found is told, and the rest by going on. */
static void a_page_that_took_too_long_goes_on(struct both *b, struct db_conn *c)
{
	int64_t id = room(b, c, 0);
	const struct actor who = { .user_id = ANN, .role = USER_MEMBER };
	const char *why;
	struct query q;
	struct str cursor = STR_NONE;
	size_t found = 0, pages = 0;
	say_many(b, c, id, 1, 3000);
	query_init(&q);
	both_must(query_parse(&q, &b->arena, STR("n17n"), &why));
	do {
		struct search_ask ask = { &q, id, cursor, 10, 0 };
		struct search_page page;
		enum err e = search_read(c, &b->arena, &who, &ask, &page);
		both_must(e);
		found += page.n;
		cursor = page.next;
		assert_true(++pages < 100);
	} while (cursor.p);
	assert_int_equal(found, 1);
	assert_true(pages > 3);
	query_release(&q);
}

/* Bodies that take long: its time is looked at between them, not only between rounds. What was matched is never lost
 * nor told twice. */
static void time_is_over_between_two_bodies(struct both *b, struct db_conn *c)
{
	const int64_t id = room(b, c, 0), n = 70;
	const struct actor who = { .user_id = ANN, .role = USER_MEMBER };
	const char *why;
	struct query q;
	char *body = arena_zalloc(&b->arena, LONG + 1);
	memset(body, 'a', LONG);
	for (int64_t i = 1; i <= n; i++) {
		body[LONG - 1] = i % 10 ? 'a' : 'b';
		say(c, id, i, ANN, body);
	}
	query_init(&q);
	both_must(query_parse(&q, &b->arena, (struct str){ body + LONG - 60, 60 }, &why));
	for (int indexed = 0; indexed < 2; indexed++) {
		struct str cursor = STR_NONE;
		int64_t next = n, pages = 0, reached = INT64_MAX;
		do {
			struct search_ask ask = { &q, id, cursor, 10, 0 };
			struct search_page page;
			both_must(search_read(c, &b->arena, &who, &ask, &page));
			for (size_t i = 0; i < page.n; i++, next -= 10) assert_int_equal(page.items[i].message.message_id, next);
			cursor = page.next;
			struct str rest = cursor, part;
			int64_t at = 0;
			if (cursor.p) assert_true(str_split(&rest, '-', &part) && str_i64(part, 1, INT64_MAX, &at));
			if (!pages++) assert_true(at >= T0 + (n - 4) * 1000); /* two bodies of 70 */
			assert_true(at < reached);
			reached = at;
		} while (cursor.p);
		assert_int_equal(next, 0);
		assert_true(pages > 30 && pages <= n);
		if (!indexed) index_all(b, c);
	}
	query_release(&q);
}

static void snippets_show_where(struct both *b, struct db_conn *c)
{
	int64_t id = room(b, c, 0);
	say(c, id, 1, ANN, "one Caf\xc3\xa9, two cafe\xcc\x81s");
	struct asked *x = ask_of(b, c, ANN, "cafe", id, STR_NONE, 10);
	const struct search_hit *h = &x->page.items[0];
	assert_int_equal(h->n_snippet, 5);
	assert_true(str_eq(h->snippet[0], STR("one ")) && str_eq(h->snippet[1], STR("Caf\xc3\xa9")));
	assert_true(str_eq(h->snippet[2], STR(", two ")) && str_eq(h->snippet[3], STR("cafe\xcc\x81")));
	assert_true(str_eq(h->snippet[4], STR("s")));
	struct buf long_one;
	buf_init(&long_one);
	for (int i = 0; i < 400; i++) buf_printf(&long_one, "%s", i == 200 ? "needle " : "straw ");
	buf_add_byte(&long_one, 0);
	say(c, id, 2, BOB, long_one.p);
	buf_release(&long_one);
	x = ask_of(b, c, ANN, "needle", id, STR_NONE, 10);
	h = &x->page.items[0];
	assert_int_equal(h->n_snippet, 3);
	assert_true(h->snippet[0].n < 120 && str_starts(h->snippet[0], STR("\xe2\x80\xa6")) &&
				str_ends(h->snippet[2], STR("\xe2\x80\xa6")));
	assert_true(x->page.n_users == 1 && x->page.users[0].id == BOB);
	x = ask_of(b, c, ANN, "from:bob", id, STR_NONE, 10);
	assert_int_equal(x->page.items[0].n_snippet, 1);
}

/* A word that is nowhere, over many segments and so many rounds: they share their memory. */
static void many_rounds_take_no_more_than_one(struct both *b, struct db_conn *c)
{
	const int64_t id = room(b, c, 0);
	const int n = 4000;
	struct arena a;
	struct query q;
	struct search_page page;
	const struct actor who = { .user_id = ANN, .role = USER_MEMBER };
	const struct search_ask ask = { &q, id, STR_NONE, 10, 20000 };
	const char *why;
	sql(b, c,
		"INSERT INTO search_segments (channel_id, lo, hi, first_at, last_at) WITH RECURSIVE k (i) AS (SELECT 0 UNION "
		"ALL SELECT i + 1 FROM k WHERE i < %d) SELECT %lld, i * 64 + 1, i * 64 + 64, 1000 + i, 1000 + i FROM k;UPDATE "
		"heads SET last_id = %d, last_seq = %d, rev = %d, last_at = 9000 WHERE channel_id = %lld",
		n - 1, (long long)id, n * 64, n * 64, n * 64, (long long)id);
	arena_init(&a);
	query_init(&q);
	both_must(query_parse(&q, &a, STR("nowhere to be found"), &why));
	both_must(search_read(c, &a, &who, &ask, &page));
	assert_true(page.n == 0 && !page.next.p);
	assert_true(a.used < 1024 * 1024); /* each round of its own: eight times as much */
	query_release(&q);
	arena_release(&a);
	sql(b, c, "DELETE FROM search_segments WHERE channel_id = %lld", (long long)id);
	sql(b, c, "UPDATE heads SET deleted_at = 7 WHERE channel_id = %lld", (long long)id);
}

static void one_pod_at_a_time_makes_it(struct both *b, struct db_conn *c)
{
	bool mine;
	both_must(segment_lease(c, STR("one"), T0, 60000, &mine));
	assert_true(mine);
	both_must(segment_lease(c, STR("one"), T0, 60000, &mine));
	assert_true(mine);
	both_must(segment_lease(c, STR("two"), T0, 60000, &mine));
	assert_int_equal(mine, db_conn_kind(c) == DB_SQLITE); /* where there is but one */
	sql(b, c, "UPDATE search_lease SET until = 1");
	both_must(segment_lease(c, STR("two"), T0, 60000, &mine));
	assert_true(mine);
}

int main(void)
{
	static const struct both_case cases[] = {
		BOTH(words_parts_and_scripts_are_found),
		BOTH_FRESH(pages_go_back_in_time_without_a_gap),
		BOTH(segments_grow_and_all_is_found_by_them),
		BOTH(long_messages_make_short_segments),
		BOTH(what_is_erased_or_changed_takes_its_segment_along),
		BOTH(a_segment_of_what_was_is_not_stored),
		BOTH(storing_gives_way_in_seconds),
		BOTH_FRESH(only_what_one_may_read_is_found),
		BOTH(times_bound_it),
		BOTH(a_page_that_took_too_long_goes_on),
		BOTH(time_is_over_between_two_bodies),
		BOTH(snippets_show_where),
		BOTH(many_rounds_take_no_more_than_one),
		BOTH(one_pod_at_a_time_makes_it),
	};
	return both_main(cases, countof(cases));
}
