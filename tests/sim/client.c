#include "client.h"

#include <stdio.h>
#include <string.h>

#include "judge.h"
#include "page.h"

#define TICK_NS (150 * MS)
#define ANSWER_NS (2 * SECOND) /* then it is sent again */
#define TRIES_MS                                                                                                       \
	(26 * DAY_MS) /* then nothing is sent any more; what was on its way then, days later, is in time still */
#define DOUBT_NS (10 * SECOND) /* a final answer counts only when no earlier try was left unanswered for so long */

int64_t client_user(const struct client *k)
{
	return k->user_id;
}

/* ---- shelves */

static void shelf_forget(struct shelf *s)
{
	s->has = s->has_page = s->paging = false;
	s->low = s->page_rev = 0;
	s->page_gen++;
	vec_clear(&s->cache);
	vec_clear(&s->early);
}

/* The database may have forgotten what it had acknowledged. */
static void send_again(struct client *k, int slot, int64_t above)
{
	struct shelf *s = &k->shelves[slot];
	size_t kept = 0;
	for (size_t i = 0; i < s->acked.n; i++) {
		struct letter a = s->acked.p[i];
		if (a.rev <= above) {
			s->acked.p[kept++] = a;
			continue;
		}
		a = (struct letter){ .nonce = a.nonce, .root = a.root, .was = a.rev, .written_ms = a.written_ms };
		vec_push(&s->outbox, a);
	}
	s->acked.n = kept;
}

/* A channel's stream begins; its page is loaded. */
static void shelf_start(struct client *k, int slot, int64_t rev, int64_t at, const char *why)
{
	struct shelf *s = &k->shelves[slot];
	shelf_forget(s);
	s->has = true;
	s->rev = rev, s->at = at;
	s->epoch = k->epoch;
	trace(k->world, "c%d %s %lld at %lld", k->index, why, (long long)channel_at(slot), (long long)rev);
	send_again(k, slot, 0);
	page_load(k, slot);
}

/* ---- connecting */

static void connects(void *arg);

static void connect_later(struct client *k)
{
	world_at(k->world, world_between(k->world, 10 * MS, 400 * MS), connects, k);
}

static void hello(struct client *k)
{
	struct cursor cursors[CHANNELS];
	struct hello h = { .cursors = cursors, .epoch = k->epoch, .user_rev = k->user_rev };
	for (int slot = 0; slot < CHANNELS; slot++) {
		struct shelf *s = &k->shelves[slot];
		if (!s->has) continue;
		/* a page of a later moment than the cursor: no comparison of the cursor's time could tell that it is of a
		 * history that has ended */
		if (s->page_rev > s->rev) {
			shelf_forget(s);
			continue;
		}
		cursors[h.n++] = (struct cursor){ channel_at(slot), s->rev, s->at };
		trace(k->world, "c%d hello %lld from %lld", k->index, (long long)channel_at(slot), (long long)s->rev);
	}
	link_hello(k->link, &h);
}

static void connects(void *arg)
{
	struct client *k = arg;
	if (k->world->over || k->link) return;
	struct sim_pod *p = pod_any(k->world);
	if (!p) {
		connect_later(k);
		return;
	}
	trace(k->world, "c%d connects to %s", k->index, p->name);
	k->ready = false;
	k->link = link_open(k, p);
	if (k->slow) link_pause(k->link, true);
	hello(k);
}

void client_lost(struct client *k, struct link *l)
{
	if (k->link != l) return;
	trace(k->world, "c%d has lost its connection", k->index);
	k->link = NULL;
	k->ready = false;
	for (int slot = 0; slot < CHANNELS; slot++) {
		struct shelf *s = &k->shelves[slot];
		for (size_t i = 0; i < s->outbox.n; i++)
			if (s->outbox.p[i].waiting) s->outbox.p[i].waiting = false, s->outbox.p[i].doubt_ns = k->world->now_ns;
	}
	connect_later(k);
}

void client_cut(struct client *k)
{
	struct link *l = k->link;
	if (!l) return;
	link_cut(l, world_between(k->world, 0, 3 * SECOND));
	client_lost(k, l);
}

