/* Fills a database that `linnet` has made with messages to be searched, the same ones every time, quickly: by
 * statements of many rows, without the append. Member 1 of the tokens' file is in every 20th of the channels, whose
 * sizes are unlike: the first has 50 times what the last has.
 *
 *   messages DATABASE_URL MEMBER_NAME MESSAGES CHANNELS
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "db/array.h"
#include "db/db.h"
#include "options.h"
#include "words.h"

#define BATCH 20000
#define FIRST_CHANNEL 1000
#define FIRST_AT INT64_C(1750000000000)
#define STEP_MS 10000
#define IN_EACH 20 /* of so many channels the member is in one */

static const struct sql SQL_CHANNEL = {
	"INSERT INTO channels (channel_id, name, name_key, created_at, created_by) VALUES ($1, $2, $2, $3, $4)", NULL
};
static const struct sql SQL_HEAD = {
	"INSERT INTO heads (channel_id, kind, rev, last_id, last_seq, last_at, rev_at, member_count) VALUES ($1, 0, $2, "
	"$2, $2, "
	"$3, $3, 1)",
	NULL,
};
static const struct sql SQL_MEMBER = {
	"INSERT INTO members (channel_id, user_id, joined_rev, joined_at) VALUES ($1, $2, 0, $3)", NULL
};
static const struct sql SQL_NEXT = { "UPDATE counters SET value = $1 WHERE name = 'channel_id' AND value < $1", NULL };
static const struct sql SQL_PERSON = { "SELECT user_id FROM users WHERE username = $1", NULL };
static const struct sql SQL_PEOPLE = { "SELECT max(user_id) FROM users", NULL };
#define INTO                                                                                                           \
	"INSERT INTO messages (channel_id, message_id, seq, rev, changed_rev, body_rev, nonce, request_hash, author_id, "  \
	"body, created_at) "
static const struct sql SQL_MESSAGES = {
	INTO "SELECT c, m, m, m, m, m, n, n, a, b, t FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], "
		 "$5::bytea[], $6::text[]) AS x (c, m, a, t, n, b)",
	NULL,
};
static const struct sql SQL_MESSAGE = { INTO "VALUES ($1, $2, $2, $2, $2, $2, $5, $5, $3, $6, $4)", NULL };

struct filling {
	struct db_conn *c;
	int64_t people, messages, channels;
	int64_t *count, *last_at; /* by channel */
	double *below;            /* the share of the channels up to one */
	struct db_array columns[6];
	struct words words;
};

static void must(enum err e)
{
	if (e) fail("the database: %s", err_row(e)->name);
}

static int64_t number(struct db_conn *c, const struct sql *q, struct db_args args)
{
	struct db_rows rows;
	int64_t v = 0;
	must(db_query(c, q, args, &rows));
	while (db_next(&rows)) v = db_i64(&rows, 0);
	must(db_end(&rows));
	return v;
}

static void share_out(struct filling *f)
{
	double sum = 0;
	for (int64_t i = 0; i < f->channels; i++) f->below[i] = sum += 1 / ((double)i + (double)f->channels / 50);
	for (int64_t i = 0; i < f->channels; i++) f->below[i] /= sum;
}

