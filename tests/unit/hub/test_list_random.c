/* The protocol of the list, at random: joins, kicks, direct messages, levels, markers and settings, told late and in
 * any order, to devices that stop reading, are cut off and come back with what they have read. At the end each device,
 * which merges what it is told, has exactly the list that is in the database. A seed is one run. */
#include "world.h"

#include "base/random.h"

#define SEEDS 20
#define STEPS 150
#define DEVICES 3
#define CHANNELS 12 /* the last ones are direct messages that are made on the way */
#define MADE 8
#define KEYS 5    /* of settings */
#define PAD 30000 /* bytes behind each row and change: a socket that is not read is soon full */

/* ---- a device */

struct known {
	bool here;
	int64_t rev, joined, level, read_id;
};
struct key {
	int64_t rev, value; /* -1: taken back; 0: never there */
};
struct device {
	struct client *client; /* NULL: cut off */
	struct known known[CHANNELS + 1];
	struct known ready[CHANNELS + 1]; /* the rows of a ready that has not ended */
	bool gone[CHANNELS + 1], cursor[CHANNELS + 1];
	struct key keys[KEYS];
	struct game *game;
	int64_t user_rev, asked; /* told; said in hello */
	size_t read;             /* bytes of client->lines */
	struct cursor cursors[CHANNELS];
	bool stopped;
};

struct game {
	struct world *w;
	struct random_seeded random;
	struct device devices[DEVICES];
	VEC(struct user_news *) news; /* not told yet */
	VEC(struct event *) events;
	int64_t user_rev, time;
	int made;
	bool in[CHANNELS + 1];
	uint64_t seed;
};

static uint64_t below(struct game *g, uint64_t n)
{
	return random_below(&g->random.base, n);
}

/* ---- what it is told: lines "row ID REV JOINED LEVEL READ" and such */

static void say_large(struct session *s, const char *what, const struct channel *c, int64_t user_rev)
{
	static char spaces[PAD];
	say(s, "%s %lld %lld %lld %d %lld %lld ", what, (long long)c->id, (long long)c->rev, (long long)c->me.joined_rev,
		(int)c->me.level, (long long)c->me.read_id, (long long)user_rev);
	if (s->conn) conn_write_copy(s->conn, spaces, PAD);
	say(s, "\n");
}

static bool tell_ready(struct session *s, const struct ready *r, struct ready_place *at)
{
	if (at->channel < r->n_channels) say_large(s, "row", r->channels[at->channel++], 0);
	if (at->channel < r->n_channels) return false;
	for (size_t i = 0; i < r->n_gone; i++) say(s, "without %lld\n", (long long)r->gone[i]);
	say(s, "ready %lld %d\n", (long long)r->user_rev, r->whole);
	return true;
}

static void tell_channel(struct session *s, const struct channel *c, int64_t user_rev)
{
	say_large(s, "channel", c, user_rev);
}

static void tell_gone(struct session *s, int64_t channel_id, int64_t user_rev)
{
	say(s, "gone %lld %lld\n", (long long)channel_id, (long long)user_rev);
}

static void tell_reset(struct session *s, int64_t channel_id, int64_t rev, const struct channel *row)
{
	say_large(s, "reset", row, 0);
}

static const struct session_ops ops = {
	tell_ready, tell_channel, tell_gone, say_synced, tell_reset, say_read,
	say_news,   say_hint,     say_drain, say_kick,   NULL,       say_own,
};

/* ---- how it merges that */

static struct known known_of(const int64_t v[])
{
	return (struct known){ true, v[1], v[2], v[3], v[4] };
}

static void merge_ready(struct device *d, int64_t user_rev)
{
	for (int64_t c = 1; c <= CHANNELS; c++) {
		struct known *k = &d->known[c];
		bool listed = d->ready[c].here;
		if (k->here && !listed && (d->gone[c] || !d->cursor[c])) {
			/* Who was not told the whole list is told by name what went. */
			if (d->asked && !d->gone[c]) fail_msg("channel %d went without a word", (int)c);
			*k = (struct known){ 0 };
		}
		if (listed) {
			int64_t rev = k->here && d->cursor[c] ? k->rev : d->ready[c].rev;
			*k = d->ready[c];
			k->rev = rev;
		}
	}
	d->user_rev = user_rev;
}