void client_slow(struct client *k, bool slow)
{
	k->slow = slow;
	if (k->link) link_pause(k->link, slow);
}

/* ---- the outbox */

/* The root of a reply, whose id may be another one since: what it was is known by its nonce. NULL: it is not here. */
static const struct held *root_of(const struct shelf *s, const struct letter *e)
{
	for (size_t i = 0; i < s->cache.n; i++)
		if (s->cache.p[i].nonce == e->root && !s->cache.p[i].deleted) return &s->cache.p[i];
	return NULL;
}

static void letter_send(struct client *k, int slot, struct letter *e, const struct held *root)
{
	struct request r = { .kind = CHANGE_MESSAGE, .channel_id = channel_at(slot), .number = e->nonce };
	if (root) {
		r.thread_id = root->message_id;
		r.in_channel = e->nonce % 3 == 0;
		r.epoch = k->shelves[slot].epoch;
	}
	snprintf(r.text, sizeof r.text, "m%lld", (long long)e->nonce);
	if (e->waiting) e->doubt_ns = k->world->now_ns;
	e->sent_ns = k->world->now_ns;
	e->waiting = true;
	e->tries++;
	link_request(k->link, &r);
}

/* A reply whose root is gone has failed; one that was acknowledged stays so, in the same history. */
static void give_up_replies(const struct client *k, struct shelf *s)
{
	size_t n = 0;
	for (size_t i = 0; i < s->outbox.n; i++) {
		struct letter e = s->outbox.p[i];
		if (!e.root || e.waiting || root_of(s, &e)) {
			s->outbox.p[n++] = e;
		} else if (e.was && !k->world->counts.went_back) {
			e.rev = e.was;
			vec_push(&s->acked, e);
		} else {
			vec_push(&s->refused, e.nonce);
		}
	}
	s->outbox.n = n;
}

/* The server knows their nonces no longer than so. */
static void give_up_old(const struct client *k, struct shelf *s)
{
	int64_t oldest_ms = clock_wall_ms(&k->world->clock) - TRIES_MS;
	size_t n = 0;
	for (size_t i = 0; i < s->outbox.n; i++) {
		const struct letter e = s->outbox.p[i];
		if (e.waiting || e.written_ms >= oldest_ms)
			s->outbox.p[n++] = e;
		else
			vec_push(&s->refused, e.nonce);
	}
	s->outbox.n = n;
}

static void send_some(struct client *k, int slot)
{
	struct shelf *s = &k->shelves[slot];
	give_up_old(k, s);
	if (s->has_page) give_up_replies(k, s);
	int64_t now = k->world->now_ns;
	for (size_t i = 0; i < s->outbox.n && (int)i < k->pipeline; i++) {
		struct letter *e = &s->outbox.p[i];
		bool due = e->waiting ? now - e->sent_ns > ANSWER_NS : now >= e->again_ns;
		const struct held *root = due && e->root ? root_of(s, e) : NULL;
		if (due && (root || !e->root)) letter_send(k, slot, e, root); /* else it is being loaded, or will be given up */
	}
}

static void ticks(void *arg)
{
	struct client *k = arg;
	if (k->world->over) return;
	for (int slot = 0; slot < CHANNELS && k->ready; slot++) send_some(k, slot);
	world_at(k->world, TICK_NS, ticks, k);
}

static bool is_final(enum err e)
{
	int status = err_row(e)->status;
	return status == 400 || status == 403 || status == 404 || status == 409 || status == 413 || status == 422;
}

static void answer(struct client *k, const struct wire *h)
{
	int slot = channel_slot(h->channel_id);
	struct shelf *s = &k->shelves[slot];
	size_t i = 0;
	if (h->kind != CHANGE_MESSAGE) return;
	while (i < s->outbox.n && s->outbox.p[i].nonce != h->number) i++;
	if (i == s->outbox.n) return;
	struct letter e = s->outbox.p[i];
	enum err err = (enum err)h->err;
	trace(k->world, "c%d answer m%lld %s r%lld", k->index, (long long)e.nonce, err ? err_row(err)->code : "ok",
		  (long long)h->rev);
	if (err && (!is_final(err) || (e.doubt_ns && k->world->now_ns - e.doubt_ns < DOUBT_NS))) {
		s->outbox.p[i].waiting = false;
		s->outbox.p[i].again_ns = is_final(err) ? e.doubt_ns + DOUBT_NS : k->world->now_ns + SECOND / 2;
		return;
	}
	for (size_t j = i + 1; j < s->outbox.n; j++) s->outbox.p[j - 1] = s->outbox.p[j];
	s->outbox.n--;
	if (err) {
		vec_push(&s->refused, e.nonce);
		return;
	}
	e.rev = h->rev;
	vec_push(&s->acked, e);
	k->world->counts.acknowledged++;
}

