/* Members of a group follow each other in the file of tokens, its writer first. Who comes back when is drawn by a
 * stride, so that groups and pods are mixed. */
#include "comeback.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "base/map.h"
#include "base/mem.h"
#include "crowd.h"
#include "database.h"
#include "measure.h"
#include "pods.h"
#include "result.h"
#include "wire.h"

#define OPENING_MOST 128 /* at the start; coming back nobody waits for others */
#define LIMIT_MS 120000
#define SETTLE_MS 20000

struct comeback {
	const struct options *o;
	struct members members;
	struct crowd crowd;
	struct pods pods;
	struct database database;
	size_t writers, readers, group; /* group: how many, its writer too */
	struct person **order;          /* readers, as they come back */
	struct id_map heads;            /* of channel: int64_t *, the highest acknowledged rev */
	int64_t paced_ns;
	uint64_t due, next_writer;
};

/* ---- writing */
static void acked(void *arg, int64_t channel_id, int64_t rev, int64_t ref)
{
	struct comeback *b = arg;
	int64_t *head = id_map_get(&b->heads, channel_id);
	if (!head) {
		head = mem_new(int64_t);
		id_map_put(&b->heads, channel_id, head);
	}
	if (rev > *head) *head = rev;
}

/* The next writer, in the next of its channels; nobody writes to channel 0. */
static void write_one(struct comeback *b)
{
	struct person *p = &b->crowd.all[b->next_writer % b->writers * b->group];
	size_t place = 1 + b->next_writer / b->writers % (p->n_places - 1);
	b->next_writer++;
	person_send(&b->crowd, p, p->places[place].channel_id, (int64_t)b->next_writer, (size_t)b->o->payload);
}

static void write_due(struct comeback *b)
{
	uint64_t due = (uint64_t)((double)(now_ns() - b->paced_ns) * (double)b->o->rate / 1e9);
	for (; b->due < due; b->due++) write_one(b);
}

static void writing_turn(struct comeback *b)
{
	crowd_turn(&b->crowd, 1);
	write_due(b);
}

/* ---- opening */
static void open_all(struct comeback *b)
{
	struct crowd *c = &b->crowd;
	for (size_t i = 0; i < c->n; i++) {
		bool writes = i % b->group == 0;
		size_t pod = writes ? 1 + i / b->group % (b->pods.n - 1) : 0;
		while (c->opening >= OPENING_MOST) crowd_turn(c, 20000);
		crowd_open(c, &c->all[i], b->pods.all[pod].port);
		if (!writes) b->order[b->readers++] = &c->all[i];
	}
	while (c->opening) crowd_turn(c, 20000);
}

static void order_mix(struct comeback *b)
{
	struct person **mixed = mem_alloc(b->readers * sizeof *mixed);
	size_t stride = 7919; /* a prime */
	while (b->readers % stride == 0) stride += 2;
	for (size_t i = 0; i < b->readers; i++) mixed[i] = b->order[i * stride % b->readers];
	mem_free(b->order);
	b->order = mixed;
}

/* ---- samples */
struct sample {
	struct usage usage;
	struct statements reads;
	uint64_t events;
};
static struct sample sample_take(struct comeback *b, const struct pods *pods)
{
	return (struct sample){ usage_take(b->o, pods, pods), database_statements(&b->database, READS, READS_BUT),
							b->crowd.events };
}

static double seconds(int64_t from_ns, int64_t to_ns)
{
	return (double)(to_ns - from_ns) / 1e9;
}

static void print_sample(struct result *r, const struct sample *a, const struct sample *z)
{
	struct statements reads = statements_since(a->reads, z->reads);
	uint64_t events = z->events - a->events;
	double wall = seconds(a->usage.at_ns, z->usage.at_ns), self = seconds(a->usage.self_ns, z->usage.self_ns);
	result_real(r, "seconds", wall);
	result_int(r, "deliveries", (int64_t)events);
	result_int(r, "reads", reads.calls);
	result_int(r, "read_rows", reads.rows);
	result_real(r, "read_ms", (double)reads.us / 1e3);
	result_real(r, "reads_per_delivery", events ? (double)reads.calls / (double)events : 0);
	result_real(r, "server_cpu_s", seconds(a->usage.pods_ns, z->usage.pods_ns));
	result_real(r, "database_cpu_s", seconds(a->usage.database_ns, z->usage.database_ns));
	result_real(r, "redis_cpu_s", seconds(a->usage.redis_ns, z->usage.redis_ns));
	result_real(r, "reader_cores", self / wall);
}

/* ---- peace */
static void peace(struct comeback *b)
{
	struct result r;
	b->paced_ns = now_ns();
	while (now_ns() < b->paced_ns + b->o->warm_ms * 1000000) writing_turn(b);
	struct sample a = sample_take(b, &b->pods);
	while (now_ns() < a.usage.at_ns + b->o->measure_ms * 1000000) writing_turn(b);
	struct sample z = sample_take(b, &b->pods);
	result_open(&r, "reads", "reads/peace");
	result_int(&r, "clients", (int64_t)b->readers);
	print_sample(&r, &a, &z);
	result_close(&r);
}

/* ---- the death */
static int64_t peak_of(const struct pods *pods)
{
	int64_t most = 0, bytes;
	for (size_t i = 0; i < pods->n; i++)
		if (peak_bytes(pods->all[i].pid, &bytes) && bytes > most) most = bytes;
	return most;
}