static void merge_user_rev(struct device *d, int64_t user_rev)
{
	assert_true(user_rev >= d->user_rev);
	d->user_rev = user_rev;
}

static void merge_event(struct device *d, const int64_t v[])
{
	struct known *k = &d->known[v[0]];
	if (!k->here || v[1] != k->rev + 1) fail_msg("event %d %d after %d", (int)v[0], (int)v[1], (int)k->rev);
	k->rev = v[1];
}

static const struct sql SQL_KEYS = { "SELECT key, value, user_rev FROM settings WHERE user_id = $1", NULL };

static void key_take(const struct db_rows *rows, struct key *keys)
{
	struct str value = db_str(rows, 1);
	struct key *k = &keys[db_str(rows, 0).p[1] - '0'];
	k->rev = db_i64(rows, 2);
	if (!value.p || !str_i64(value, 1, INT64_MAX, &k->value)) k->value = -1;
}

static void read_keys(struct game *g, struct key *keys)
{
	struct db_rows rows;
	memset(keys, 0, KEYS * sizeof *keys);
	must(db_query(g->w->writer, &SQL_KEYS, DB_ARGS(DB_I64(ME)), &rows));
	while (db_next(&rows)) key_take(&rows, keys);
	must(db_end(&rows));
}

/* In order and once; what was asked for meanwhile may be newer. */
static void merge_setting(struct device *d, struct str frame)
{
	char text[160];
	int key;
	long long value = -1, rev = 0;
	snprintf(text, sizeof text, STR_FMT, STR_ARG(frame));
	if (sscanf(text, "{\"op\":\"setting\",\"key\":\"k%d\",\"value\":%lld,\"user_rev\":%lld}", &key, &value, &rev) !=
			3 &&
		sscanf(text, "{\"op\":\"setting\",\"key\":\"k%d\",\"user_rev\":%lld}", &key, &rev) != 2)
		fail_msg("what is this: %s", text);
	if (rev <= d->user_rev) fail_msg("seed %d: %s after %d", (int)d->game->seed, text, (int)d->user_rev);
	d->user_rev = rev;
	if (rev > d->keys[key].rev) d->keys[key] = (struct key){ rev, value };
}

static void merge(struct device *d, struct str line)
{
	struct str frame = str_starts(line, STR("news {")) ? str_from(line, 5) : line;
	if (frame.n && frame.p[0] == '{') {
		merge_setting(d, frame);
		return;
	}
	struct str word;
	int64_t v[6] = { 0 };
	str_split(&line, ' ', &word);
	struct str what = word;
	for (int i = 0; i < 6 && line.p && str_split(&line, ' ', &word); i++) str_i64(word, 0, INT64_MAX, &v[i]);
	if (str_eq(what, STR("row"))) {
		d->ready[v[0]] = known_of(v);
	} else if (str_eq(what, STR("without"))) {
		d->gone[v[0]] = true;
	} else if (str_eq(what, STR("ready"))) {
		merge_ready(d, v[0]);
		if (v[1]) read_keys(d->game, d->keys);
	} else if (str_eq(what, STR("channel"))) {
		int64_t rev = d->known[v[0]].here ? d->known[v[0]].rev : v[1];
		d->known[v[0]] = known_of(v);
		d->known[v[0]].rev = rev;
		merge_user_rev(d, v[5]);
	} else if (str_eq(what, STR("reset"))) {
		d->known[v[0]] = known_of(v);
	} else if (str_eq(what, STR("gone"))) {
		d->known[v[0]] = (struct known){ 0 };
		merge_user_rev(d, v[1]);
	} else if (str_eq(what, STR("read")) || str_eq(what, STR("news"))) {
		d->known[v[0]].read_id = v[1];
	} else if (str_eq(what, STR("event"))) {
		merge_event(d, v);
	} else if (!str_eq(what, STR("synced"))) {
		fail_msg("what is this: " STR_FMT, STR_ARG(what));
	}
}