/* ---- frames */

static int64_t number_after(const char *p, const char *key)
{
	const char *at = strstr(p, key);
	return at ? strtoll(at + strlen(key), NULL, 10) : 0;
}

/* The message of an event, as its JSON has it. */
static bool message_in(const char *payload, size_t n, struct held *m)
{
	char text[1024];
	if (n >= sizeof text) n = sizeof text - 1;
	memcpy(text, payload, n);
	text[n] = 0;
	const char *p = strstr(text, "\"message\":{"), *nonce, *body;
	*m = (struct held){ 0 };
	if (!p) return false;
	m->message_id = number_after(p, "\"message_id\":");
	m->rev = number_after(p, "\"rev\":");
	m->changed_rev = number_after(p, "\"changed_rev\":");
	m->author_id = number_after(p, "\"author_id\":");
	m->deleted = strstr(p, "\"deleted_at\":") != NULL;
	nonce = strstr(p, "\"nonce\":\"");
	m->nonce = nonce ? strtoll(nonce + 9, NULL, 16) : 0;
	body = strstr(p, "\"body\":\"");
	if (body) {
		body += 8;
		size_t len = strcspn(body, "\"");
		memcpy(m->body, body, len < BODY_TEXT ? len : BODY_TEXT - 1);
	}
	m->pinned = strstr(p, "\"pinned\":true") != NULL;
	m->thread_id = number_after(p, "\"thread_id\":");
	const char *thread = m->thread_id ? NULL : strstr(p, "\"thread\":");
	if (thread) thread_text(thread, m->thread);
	held_reactions(m, p);
	return true;
}

static void value_in(const char *payload, size_t n, const char *key, char value[VALUE_TEXT])
{
	const char *p = memmem(payload, n, key, strlen(key));
	if (!p) abort();
	n -= (size_t)(p - payload);
	memcpy(value, p, n < VALUE_TEXT ? n : VALUE_TEXT - 1);
}

/* Of a reply that was sent or deleted: what its root's thread is by it, told of the root. */
static void root_in(const char *payload, size_t n, struct early *e)
{
	static const char key[] = "\"root\":{";
	const char *root = memmem(payload, n, key, sizeof key - 1);
	char text[VALUE_TEXT + 64] = "";
	if (!root) return;
	n -= (size_t)(root - payload);
	memcpy(text, root, n < sizeof text ? n : sizeof text - 1);
	e->message_id = number_after(text, "\"message_id\":");
	value_in(text, strlen(text), "\"thread\":", e->value);
}

/* What is not kept any more goes here too. */
static void shelf_retain(struct shelf *s, const char *payload, size_t n)
{
	char text[512];
	if (n >= sizeof text) n = sizeof text - 1;
	memcpy(text, payload, n);
	text[n] = 0;
	int64_t min_rev = number_after(text, "\"min_rev\":");
	for (size_t i = s->cache.n; i-- > 0;)
		if (s->cache.p[i].rev <= min_rev) vec_drop_swap(&s->cache, i);
}

