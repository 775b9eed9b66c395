#include "app/append_queue.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MOST 16

struct bench {
	struct append_queue q;
	struct change c[64];
	int n;
	struct change *room[MOST];
	struct append_pick p;
};

static const struct channel_create creation;
static const struct send to_channel, to_thread = { .thread_id = 1 };

static int setup(void **state)
{
	struct bench *b = mem_new(struct bench);
	append_queue_init(&b->q);
	b->p.changes = b->room;
	b->p.most = MOST;
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;
	append_queue_release(&b->q);
	mem_free(b);
	return 0;
}

static struct change *put(struct bench *b, enum change_kind kind, int64_t ch)
{
	struct change *c = &b->c[b->n++];
	c->kind = kind, c->channel_id = ch, c->bytes = 10, c->queued_ns = b->n;
	if (kind == CHANGE_MESSAGE) c->send = &to_channel;
	append_queue_add(&b->q, c);
	return c;
}

/* The numbers of the changes chosen, as one decimal: 124 means the first, second and fourth. */
static int pick(struct bench *b)
{
	int v = 0;
	append_queue_pick(&b->q, &b->p);
	for (size_t i = 0; i < b->p.n; i++) v = v * 10 + (int)(b->p.changes[i] - b->c) + 1;
	return v;
}

static void sends_of_many_channels(void **state)
{
	struct bench *b = *state;
	for (int i = 0; i < 5; i++) put(b, CHANGE_MESSAGE, i % 2);
	assert_int_equal(b->q.bytes, 50);
	assert_int_equal(pick(b), 12345);
	assert_true(b->p.sends);
	assert_false(b->p.alone);
	assert_int_equal(b->q.bytes, 0);
	assert_int_equal(pick(b), 0);
}

/* Replies go with what changes a message. */
static void replies(void **state)
{
	struct bench *b = *state;
	put(b, CHANGE_EDIT, 1);
	put(b, CHANGE_MESSAGE, 1)->send = &to_thread;
	put(b, CHANGE_MESSAGE, 1);
	put(b, CHANGE_MESSAGE, 2)->send = &to_thread;
	put(b, CHANGE_MESSAGE, 1)->send = &to_thread;
	assert_int_equal(pick(b), 124);
	assert_false(b->p.sends);
	assert_int_equal(pick(b), 3);
	assert_true(b->p.sends);
	assert_int_equal(pick(b), 5);
}

/* A batch is of one sort, and what stands behind another sort in its channel waits with it. */
static void runs(void **state)
{
	struct bench *b = *state;
	put(b, CHANGE_MESSAGE, 1), put(b, CHANGE_EDIT, 1), put(b, CHANGE_MESSAGE, 1), put(b, CHANGE_KICK, 2),
		put(b, CHANGE_MESSAGE, 2);
	put(b, CHANGE_MESSAGE, 3);
	assert_int_equal(pick(b), 16);
	assert_int_equal(pick(b), 24);
	assert_false(b->p.sends);
	assert_int_equal(pick(b), 35);
}

static void names_go_alone(void **state)
{
	struct bench *b = *state;
	put(b, CHANGE_MESSAGE, 1);
	put(b, CHANGE_CHANNEL, 0)->create = &creation;
	put(b, CHANGE_CHANNEL, 0)->create = &creation;
	put(b, CHANGE_CHANNEL, 1)->text_key = STR("name");
	put(b, CHANGE_MESSAGE, 1);
	put(b, CHANGE_MESSAGE, 0);
	assert_int_equal(pick(b), 16);
	assert_int_equal(pick(b), 2);
	assert_true(b->p.alone);
	assert_int_equal(pick(b), 3);
	assert_int_equal(pick(b), 4);
	assert_int_equal(pick(b), 5);
	assert_int_equal(pick(b), 0);
}

static void patient_ones_go_alone(void **state)
{
	struct bench *b = *state;
	put(b, CHANGE_MESSAGE, 1);
	put(b, CHANGE_MESSAGE, 2)->skips = APPEND_SKIPS;
	put(b, CHANGE_MESSAGE, 1);
	put(b, CHANGE_MESSAGE, 2);
	assert_int_equal(pick(b), 13);
	assert_false(b->p.alone);
	put(b, CHANGE_MESSAGE, 3);
	assert_int_equal(pick(b), 24);
	assert_true(b->p.alone);
	assert_int_equal(pick(b), 5);
}

static void most(void **state)
{
	struct bench *b = *state;
	for (int i = 0; i < MOST + 2; i++) put(b, CHANGE_MESSAGE, 1);
	append_queue_pick(&b->q, &b->p);
	assert_int_equal(b->p.n, MOST);
	append_queue_pick(&b->q, &b->p);
	assert_int_equal(b->p.n, 2);
}

static void returns(void **state)
{
	struct bench *b = *state;
	struct change_list back;
	change_list_init(&back);
	for (int i = 0; i < 3; i++) put(b, CHANGE_MESSAGE, 1);
	append_queue_pick(&b->q, &b->p);
	change_list_add(&back, b->p.changes[1]);
	change_list_add(&back, b->p.changes[2]);
	put(b, CHANGE_MESSAGE, 1);
	append_queue_return(&b->q, &back);
	assert_int_equal(back.n, 0);
	assert_int_equal(b->q.bytes, 30);
	assert_int_equal(pick(b), 234);
	change_list_add(&back, b->p.changes[0]);
	append_queue_return(&b->q, &back); /* into an empty one */
	put(b, CHANGE_MESSAGE, 1);
	assert_int_equal(pick(b), 25);
}

static void late(void **state)
{
	struct bench *b = *state;
	struct change_list out;
	change_list_init(&out);
	for (int i = 0; i < 5; i++) put(b, CHANGE_MESSAGE, 1); /* arrived at 1 to 5 */
	const _Atomic bool no = false, yes = true;
	b->c[2].gone = &no, b->c[3].gone = &yes;
	append_queue_drop_late(&b->q, 12, 10, &out);
	assert_int_equal(out.n, 2);
	assert_ptr_equal(change_list_take(&out), &b->c[0]);
	assert_ptr_equal(change_list_take(&out), &b->c[3]);
	assert_null(change_list_take(&out));
	assert_int_equal(b->q.bytes, 30);
	put(b, CHANGE_MESSAGE, 1);
	assert_int_equal(pick(b), 2356);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = { T(sends_of_many_channels), T(runs), T(replies), T(names_go_alone),
										T(patient_ones_go_alone),  T(most), T(returns), T(late) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