/* Whole lines only: what was cut off has not been read. */
static void catch_up(struct device *d)
{
	if (!d->client) return;
	struct client *k = d->client;
	struct buf fresh;
	buf_init(&fresh);
	pthread_mutex_lock(&k->lock);
	if (k->lines.n > d->read) buf_add(&fresh, k->lines.p + d->read, k->lines.n - d->read);
	pthread_mutex_unlock(&k->lock);
	struct str rest = buf_str(&fresh);
	for (const char *end; rest.n && (end = memchr(rest.p, '\n', rest.n));) {
		size_t n = (size_t)(end - rest.p);
		merge(d, (struct str){ rest.p, n });
		rest = str_from(rest, n + 1);
		d->read += n + 1;
	}
	buf_release(&fresh);
}

/* ---- its life */

static void come(struct game *g, struct device *d)
{
	size_t n = 0;
	memset(d->ready, 0, sizeof d->ready);
	memset(d->gone, 0, sizeof d->gone);
	memset(d->cursor, 0, sizeof d->cursor);
	for (int64_t c = 1; c <= CHANNELS; c++) {
		if (!d->known[c].here || below(g, 3) == 0) continue;
		d->cursors[n++] = (struct cursor){ c, d->known[c].rev, 0 };
		d->cursor[c] = true;
	}
	d->asked = d->user_rev;
	d->read = 0;
	d->stopped = below(g, 3) == 0;
	d->client = client_make(g->w, (int)below(g, WORLD_REACTORS), d->cursors, n);
	d->client->hello.user_rev = d->user_rev;
	d->client->ops = &ops;
	d->client->soft = 4096;
	d->client->stopped = d->stopped;
	reactor_post(g->w->r[d->client->reactor], &d->client->mail);
}

static void leave(struct game *g, struct device *d)
{
	catch_up(d);
	client_end(d->client);
	d->client = NULL;
}

struct order {
	struct mail mail;
	struct client *client;
	bool stop;
};

static void order_arrives(struct reactor *r, struct mail *m)
{
	struct order *o = container_of(m, struct order, mail);
	if (o->client->far && o->stop) conn_pause(o->client->far);
	if (o->client->far && !o->stop) conn_resume(o->client->far);
	mem_free(o);
}

static void stop_or_go(struct game *g, struct device *d)
{
	struct order *o = mem_new(struct order);
	o->mail.deliver = order_arrives;
	o->client = d->client;
	o->stop = d->stopped = !d->stopped;
	reactor_post(g->w->r[d->client->reactor], &o->mail);
}

/* ---- what happens to the person */

static void moved(struct game *g)
{
	struct user_news *n = user_news_create(0);
	n->user_id = ME;
	n->user_rev = ++g->user_rev;
	n->epoch = g->w->epoch.hash;
	n->list_moved = true;
	vec_push(&g->news, n);
}

static void changed(struct game *g, int64_t channel, enum change_kind kind, int64_t rev)
{
	vec_push(&g->events, make_event(g->w, channel, rev, kind, ME));
}

static void join(struct game *g, int64_t c)
{
	run_sql(g->w,
			"UPDATE members SET read_at = %lld, read_id = 0, level = 0 WHERE channel_id = %lld AND user_id = %lld",
			(long long)++g->time, (long long)c, (long long)ME); /* while it is nobody's list */
	changed(g, c, CHANGE_JOIN, enter_channel(g->w, c, ME));
	g->in[c] = true;
	moved(g);
}

static void kick(struct game *g, int64_t c)
{
	changed(g, c, CHANGE_KICK, kick_from(g->w, c, ME));
	g->in[c] = false;
	moved(g);
}