static int64_t channel_of(const struct filling *f, uint64_t h)
{
	double share = (double)(h >> 11) / (double)(UINT64_C(1) << 53);
	int64_t low = 0, high = f->channels - 1;
	while (low < high) {
		int64_t mid = (low + high) / 2;
		if (f->below[mid] < share)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void put(struct filling *f, int64_t i)
{
	char line[LINE_MOST];
	uint64_t h = words_mix((uint64_t)i ^ 0x5eed), nonce[2] = { words_mix(h), (uint64_t)i };
	int64_t k = channel_of(f, h), at = FIRST_AT + i * STEP_MS;
	struct str body = { line, words_line(&f->words, (uint64_t)i, line) };
	const int64_t numbers[4] = { FIRST_CHANNEL + k, ++f->count[k],
								 1 + (int64_t)(words_mix(h + 1) % (uint64_t)f->people), at };
	struct str bytes = { (const char *)nonce, sizeof nonce };
	f->last_at[k] = at;
	if (db_conn_kind(f->c) == DB_POSTGRES) {
		for (int n = 0; n < 4; n++) db_array_i64(&f->columns[n], numbers[n]);
		db_array_str(&f->columns[4], bytes);
		db_array_str(&f->columns[5], body);
	} else {
		must(db_exec(f->c, &SQL_MESSAGE,
					 DB_ARGS(DB_I64(numbers[0]), DB_I64(numbers[1]), DB_I64(numbers[2]), DB_I64(numbers[3]),
							 DB_BYTES(bytes), DB_TEXT(body)),
					 NULL));
	}
}

static void put_batch(struct filling *f, int64_t from, int64_t to)
{
	static const enum db_type types[6] = { DB_T_I64, DB_T_I64, DB_T_I64, DB_T_I64, DB_T_BYTES, DB_T_TEXT };
	struct db_value v[6];
	must(db_begin(f->c));
	for (int n = 0; n < 6; n++) db_array_begin(&f->columns[n], types[n]);
	for (int64_t i = from; i < to; i++) put(f, i);
	for (int n = 0; n < 6; n++) v[n] = db_array_end(&f->columns[n]);
	if (db_conn_kind(f->c) == DB_POSTGRES) must(db_exec(f->c, &SQL_MESSAGES, (struct db_args){ v, 6 }, NULL));
	must(db_commit(f->c));
}

/* Their heads come last: until then nobody sees the messages. */
static void put_channels(struct filling *f, int64_t member)
{
	must(db_begin(f->c));
	for (int64_t k = 0; k < f->channels; k++) {
		char name[32];
		struct db_value id = DB_I64(FIRST_CHANNEL + k);
		int n = snprintf(name, sizeof name, "searched-%lld", (long long)k);
		must(db_exec(f->c, &SQL_CHANNEL,
					 DB_ARGS(id, DB_TEXT(((struct str){ name, (size_t)n })), DB_I64(FIRST_AT), DB_I64(member)), NULL));
		must(db_exec(f->c, &SQL_HEAD, DB_ARGS(id, DB_I64(f->count[k]), DB_I64(f->last_at[k])), NULL));
		if (k % IN_EACH == 0) must(db_exec(f->c, &SQL_MEMBER, DB_ARGS(id, DB_I64(member), DB_I64(FIRST_AT)), NULL));
	}
	must(db_exec(f->c, &SQL_NEXT, DB_ARGS(DB_I64(FIRST_CHANNEL + f->channels)), NULL));
	must(db_commit(f->c));
}

static void fill(struct filling *f, const char *name)
{
	int64_t member = number(f->c, &SQL_PERSON, DB_ARGS(DB_TEXT(str_of(name))));
	f->people = number(f->c, &SQL_PEOPLE, DB_NO_ARGS);
	if (!member) fail("there is no %s", name);
	f->count = mem_zalloc((size_t)f->channels * sizeof *f->count);
	f->last_at = mem_zalloc((size_t)f->channels * sizeof *f->last_at);
	f->below = mem_zalloc((size_t)f->channels * sizeof *f->below);
	words_init(&f->words);
	share_out(f);
	for (int64_t i = 0; i < f->messages; i += BATCH) put_batch(f, i, i + BATCH < f->messages ? i + BATCH : f->messages);
	put_channels(f, member);
	for (int n = 0; n < 6; n++) db_array_release(&f->columns[n]);
	mem_free(f->count);
	mem_free(f->last_at);
	mem_free(f->below);
}

int main(int argc, char **argv)
{
	static struct filling f;
	struct db *db;
	struct db_options o = {
		.statement_timeout_ms = 600000, .connect_timeout_ms = 5000, .most_connections = 2, .fsync = false
	};
	if (argc != 5) fail("messages DATABASE_URL MEMBER_NAME MESSAGES CHANNELS");
	o.url = argv[1], f.messages = atoll(argv[3]), f.channels = atoll(argv[4]);
	if (f.messages < 1 || f.messages > 100000000 || f.channels < 1 || f.channels > 1000000) fail("too few or too many");
	if (db_create(&o, &db)) fail("a bad URL");
	f.c = db_conn_create(db, DB_WRITE);
	fill(&f, argv[2]);
	db_conn_destroy(f.c);
	db_destroy(db);
	return 0;
}
