/* A WebSocket's end when its reader is too slow, on a hub that is turned by hand. */
#include "edge/ws_gate.h"

#include "../hub/hand.h"
#include "app/append.h"
#include "proto/ws.h"

#define WINDOW 4096 /* what the socket takes of what its reader has not read */

struct browser {
	struct conn *near, *far; /* the server's end, and its own */
	struct ws_parser parser;
	struct pod pod;
	int events, messages, close_code, closed;
	char reason[128], last[1024]; /* last: message */
};

static void shown(struct browser *b, enum ws_event e, enum ws_opcode op, struct str payload)
{
	if (e == WS_MESSAGE) {
		b->messages++;
		snprintf(b->last, sizeof b->last, STR_FMT, STR_ARG(payload));
	}
	if (e != WS_CONTROL || op != WS_CLOSE) return;
	struct str reason;
	assert_true(ws_close_parse(payload, &b->close_code, &reason));
	snprintf(b->reason, sizeof b->reason, STR_FMT, STR_ARG(reason));
}

static void browser_data(struct conn *c, const char *p, size_t n)
{
	struct browser *b = conn_data(c);
	char *data = (char *)p;
	while (n) {
		size_t used = 0;
		enum ws_opcode op;
		struct str payload;
		enum ws_event e = ws_parser_feed(&b->parser, NULL, data, n, &used, &op, &payload);
		assert_int_not_equal(e, WS_FAILED);
		data += used, n -= used;
		shown(b, e, op, payload);
	}
}

static void browser_closed(struct conn *c, enum conn_end why)
{
	struct browser *b = conn_data(c);
	b->closed++;
	b->far = NULL;
}

static const struct conn_handler browser_handler = { .data = browser_data, .closed = browser_closed };

static void browser_send(struct browser *b, enum ws_opcode op, const char *text)
{
	struct buf frame;
	buf_init(&frame);
	ws_frame_add_masked(&frame, op, str_of(text), (const uint8_t *)"mask");
	conn_write_copy(b->far, frame.p, frame.n);
	buf_release(&frame);
}

static void browser_open_in(struct hand *h, struct browser *b, const char *session_id)
{
	struct conn *ends[2];
	struct world *w = h->w;
	*b = (struct browser){ .pod = { .config = &w->config, .metrics = w->metrics, .hub = w->hub, .epoch = w->epoch } };
	struct actor me = { .user_id = ME, .scopes = SCOPE_ALL };
	memcpy(me.session_id, session_id, strlen(session_id));
	conn_pair(w->r[0], ends);
	b->near = ends[0], b->far = ends[1];
	conn_pair_window(b->far, WINDOW);
	ws_parser_init(&b->parser, true, false, 1 << 20);
	conn_setup(b->far, &browser_handler, b, NULL);
	ws_open(&b->pod, b->near, &me, false, STR(""), OK);
	browser_send(b, WS_TEXT, "{\"op\":\"hello\"}");
	hand_pass(h, 2);
	assert_int_equal(b->messages, 1); /* ready */
}

static void browser_open(struct hand *h, struct browser *b)
{
	browser_open_in(h, b, "");
}

static void browser_release(struct browser *b)
{
	ws_parser_release(&b->parser);
}

static int setup(void **state)
{
	struct hand *h = hand_make();
	make_person(h->w, ME);
	make_channel(h->w, 1);
	h->w->dialects = ws_dialects;
	h->w->config.conn_soft = 8192;
	h->w->config.conn_hard = 16384;
	*state = h;
	return 0;
}

static int teardown(void **state)
{
	hand_end(*state);
	return 0;
}

/* Answers to what it asks are not held back like events: they come to the hard limit. */
static void ask_too_much(struct browser *b)
{
	char ping[120];
	memset(ping, 'p', sizeof ping - 1);
	ping[sizeof ping - 1] = 0;
	for (int i = 0; i < 250; i++) browser_send(b, WS_PING, ping);
}

static void past_the_hard_limit_it_is_told_to_resume(void **state)
{
	struct hand *h = *state;
	struct browser b;
	hand_start(h);
	browser_open(h, &b);
	conn_pause(b.far);
	ask_too_much(&b);
	hand_pass(h, 2);
	assert_int_equal(hub_sessions(h->w->hub), 0); /* nothing more is delivered to it */
	assert_int_equal(b.closed, 0);
	conn_resume(b.far);
	hand_pass(h, 20);
	assert_int_equal(b.close_code, 4008);
	assert_string_equal(b.reason, "slow_reader");
	assert_int_equal(b.closed, 1);
	assert_int_equal(metric_total(h->w->metrics, METRIC_WS_SLOW_TOLD), 1);
	assert_int_equal(metric_total(h->w->metrics, METRIC_WS_SLOW_CUT), 0);
	browser_release(&b);
}

static void who_does_not_take_even_that_is_cut(void **state)
{
	struct hand *h = *state;
	struct browser b;
	hand_start(h);
	browser_open(h, &b);
	conn_pause(b.far);
	ask_too_much(&b);
	hand_pass(h, 2);
	hand_skip(h, 10100);
	assert_int_equal(metric_total(h->w->metrics, METRIC_WS_SLOW_CUT), 1);
	conn_close(b.far);
	hand_pass(h, 2);
	assert_int_equal(b.closed, 1);
	assert_int_equal(metric_total(h->w->metrics, METRIC_WS_SLOW_TOLD), 0);
	browser_release(&b);
}