static struct user_news *setting_news(struct game *g)
{
	struct arena a;
	struct own_list own;
	arena_init(&a);
	must(own_read(g->w->writer, &a, ME, g->user_rev, &own));
	assert_int_equal(own.n, 1);
	struct user_news *n = user_news_create(own.items[0].frame.n);
	memcpy(n->json, own.items[0].frame.p, own.items[0].frame.n);
	arena_release(&a);
	n->user_id = ME;
	n->user_rev = ++g->user_rev;
	n->epoch = g->w->epoch.hash;
	n->list_moved = true;
	return n;
}

static void set_key(struct game *g)
{
	int key = (int)below(g, KEYS);
	must(db_begin(g->w->writer));
	move_person(g->w, ME);
	run_sql(g->w,
			"INSERT INTO settings (user_id, key, value, user_rev) SELECT user_id, 'k%d', %s, rev FROM user_heads WHERE "
			"user_id = %lld ON CONFLICT (user_id, key) DO UPDATE SET value = excluded.value, user_rev = "
			"excluded.user_rev",
			key, below(g, 4) ? "rev" : "NULL", (long long)ME);
	struct user_news *n = setting_news(g);
	must(db_commit(g->w->writer));
	if (below(g, 3) == 0) /* the bus lets it through at once */
		bus_publish_user(g->w->bus, n), user_news_unref(n);
	else
		vec_push(&g->news, n);
}

/* Half of them forwards, half back. */
static void mark(struct game *g, int64_t c)
{
	int64_t read_id = (int64_t)below(g, 1000);
	set_marker(g->w, c, ME, read_id, ++g->time);
	vec_push(&g->news, marker_news(g->w, c, ME, read_id, g->time));
}

static void something_happens(struct game *g)
{
	int64_t c = 1 + (int64_t)below(g, (uint64_t)g->made);
	uint64_t dice = below(g, 10);
	if (below(g, 3) == 0) {
		set_key(g);
	} else if (dice == 0 && g->made < CHANNELS) {
		make_channel(g->w, ++g->made);
		run_sql(g->w,
				"UPDATE heads SET kind = 2 WHERE channel_id = %d; UPDATE channels SET name = NULL, name_key = "
				"NULL, dm_key = '7,%d' WHERE channel_id = %d",
				g->made, g->made + 100, g->made);
		join(g, g->made);
	} else if (!g->in[c]) {
		join(g, c);
	} else if (dice < 4 && c <= MADE) {
		kick(g, c);
	} else if (dice < 7) {
		set_level(g->w, c, ME, (int)below(g, 4));
		moved(g);
	} else {
		mark(g, c);
	}
}

/* ---- what is told of it: late, and in any order */

static void tell_one(struct game *g)
{
	bool event = g->events.n && (!g->news.n || below(g, 2));
	if (event) {
		size_t i = below(g, g->events.n);
		bus_publish(g->w->bus, &g->events.p[i], 1);
		event_unref(g->events.p[i]);
		vec_drop_swap(&g->events, i);
	} else if (g->news.n) {
		size_t i = below(g, g->news.n);
		bus_publish_user(g->w->bus, g->news.p[i]);
		user_news_unref(g->news.p[i]);
		vec_drop_swap(&g->news, i);
	}
}

static bool some_turns(void *arg)
{
	struct world *w = arg;
	return w->looks >= 1;
}

static void step(struct game *g)
{
	struct device *d = &g->devices[below(g, DEVICES)];
	uint64_t dice = below(g, 12);
	if (dice < 4)
		something_happens(g);
	else if (dice < 8)
		tell_one(g);
	else if (!d->client)
		come(g, d);
	else if (dice == 8)
		leave(g, d);
	else if (dice < 11)
		stop_or_go(g, d);
	else
		world_until(g->w, some_turns, g->w);
	for (int i = 0; i < DEVICES; i++) catch_up(&g->devices[i]);
}

/* ---- what it must come to */

static const struct sql SQL_LIST = { "SELECT m.channel_id, h.rev, m.joined_rev, m.level, m.read_id FROM members m JOIN "
									 "heads h ON h.channel_id = m.channel_id WHERE m.user_id = $1 AND m.left_rev IS "
									 "NULL",
									 NULL };

