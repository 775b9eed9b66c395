/* The first byte chooses: what the parser's side is, whether deflate was agreed, or one of the smaller functions. */
#include "../unit/proto/ws_transcript.h"

#include "fuzz.h"

#define MOST 300

enum choice { AS_CLIENT = 1, DEFLATE = 2, OFFERS = 4, ROUND_TRIP = 8 };

static void parse(const char *p, size_t n, bool client, bool deflate)
{
	static const size_t steps[] = { 0, 1, 2, 3, 7, 64 };
	struct ws_deflate *d = deflate ? ws_deflate_create() : NULL;
	struct buf first, other;
	buf_init(&first);
	buf_init(&other);
	for (size_t i = 0; i < countof(steps); i++) {
		struct ws_parser parser;
		struct buf *out = i ? &other : &first;
		out->n = 0;
		ws_parser_init(&parser, client, deflate, MOST);
		transcript(out, &parser, d, p, n, steps[i]);
		must(parser.message_cap <= MOST);
		ws_parser_release(&parser);
		must(!i || str_eq(buf_str(&first), buf_str(&other)));
	}
	ws_deflate_destroy(d);
	buf_release(&first);
	buf_release(&other);
}

/* What is compressed comes back. */
static void round_trip(struct str text)
{
	struct ws_deflate *d = ws_deflate_create();
	struct ws_parser parser;
	struct buf frame;
	buf_init(&frame);
	ws_parser_init(&parser, true, true, 1 << 20);
	if (!ws_frame_add_deflated(&frame, d, text)) ws_frame_add(&frame, WS_TEXT, text);
	size_t used;
	enum ws_opcode op;
	struct str back;
	enum ws_event event = ws_parser_feed(&parser, d, frame.p, frame.n, &used, &op, &back);
	must(event == (str_utf8(text) ? WS_MESSAGE : WS_FAILED));
	must(event == WS_FAILED ? parser.close_code == 1007 : str_eq(back, text) && used == frame.n);
	ws_parser_release(&parser);
	ws_deflate_destroy(d);
	buf_release(&frame);
}

static void handshake(struct str text)
{
	char out[29];
	ws_offer_deflate(text);
	if (!ws_key_valid(text)) return;
	ws_accept_key(text, out);
	must(strlen(out) == 28);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (!n) return 0;
	struct str rest = { (const char *)data + 1, n - 1 };
	if (data[0] & OFFERS)
		handshake(rest);
	else if (data[0] & ROUND_TRIP)
		round_trip(rest);
	else
		parse(rest.p, rest.n, data[0] & AS_CLIENT, data[0] & DEFLATE);
	return 0;
}