/* A reader that reads nothing at all is parked first; the stall ends it, with the same code. */
static void one_that_stalls_is_told_to_resume(void **state)
{
	struct hand *h = *state;
	struct browser b;
	h->w->config.heartbeat_ms = 600000;
	hand_start(h);
	join_channel(h->w, 1, ME);
	browser_open(h, &b);
	conn_pause(b.far);
	for (int i = 0; i < 300; i++) {
		say_changes(h->w, 1, 1);
		hand_turn(h);
	}
	assert_int_equal(metric_total(h->w->metrics, METRIC_HUB_PARKED), 1);
	hand_skip(h, h->w->config.write_stall_s * 1000 - 1000);
	assert_int_equal(hub_sessions(h->w->hub), 1);
	hand_skip(h, 2000);
	assert_int_equal(hub_sessions(h->w->hub), 0);
	conn_resume(b.far);
	hand_pass(h, 20);
	assert_int_equal(b.close_code, 4008);
	assert_int_equal(metric_total(h->w->metrics, METRIC_WS_SLOW_TOLD), 1);
	browser_release(&b);
}

/* A flood is answered whole, in its time; the others of the reactor do not wait for it. */
static void frames_that_cost_too_much_wait(void **state)
{
	struct hand *h = *state;
	struct browser flooding, other;
	hand_start(h);
	browser_open(h, &flooding);
	browser_open(h, &other);
	for (int i = 0; i < 1000; i++) browser_send(&flooding, WS_TEXT, "{\"op\":\"ping\"}");
	hand_pass(h, 1);
	int at_once = flooding.messages - 1;
	assert_in_range(at_once, 1, 65536 / 256);
	assert_true(metric_total(h->w->metrics, METRIC_WS_HELD_BACK) > 0);
	browser_send(&other, WS_TEXT, "{\"op\":\"ping\"}");
	hand_pass(h, 2);
	assert_int_equal(other.messages, 2);
	assert_true(flooding.messages < 1000);
	hand_pass(h, 600);
	assert_int_equal(flooding.messages, 1 + 1000);
	assert_int_equal(flooding.close_code, 0);
	conn_close(flooding.far), conn_close(other.far);
	hand_pass(h, 2);
	browser_release(&flooding);
	browser_release(&other);
}

static void who_leaves_while_frames_wait_leaves_nothing(void **state)
{
	struct hand *h = *state;
	struct browser b;
	hand_start(h);
	browser_open(h, &b);
	for (int i = 0; i < 1000; i++) browser_send(&b, WS_TEXT, "{\"op\":\"ping\"}");
	hand_pass(h, 1);
	assert_true(metric_total(h->w->metrics, METRIC_WS_HELD_BACK) > 0);
	conn_close(b.near);
	hand_pass(h, 100);
	assert_int_equal(b.closed, 1);
	browser_release(&b);
}

/* The close frame behind them is among those that wait. */
static void a_close_comes_behind_what_waits(void **state)
{
	struct hand *h = *state;
	struct browser b;
	hand_start(h);
	browser_open(h, &b);
	for (int i = 0; i < 500; i++) browser_send(&b, WS_TEXT, "{\"op\":\"ping\"}");
	browser_send(&b, WS_CLOSE, "\x03\xE8");
	hand_pass(h, 600);
	assert_int_equal(b.messages, 1 + 500);
	assert_int_equal(b.close_code, 1000);
	browser_release(&b);
}

/* ---- the history that it speaks of */

static const char *sent(struct hand *h, struct browser *b, const char *frame)
{
	int before = b->messages;
	browser_send(b, WS_TEXT, frame);
	hand_turn(h);
	hand_write(h);
	hand_pass(h, 2);
	assert_true(b->messages > before);
	return b->last;
}

/* An id that its client names is of what it was told, also when the append has found another history, in which the id
 * is another message's, and the hub has not. */
static void a_send_is_of_the_epoch_of_its_socket(void **state)
{
	static const char session[] = "01AAAAAAAAAAAAAAAAAAAAAAAA";
	struct hand *h = *state;
	struct world *w = h->w;
	struct browser b;
	run_sql(
		w,
		"INSERT INTO sessions (session_id, kind, user_id, scopes, created_at, used_at) VALUES ('%s', 'client', %lld, "
		"15, 1, 1)",
		session, (long long)ME);
	enter_channel(w, 1, ME);
	hand_start(h);
	browser_open_in(h, &b, session);
	next_epoch(w);
	const struct append_options o = {
		.config = &w->config, .lane = w->write, .bus = w->bus, .clock = &h->clock, .metrics = w->metrics
	};
	b.pod.append = append_create(&o, &w->epoch);
	const char *answer = sent(h, &b,
							  "{\"op\":\"send\",\"ref\":1,\"channel_id\":1,\"nonce\":"
							  "\"00000000-0000-4000-8000-000000000001\",\"body\":\"so\",\"reply_to\":1}");
	if (!strstr(answer, "epoch_changed")) fail_msg("answered: %s", answer);
	answer = sent(h, &b,
				  "{\"op\":\"send\",\"ref\":2,\"channel_id\":1,\"nonce\":"
				  "\"00000000-0000-4000-8000-000000000002\",\"body\":\"so\"}");
	if (strstr(answer, "error")) fail_msg("answered: %s", answer); /* names none */
	append_destroy(b.pod.append);
	conn_close(b.far);
	hand_pass(h, 2);
	browser_release(&b);
}

#define HAND_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HAND_TEST(past_the_hard_limit_it_is_told_to_resume),    HAND_TEST(who_does_not_take_even_that_is_cut),
		HAND_TEST(one_that_stalls_is_told_to_resume),           HAND_TEST(frames_that_cost_too_much_wait),
		HAND_TEST(who_leaves_while_frames_wait_leaves_nothing), HAND_TEST(a_close_comes_behind_what_waits),
		HAND_TEST(a_send_is_of_the_epoch_of_its_socket),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