struct wanted {
	struct game *g;
	struct known list[CHANNELS + 1];
	struct key keys[KEYS];
};

static void read_list(struct wanted *x)
{
	struct db_rows rows;
	must(db_query(x->g->w->writer, &SQL_LIST, DB_ARGS(DB_I64(ME)), &rows));
	while (db_next(&rows))
		x->list[db_i64(&rows, 0)] =
			(struct known){ true, db_i64(&rows, 1), db_i64(&rows, 2), db_i64(&rows, 3), db_i64(&rows, 4) };
	must(db_end(&rows));
}

static bool same(const struct known *a, const struct known *b)
{
	return a->here == b->here && a->rev == b->rev && a->joined == b->joined && a->level == b->level &&
		   a->read_id == b->read_id;
}

static bool same_keys(const struct device *d, const struct key *keys)
{
	for (int k = 0; k < KEYS; k++)
		if (d->keys[k].rev != keys[k].rev || d->keys[k].value != keys[k].value) return false;
	return true;
}

static bool all_have_it(void *arg)
{
	struct wanted *x = arg;
	for (int i = 0; i < DEVICES; i++) {
		catch_up(&x->g->devices[i]);
		if (!same_keys(&x->g->devices[i], x->keys)) return false;
		for (int64_t c = 1; c <= CHANNELS; c++)
			if (!same(&x->g->devices[i].known[c], &x->list[c])) return false;
	}
	return true;
}

static void show(const struct wanted *x)
{
	for (int i = 0; i < DEVICES; i++) {
		for (int c = 0; c < KEYS; c++)
			print_error("seed %d, device %d, key %d: has %d at %d, wanted %d at %d\n", (int)x->g->seed, i, c,
						(int)x->g->devices[i].keys[c].value, (int)x->g->devices[i].keys[c].rev, (int)x->keys[c].value,
						(int)x->keys[c].rev);
		for (int64_t c = 1; c <= CHANNELS; c++) {
			const struct known *k = &x->g->devices[i].known[c], *l = &x->list[c];
			if (!same(k, l))
				print_error("seed %d, device %d, channel %d: has %d rev %d joined %d level %d read %d, not %d %d %d %d "
							"%d\n",
							(int)x->g->seed, i, (int)c, k->here, (int)k->rev, (int)k->joined, (int)k->level,
							(int)k->read_id, l->here, (int)l->rev, (int)l->joined, (int)l->level, (int)l->read_id);
		}
	}
}

static void settle(struct game *g)
{
	struct wanted x = { .g = g };
	while (g->events.n || g->news.n) tell_one(g);
	for (int i = 0; i < DEVICES; i++) {
		struct device *d = &g->devices[i];
		if (!d->client) come(g, d);
		if (d->stopped) stop_or_go(g, d);
	}
	read_list(&x);
	read_keys(g, x.keys);
	world_until(g->w, all_have_it, &x);
	if (!all_have_it(&x)) {
		show(&x);
		fail();
	}
}

static void play(struct game *g)
{
	g->w = world_make();
	g->w->config.list_pause_ms = (int)below(g, 4);
	make_person(g->w, ME);
	g->user_rev = 1;
	for (g->made = 0; g->made < MADE;) make_channel(g->w, ++g->made);
	world_start(g->w);
	for (int i = 0; i < STEPS; i++) step(g);
	settle(g);
	for (int i = 0; i < DEVICES; i++) leave(g, &g->devices[i]);
	world_end(g->w);
	vec_release(&g->news);
	vec_release(&g->events);
}

static void every_device_ends_with_the_list_of_the_database(void **state)
{
	const char *one = getenv("SEED");
	uint64_t from = one ? strtoull(one, NULL, 10) : 1, to = one ? from : SEEDS;
	for (uint64_t seed = from; seed <= to; seed++) {
		struct game *g = mem_new(struct game);
		g->seed = seed;
		random_seeded_init(&g->random, seed);
		for (int i = 0; i < DEVICES; i++) g->devices[i].game = g;
		play(g);
		mem_free(g);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_device_ends_with_the_list_of_the_database) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