static void event(struct client *k, const struct wire *h, const char *payload, size_t n)
{
	int slot = channel_slot(h->channel_id);
	struct shelf *s = &k->shelves[slot];
	struct held m;
	bool carries = message_in(payload, n, &m), is_new = h->kind == CHANGE_MESSAGE;
	trace(k->world, "c%d sees %lld-r%lld %s %s", k->index, (long long)h->channel_id, (long long)h->rev,
		  change_row((enum change_kind)h->kind)->kind, carries ? m.body : "");
	judge_saw(k->world->judge, k, h, carries ? &m : NULL);
	if (!s->has) {
		fault(k->world, "event without a beginning: c%d %lld-r%lld", k->index, (long long)h->channel_id,
			  (long long)h->rev);
		return;
	}
	if (h->rev != s->rev + 1)
		fault(k->world, "not the next: c%d %lld-r%lld, the cursor is %lld", k->index, (long long)h->channel_id,
			  (long long)h->rev, (long long)s->rev);
	s->rev = h->rev, s->at = h->at;
	if (h->kind == CHANGE_RETAIN) shelf_retain(s, payload, n);
	struct early e = { .held = m, .is_new = is_new, .rev = h->rev, .message_id = h->message_id };
	if (h->kind == CHANGE_REACTION) value_in(payload, n, "\"emoji\":", e.value);
	if (h->kind == CHANGE_PIN) value_in(payload, n, "\"pinned\":", e.value);
	if (h->message_id) shelf_told(k, slot, &e);
	struct early root = { .rev = h->rev };
	root_in(payload, n, &root);
	if (root.message_id) shelf_told(k, slot, &root);
}

static void ready(struct client *k, const struct wire *h, const char *payload)
{
	bool other = k->epoch && k->epoch != h->epoch;
	trace(k->world, "c%d ready, user_rev %lld%s", k->index, (long long)h->user_rev, other ? ", another epoch" : "");
	k->epoch = h->epoch;
	k->user_rev = h->user_rev;
	k->name = h->number;
	k->ready = true;
	for (int64_t i = 0; i < h->n_gone; i++) {
		int64_t id;
		memcpy(&id, payload + (size_t)h->n * sizeof(struct wire_row) + (size_t)i * sizeof id, sizeof id);
		shelf_forget(&k->shelves[channel_slot(id)]);
	}
	for (int64_t i = 0; i < h->n; i++) {
		struct wire_row row;
		memcpy(&row, payload + (size_t)i * sizeof row, sizeof row);
		int slot = channel_slot(row.channel_id);
		if (!k->shelves[slot].has) shelf_start(k, slot, row.rev, row.at, "starts");
	}
	/* what the stream has not shown yet cannot be vouched for by the cursor */
	for (int slot = 0; slot < CHANNELS; slot++) send_again(k, slot, other ? 0 : k->shelves[slot].rev);
}

void client_frame(struct client *k, struct link *l, const struct wire *h, const char *payload, size_t n)
{
	if (k->link != l) return;
	int slot = channel_slot(h->channel_id);
	switch ((enum wire_op)h->op) {
	case WIRE_READY: ready(k, h, payload); break;
	case WIRE_CHANNEL:
		k->user_rev = h->user_rev > k->user_rev ? h->user_rev : k->user_rev;
		if (!k->shelves[slot].has) shelf_start(k, slot, h->rev, h->at, "is in");
		break;
	case WIRE_GONE:
		trace(k->world, "c%d gone %lld", k->index, (long long)h->channel_id);
		shelf_forget(&k->shelves[slot]);
		break;
	case WIRE_SYNCED:
		k->shelves[slot].epoch = k->epoch;
		if (k->shelves[slot].has && k->shelves[slot].rev != h->rev)
			fault(k->world, "synced elsewhere: c%d %lld at %lld, the cursor is %lld", k->index,
				  (long long)h->channel_id, (long long)h->rev, (long long)k->shelves[slot].rev);
		break;
	case WIRE_RESET: shelf_start(k, slot, h->rev, h->at, "reset"); break;
	case WIRE_EVENT: event(k, h, payload, n); break;
	case WIRE_KICK:
		trace(k->world, "c%d is sent away: %s", k->index, err_row((enum err)h->err)->code);
		link_cut(l, world_between(k->world, 0, SECOND));
		client_lost(k, l);
		break;
	case WIRE_ME:
		if (h->user_rev <= k->user_rev)
			fault(k->world, "c%d is told of user_rev %lld after %lld", k->index, (long long)h->user_rev,
				  (long long)k->user_rev);
		k->user_rev = h->user_rev;
		k->name = h->number;
		break;
	case WIRE_DRAIN: break;
	case WIRE_ANSWER: answer(k, h); break;
	}
}

/* ---- the user */