/* From the kill to the last one's `ready`, and until the last one has caught up with all streams. */
struct back {
	int64_t ready_ns, synced_ns;
};
static struct back come_back(struct comeback *b, int64_t killed_ns)
{
	struct crowd *c = &b->crowd;
	struct back at = { 0 };
	double every_ns = (double)b->o->within_ms * 1e6 / (double)b->readers;
	for (size_t next = 0; !at.synced_ns;) {
		int64_t now = now_ns();
		for (; next < b->readers && b->order[next]->state == PERSON_AWAY &&
			   now >= killed_ns + (int64_t)(every_ns * (double)(next + 1));
			 next++)
			crowd_open(c, b->order[next], b->pods.all[1 + next % (b->pods.n - 1)].port);
		writing_turn(b);
		now = now_ns();
		if (next == b->readers && c->ready == c->n && !at.ready_ns) at.ready_ns = now;
		if (next == b->readers && c->synced == c->n) at.synced_ns = now;
		if (now > killed_ns + LIMIT_MS * INT64_C(1000000))
			fail("after %d s %zu of %zu are ready, %zu have caught up", LIMIT_MS / 1000, c->ready, c->n, c->synced);
	}
	return at;
}

/* The first place of anybody that is not where the channel is; NULL: there is none. */
static const struct place *place_behind(const struct comeback *b, size_t *who)
{
	for (*who = 0; *who < b->crowd.n; ++*who) {
		const struct person *p = &b->crowd.all[*who];
		for (size_t k = 0; k < p->n_places; k++) {
			const int64_t *head = id_map_get(&b->heads, p->places[k].channel_id);
			if (head && p->places[k].rev != *head) return &p->places[k];
		}
	}
	return NULL;
}

/* Until every send is acknowledged and everybody has everything. */
static void settle(struct comeback *b)
{
	struct crowd *c = &b->crowd;
	int64_t end = now_ns() + SETTLE_MS * INT64_C(1000000);
	const struct place *behind = NULL;
	size_t who = 0;
	while (c->acked < c->asked || (behind = place_behind(b, &who))) {
		crowd_turn(c, 100);
		if (now_ns() <= end) continue;
		if (c->acked < c->asked) fail("of %" PRIu64 " sends %" PRIu64 " were acknowledged", c->asked, c->acked);
		fail("person %zu is at rev %" PRId64 " of channel %" PRId64 " instead of %" PRId64, who, behind->rev,
			 behind->channel_id, *(int64_t *)id_map_get(&b->heads, behind->channel_id));
	}
}

static void death(struct comeback *b)
{
	struct pods left = { .n = b->pods.n - 1 };
	struct result r;
	for (size_t i = 0; i < left.n; i++) {
		left.all[i] = b->pods.all[i + 1];
		if (!peak_reset(left.all[i].pid)) fail("pod %d has gone", (int)left.all[i].pid);
	}
	int64_t before = peak_of(&left);
	hist_reset(&b->crowd.to_ready), hist_reset(&b->crowd.to_synced);
	struct sample a = sample_take(b, &left);
	b->crowd.lost_port = b->pods.all[0].port;
	if (kill(b->pods.all[0].pid, SIGKILL)) fail("the pod to be killed has gone");
	int64_t killed_ns = now_ns();
	struct back back = come_back(b, killed_ns);
	struct sample z = sample_take(b, &left);
	settle(b);
	result_open(&r, "reads", "reads/death");
	result_int(&r, "clients", (int64_t)b->readers);
	result_int(&r, "client_channels", (int64_t)b->order[0]->n_places);
	result_int(&r, "channels", (int64_t)b->heads.n);
	result_real(&r, "ready_ms", seconds(killed_ns, back.ready_ns) * 1e3);
	result_real(&r, "synced_ms", seconds(killed_ns, back.synced_ns) * 1e3);
	result_real(&r, "ready_p50_ms", (double)hist_at(&b->crowd.to_ready, 0.5) / 1e6);
	result_real(&r, "ready_p99_ms", (double)hist_at(&b->crowd.to_ready, 0.99) / 1e6);
	result_real(&r, "synced_p99_ms", (double)hist_at(&b->crowd.to_synced, 0.99) / 1e6);
	print_sample(&r, &a, &z);
	result_real(&r, "before_mb", (double)before / 1e6);
	result_real(&r, "peak_mb", (double)peak_of(&left) / 1e6);
	result_close(&r);
}

void comeback_run(const struct options *o)
{
	struct comeback b = { .o = o, .writers = (size_t)o->groups };
	struct id_slot slot;
	size_t n = (size_t)(o->connections + o->groups);
	pods_read(&b.pods, o->at, o);
	if (b.pods.n < 2) fail("--at wants two pods at least");
	if (n % b.writers) fail("--connections wants a multiple of --groups");
	b.group = n / b.writers;
	b.order = mem_alloc(n * sizeof *b.order);
	members_read(&b.members, o->tokens, 0, n);
	database_open(&b.database, o->database_url);
	crowd_init(&b.crowd, b.members.tokens, n);
	b.crowd.ack = acked, b.crowd.arg = &b;
	open_all(&b);
	order_mix(&b);
	peace(&b);
	death(&b);
	for (size_t i = 0; id_map_next(&b.heads, &i, &slot);) mem_free(slot.value);
	id_map_release(&b.heads);
	crowd_release(&b.crowd);
	database_close(&b.database);
	members_release(&b.members);
	mem_free(b.order);
}