/* One of the last, by no choice of the dice, whose plans stay what they are. 0: there is none. */
static int64_t a_root(const struct shelf *s, int64_t n)
{
	int64_t found = 0;
	for (size_t i = 0; i < s->cache.n; i++) {
		const struct held *m = &s->cache.p[i];
		if (!m->thread_id && !m->deleted && (!found || (n + (int64_t)i) % 3 == 0)) found = m->nonce;
	}
	return found;
}

void client_say(struct client *k, int64_t channel_id)
{
	struct shelf *s = &k->shelves[channel_slot(channel_id)];
	struct letter e = { .nonce = ++k->world->next_nonce, .written_ms = clock_wall_ms(&k->world->clock) };
	if (e.nonce % 4 == 0) e.root = a_root(s, e.nonce);
	vec_push(&s->outbox, e);
	vec_push(&s->written, e.nonce);
}

void client_command(struct client *k, enum change_kind kind, int64_t channel_id, int64_t user_id)
{
	struct request r = { .kind = kind, .channel_id = channel_id, .user_id = user_id, .number = ++k->world->next_nonce };
	if (!k->ready) return;
	snprintf(r.text, sizeof r.text, "x%lld", (long long)r.number);
	link_request(k->link, &r);
}

bool client_moderate(struct client *k, struct request *r)
{
	if (!k->ready) return false;
	r->number = ++k->world->next_nonce;
	snprintf(r->text, sizeof r->text, "x%lld", (long long)r->number);
	link_request(k->link, r);
	return true;
}

void client_edit(struct client *k, int64_t channel_id, bool removes)
{
	struct shelf *s = &k->shelves[channel_slot(channel_id)];
	VEC(const struct held *) own = { 0 };
	for (size_t i = 0; i < s->cache.n; i++)
		if (s->cache.p[i].author_id == k->user_id && !s->cache.p[i].deleted) vec_push(&own, &s->cache.p[i]);
	if (own.n && k->ready) {
		const struct held *m = own.p[world_pick(k->world, own.n)];
		struct request r = { .kind = removes ? CHANGE_DELETE : CHANGE_EDIT,
							 .channel_id = channel_id,
							 .message_id = m->message_id,
							 .number = ++k->world->next_nonce,
							 .epoch = s->epoch };
		snprintf(r.text, sizeof r.text, "m%lld/e%lld", (long long)m->nonce, (long long)r.number);
		link_request(k->link, &r);
	}
	vec_release(&own);
}

static void mark(struct client *k, enum change_kind kind, int64_t channel_id, bool on)
{
	struct shelf *s = &k->shelves[channel_slot(channel_id)];
	if (!s->cache.n || !k->ready) return;
	struct request r = { .kind = kind,
						 .channel_id = channel_id,
						 .message_id = s->cache.p[world_pick(k->world, s->cache.n)].message_id,
						 .number = ++k->world->next_nonce,
						 .epoch = s->epoch,
						 .on = on };
	if (kind == CHANGE_REACTION) r.text[0] = (char)('a' + world_pick(k->world, 3));
	link_request(k->link, &r);
}

/* Gives one of three, or takes it back. */
void client_react(struct client *k, int64_t channel_id, bool on)
{
	mark(k, CHANGE_REACTION, channel_id, on);
}

void client_pin(struct client *k, int64_t channel_id, bool on)
{
	mark(k, CHANGE_PIN, channel_id, on);
}

/* ---- life */

struct client *client_create(struct world *w, int index, int64_t user_id)
{
	struct client *k = mem_new(struct client);
	k->world = w;
	k->index = index;
	k->user_id = user_id;
	k->pipeline = world_chance(w, 0.3) ? 3 : 1;
	connect_later(k);
	world_at(w, world_between(w, 0, TICK_NS), ticks, k);
	return k;
}

void client_free(struct client *k)
{
	for (int slot = 0; slot < CHANNELS; slot++) {
		struct shelf *s = &k->shelves[slot];
		vec_release(&s->cache);
		vec_release(&s->early);
		vec_release(&s->outbox);
		vec_release(&s->acked);
		vec_release(&s->written);
		vec_release(&s->refused);
	}
	mem_free(k);
}
