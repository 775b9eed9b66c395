/* RFC 6455, section by section, from the reading side. Each case is parsed whole and cut in every way, and must give
 * the same transcript. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ws_transcript.h"

#define MOST 1000
#define FIN 0x80
#define RSV1 0x40

/* ---- a peer that may do everything wrong */
enum length_form { SHORTEST, SIXTEEN = 126, SIXTY_FOUR = 127 };

static void add_header(struct buf *b, int first, const uint8_t *mask, enum length_form form, uint64_t n)
{
	if (form == SHORTEST && n > 125) form = n < 65536 ? SIXTEEN : SIXTY_FOUR;
	buf_add_byte(b, (char)first);
	buf_add_byte(b, (char)((mask ? 0x80 : 0) | (form == SHORTEST ? (int)n : (int)form)));
	for (int i = form == SHORTEST ? 0 : form == SIXTEEN ? 2 : 8; i-- > 0;) buf_add_byte(b, (char)(n >> (8 * i)));
	if (mask) buf_add(b, mask, 4);
}

static void add_form(struct buf *b, int first, enum length_form form, struct str payload)
{
	static const uint8_t mask[4] = { 0x37, 0xFA, 0x21, 0x3D };
	add_header(b, first, mask, form, payload.n);
	for (size_t i = 0; i < payload.n; i++) buf_add_byte(b, (char)(payload.p[i] ^ mask[i & 3]));
}

static void add(struct buf *b, int first, struct str payload)
{
	add_form(b, first, SHORTEST, payload);
}

static void add_unmasked(struct buf *b, int first, struct str payload)
{
	add_header(b, first, NULL, SHORTEST, payload.n);
	buf_add_str(b, payload);
}

/* ---- checks; each takes over the buffer */
static void check_as(struct buf *b, bool client, bool deflate, const char *wanted)
{
	struct ws_deflate *d = deflate ? ws_deflate_create() : NULL;
	struct buf out;
	buf_init(&out);
	for (size_t step = 0; step <= b->n; step += step > 40 ? 17 : 1) {
		struct ws_parser p;
		out.n = 0;
		ws_parser_init(&p, client, deflate, MOST);
		transcript(&out, &p, d, b->p, b->n, step);
		ws_parser_release(&p);
		if (!str_eq(buf_str(&out), str_of(wanted)))
			fail_msg("cut by %zu: " STR_FMT "not\n%s", step, STR_ARG(buf_str(&out)), wanted);
	}
	ws_deflate_destroy(d);
	buf_release(&out);
	buf_release(b);
}

static void check(struct buf *b, const char *wanted)
{
	check_as(b, false, false, wanted);
}

/* Section 5.1: a client has to mask, */
static void s5_1_client_frames_are_masked(void **state)
{
	struct buf b = { 0 };
	add_unmasked(&b, FIN | WS_TEXT, STR("hi"));
	check(&b, "failed 1002 a client has to mask\n");
	add(&b, FIN | WS_TEXT, STR("hi"));
	add_unmasked(&b, FIN | WS_PING, STR(""));
	check(&b, "text hi\nfailed 1002 a client has to mask\n");
}

/* and a server must not. */
static void s5_1_server_frames_are_not_masked(void **state)
{
	struct buf b = { 0 };
	add_unmasked(&b, FIN | WS_TEXT, STR("hi"));
	add(&b, FIN | WS_TEXT, STR("hi"));
	check_as(&b, true, false, "text hi\nfailed 1002 a server does not mask\n");
}

/* Section 5.2: RSV1 to 3 are 0 unless an extension gives them a meaning (5.8). */
static void s5_2_reserved_bits(void **state)
{
	for (int bits = 0x10; bits < 0x80; bits += 0x10) {
		static const int opcodes[] = { WS_TEXT, WS_CONT, WS_BINARY, WS_CLOSE, WS_PING, WS_PONG };
		for (size_t i = 0; i < countof(opcodes); i++) {
			struct buf b = { 0 };
			add(&b, FIN | bits | opcodes[i], STR(""));
			check(&b, bits & 0x30 ? "failed 1002 a reserved bit is set\n"
								  : "failed 1002 RSV1 is set where nothing can be compressed\n");
		}
	}
}

/* Section 5.2: opcodes 3 to 7 and B to F are reserved. */
static void s5_2_reserved_opcodes(void **state)
{
	for (int opcode = 0; opcode < 16; opcode++) {
		if (opcode < 3 || (opcode >= 8 && opcode <= 10)) continue;
		struct buf b = { 0 };
		add(&b, FIN | opcode, STR("x"));
		check(&b, "failed 1002 a reserved opcode\n");
	}
}

/* Section 5.2: lengths of 7, 16 and 64 bits, each in its shortest form only. */
static void s5_2_lengths(void **state)
{
	static const size_t lengths[] = { 0, 1, 7, 8, 9, 124, 125, 126, 127, 128, 255, 256, 999, 1000 };
	static const enum length_form forms[] = { SHORTEST, SIXTEEN, SIXTY_FOUR };
	char text[1001];
	memset(text, 'x', sizeof text);
	for (size_t i = 0; i < countof(lengths); i++)
		for (size_t f = 0; f < countof(forms); f++) {
			struct buf b = { 0 }, wanted = { 0 };
			struct str payload = { text, lengths[i] };
			add_form(&b, FIN | WS_TEXT, forms[f], payload);
			add(&b, FIN | WS_PING, STR("p"));
			bool shortest = forms[f] == SHORTEST || (forms[f] == SIXTEEN && payload.n > 125);
			if (shortest)
				buf_printf(&wanted, "text " STR_FMT "\nping p\n", STR_ARG(payload));
			else
				buf_printf(&wanted, "failed 1002 a length that is not in its shortest form\n");
			buf_add_byte(&wanted, 0);
			check(&b, wanted.p);
			buf_release(&wanted);
		}
}

/* Section 5.2: the top bit of a 64-bit length is 0. */
static void s5_2_length_top_bit(void **state)
{
	struct buf b = { 0 };
	add_header(&b, FIN | WS_TEXT, (const uint8_t *)"abcd", SIXTY_FOUR, UINT64_C(1) << 63);
	check(&b, "failed 1002 a length with its top bit set\n");
	add_header(&b, FIN | WS_TEXT, (const uint8_t *)"abcd", SIXTY_FOUR, UINT64_MAX);
	check(&b, "failed 1002 a length with its top bit set\n");
}

/* Section 5.3: whatever the mask, the length, and where the bytes lie. */
static void s5_3_masking(void **state)
{
	for (uint32_t n = 0; n < 70; n++) {
		struct buf b = { 0 };
		struct str text = str_upto(STR("the quick brown fox jumps over the lazy dog and over the quick brown fox"), n);
		uint8_t mask[4] = { (uint8_t)n, (uint8_t)(n * 7), 0, (uint8_t)(255 - n) };
		add_header(&b, FIN | WS_TEXT, mask, SHORTEST, n);
		for (size_t i = 0; i < n; i++) buf_add_byte(&b, (char)(text.p[i] ^ mask[i & 3]));
		struct buf wanted = { 0 };
		buf_printf(&wanted, "text " STR_FMT "\n", STR_ARG(text));
		buf_add_byte(&wanted, 0);
		check(&b, wanted.p);
		buf_release(&wanted);
	}
}

/* Section 5.4: a message in fragments, also empty ones. */
static void s5_4_fragments(void **state)
{
	struct buf b = { 0 };
	add(&b, WS_TEXT, STR("a"));
	add(&b, WS_CONT, STR("bc"));
	add(&b, FIN | WS_CONT, STR("d"));
	add(&b, FIN | WS_TEXT, STR("e"));
	check(&b, "text abcd\ntext e\n");
	add(&b, WS_TEXT, STR(""));
	add(&b, WS_CONT, STR(""));
	add(&b, FIN | WS_CONT, STR(""));
	check(&b, "text \n");
	add(&b, WS_TEXT, STR(""));
	add(&b, FIN | WS_CONT, STR("late"));
	check(&b, "text late\n");
	add(&b, WS_TEXT, STR("early"));
	add(&b, FIN | WS_CONT, STR(""));
	check(&b, "text early\n");
}

/* Section 5.4: control frames may come between fragments, and are shown at once. */
static void s5_4_control_between_fragments(void **state)
{
	struct buf b = { 0 };
	add(&b, WS_TEXT, STR("a"));
	add(&b, FIN | WS_PING, STR("p"));
	add(&b, WS_CONT, STR("b"));
	add(&b, FIN | WS_PONG, STR(""));
	add(&b, FIN | WS_CONT, STR("c"));
	check(&b, "ping p\npong \ntext abc\n");
	add(&b, WS_TEXT, STR("a"));
	add(&b, FIN | WS_CLOSE, STR("\x03\xE8"));
	check(&b, "close 1000 \n");
}

/* Section 5.4: fragments of different messages are not mixed. */
static void s5_4_new_message_inside_another(void **state)
{
	struct buf b = { 0 };
	add(&b, WS_TEXT, STR("a"));
	add(&b, FIN | WS_TEXT, STR("b"));
	check(&b, "failed 1002 a new message before the last one was over\n");
	add(&b, WS_TEXT, STR("a"));
	add(&b, FIN | WS_BINARY, STR("b"));
	check(&b, "failed 1002 a new message before the last one was over\n");
}

/* Section 5.4: a continuation needs a beginning. */
static void s5_4_continuation_of_nothing(void **state)
{
	struct buf b = { 0 };
	add(&b, FIN | WS_CONT, STR("a"));
	check(&b, "failed 1002 a continuation of nothing\n");
	add(&b, WS_CONT, STR("a"));
	check(&b, "failed 1002 a continuation of nothing\n");
	add(&b, FIN | WS_TEXT, STR("a"));
	add(&b, FIN | WS_CONT, STR("b"));
	check(&b, "text a\nfailed 1002 a continuation of nothing\n");
}

/* Section 5.5: control frames carry 125 bytes at most, */
static void s5_5_control_length(void **state)
{
	char text[126];
	memset(text, 'x', sizeof text);
	struct buf b = { 0 }, wanted = { 0 };
	add(&b, FIN | WS_PING, (struct str){ text, 125 });
	buf_printf(&wanted, "ping " STR_FMT "\n", 125, text);
	buf_add_byte(&wanted, 0);
	check(&b, wanted.p);
	buf_release(&wanted);
	static const int opcodes[] = { WS_CLOSE, WS_PING, WS_PONG };
	for (size_t i = 0; i < countof(opcodes); i++) {
		add(&b, FIN | opcodes[i], (struct str){ text, 126 });
		check(&b, "failed 1002 a control frame of over 125 bytes\n");
		add_form(&b, FIN | opcodes[i], SIXTEEN, STR("x"));
		check(&b, "failed 1002 a control frame of over 125 bytes\n");
		add_form(&b, FIN | opcodes[i], SIXTY_FOUR, STR("x"));
		check(&b, "failed 1002 a control frame of over 125 bytes\n");
	}
}

/* and are never in fragments. */
static void s5_5_control_fragmented(void **state)
{
	static const int opcodes[] = { WS_CLOSE, WS_PING, WS_PONG };
	for (size_t i = 0; i < countof(opcodes); i++) {
		struct buf b = { 0 };
		add(&b, opcodes[i], STR(""));
		check(&b, "failed 1002 a control frame in fragments\n");
	}
}

/* Section 5.5.1: a close frame is empty, or a code and a reason; nothing counts behind it (1.4). */
static void s5_5_1_close(void **state)
{
	struct buf b = { 0 };
	add(&b, FIN | WS_CLOSE, STR(""));
	check(&b, "close 1005 \n");
	add(&b, FIN | WS_CLOSE,
		STR("\x03\xE9"
			"bye \xC3\xA9"));
	check(&b, "close 1001 bye \xC3\xA9\n");
	add(&b, FIN | WS_CLOSE, STR("\x03"));
	check(&b, "failed 1002 a close frame that is not valid\n");
	add(&b, FIN | WS_CLOSE, STR("\x03\xE8"));
	add(&b, FIN | WS_TEXT, STR("more"));
	add(&b, 0x7F, STR("\xFF"));
	check(&b, "close 1000 \n");
}

/* Sections 5.5.2 and 5.5.3: pings, and pongs that nobody asked for. */
static void s5_5_2_ping_and_pong(void **state)
{
	struct buf b = { 0 };
	add(&b, FIN | WS_PING, STR(""));
	add(&b, FIN | WS_PONG, STR("\xFF\x80 any bytes"));
	add(&b, FIN | WS_PING, STR("x"));
	check(&b, "ping \npong \xFF\x80 any bytes\nping x\n");
}

/* Section 5.6: binary messages are no protocol of ours: 1003 (7.4.1). */
static void s5_6_binary(void **state)
{
	struct buf b = { 0 };
	add(&b, FIN | WS_BINARY, STR("x"));
	check(&b, "failed 1003 only text is spoken here\n");
	add(&b, WS_BINARY, STR(""));
	check(&b, "failed 1003 only text is spoken here\n");
}

/* Section 6.2: what the writing side makes, the reading side reads; both ways round. */
static void s6_written_frames_are_read(void **state)
{
	struct buf b = { 0 };
	ws_frame_add(&b, WS_TEXT, STR("one"));
	ws_frame_add(&b, WS_PING, STR("two"));
	ws_close_add(&b, 1000, STR("three"));
	check_as(&b, true, false, "text one\nping two\nclose 1000 three\n");
	ws_frame_add_masked(&b, WS_TEXT, STR("one"), (const uint8_t *)"\x01\x80\xFE\x00");
	ws_frame_add_masked(&b, WS_CLOSE, STR(""), (const uint8_t *)"abcd");
	check(&b, "text one\nclose 1005 \n");
}

/* Sections 7.1.5, 7.4.1 and 7.4.2: which codes may stand in a frame. */
static void s7_4_close_codes(void **state)
{
	for (int code = 0; code < 65536; code++) {
		bool valid = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
		char payload[2] = { (char)(code >> 8), (char)code };
		int got = -1;
		struct str reason;
		assert_int_equal(ws_close_parse((struct str){ payload, 2 }, &got, &reason), valid);
		if (valid) assert_int_equal(got, code);
	}
	static const int bad[] = { 0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535 };
	for (size_t i = 0; i < countof(bad); i++) {
		struct buf b = { 0 };
		char payload[2] = { (char)(bad[i] >> 8), (char)bad[i] };
		add(&b, FIN | WS_CLOSE, (struct str){ payload, 2 });
		check(&b, "failed 1002 a close frame that is not valid\n");
	}
}

/* Sections 5.5.1 and 8.1: a reason is UTF-8. */
static void s8_1_close_reason(void **state)
{
	struct buf b = { 0 };
	add(&b, FIN | WS_CLOSE, STR("\x03\xE8\xFF"));
	check(&b, "failed 1007 a close reason that is not UTF-8\n");
	add(&b, FIN | WS_CLOSE, STR("\x03\xE8\xE2\x82"));
	check(&b, "failed 1007 a close reason that is not UTF-8\n");
}

/* Section 8.1: text that is not UTF-8, in one frame, in several, and cut off. */
static void s8_1_text_is_utf8(void **state)
{
	static const struct str bad[] = { { "\xFF", 1 },
									  { "a\xC0\xAF", 3 },
									  { "\xED\xA0\x80", 3 },
									  { "\xF4\x90\x80\x80", 4 },
									  { "plain plain plain \x80", 19 },
									  { "\xE2\x82", 2 },
									  { "\xF0\x9F\x98", 3 } };
	for (size_t i = 0; i < countof(bad); i++) {
		struct buf b = { 0 };
		add(&b, FIN | WS_TEXT, bad[i]);
		check(&b, "failed 1007 the text is not UTF-8\n");
		add(&b, WS_TEXT, bad[i]);
		add(&b, FIN | WS_CONT, STR(""));
		check(&b, "failed 1007 the text is not UTF-8\n");
		add(&b, WS_TEXT, str_upto(bad[i], 1));
		add(&b, FIN | WS_CONT, str_from(bad[i], 1));
		check(&b, "failed 1007 the text is not UTF-8\n");
	}
}

/* Section 5.6: a fragment may end inside a character. */
static void s5_6_character_across_fragments(void **state)
{
	struct buf b = { 0 };
	add(&b, WS_TEXT, STR("\xF0\x9F"));
	add(&b, WS_CONT, STR(""));
	add(&b, FIN | WS_PING, STR(""));
	add(&b, WS_CONT, STR("\x98"));
	add(&b, FIN | WS_CONT, STR("\x80"));
	check(&b, "ping \ntext \xF0\x9F\x98\x80\n");
	add(&b, WS_TEXT, STR("\xF0\x9F"));
	add(&b, FIN | WS_CONT, STR(""));
	check(&b, "failed 1007 the text is not UTF-8\n");
}

/* Section 8.1, and not later than needed: at the first bad byte, with the frame still under way. */
static void s8_1_fails_early(void **state)
{
	struct buf b = { 0 };
	add_header(&b, FIN | WS_TEXT, (const uint8_t *)"\0\0\0\0", SHORTEST, 100);
	buf_add_str(&b, STR("abc\xFF"));
	check(&b, "failed 1007 the text is not UTF-8\n");
	add(&b, WS_TEXT, STR("\xFF"));
	check(&b, "failed 1007 the text is not UTF-8\n");
}

/* Section 10.4: sizes are bounded, as announced and in sum; 1009 (7.4.1). */
static void s10_4_size_limit(void **state)
{
	char text[MOST + 1];
	struct buf b = { 0 };
	memset(text, 'x', sizeof text);
	add_header(&b, FIN | WS_TEXT, (const uint8_t *)"abcd", SHORTEST, MOST + 1);
	check(&b, "failed 1009 the message is too large\n");
	add_header(&b, FIN | WS_TEXT, (const uint8_t *)"abcd", SHORTEST, INT64_MAX);
	check(&b, "failed 1009 the message is too large\n");
	add(&b, WS_TEXT, (struct str){ text, 600 });
	add_header(&b, FIN | WS_CONT, (const uint8_t *)"abcd", SHORTEST, MOST - 600 + 1);
	check(&b, "failed 1009 the message is too large\n");
	add(&b, WS_TEXT, (struct str){ text, MOST });
	add(&b, WS_CONT, STR(""));
	add_header(&b, FIN | WS_CONT, (const uint8_t *)"abcd", SHORTEST, 1);
	check(&b, "failed 1009 the message is too large\n");
}

/* A failed parser stays so; an idle one holds nothing, and what is announced is not allocated. */
static void memory(void **state)
{
	struct ws_parser p;
	struct ws_deflate *d = ws_deflate_create();
	struct buf b = { 0 };
	enum ws_opcode op;
	struct str payload;
	size_t used;
	ws_parser_init(&p, false, false, 1 << 20);
	add_header(&b, WS_TEXT, (const uint8_t *)"\0\0\0\0", SHORTEST, 1 << 20);
	buf_add_byte(&b, 'x');
	assert_int_equal(ws_parser_feed(&p, d, b.p, b.n, &used, &op, &payload), WS_NEED_MORE);
	assert_true(p.message_cap <= 256);
	ws_parser_release(&p);

	ws_parser_init(&p, false, false, 1 << 20);
	b.n = 0;
	add(&b, FIN | WS_TEXT, STR("abc"));
	assert_int_equal(ws_parser_feed(&p, d, b.p, b.n - 1, &used, &op, &payload), WS_NEED_MORE);
	assert_int_equal(ws_parser_feed(&p, d, b.p + b.n - 1, 1, &used, &op, &payload), WS_MESSAGE);
	assert_true(str_eq(payload, STR("abc")));
	assert_null(p.message);

	assert_int_equal(ws_parser_feed(&p, d, (char[]){ 0, 0 }, 2, &used, &op, &payload), WS_FAILED);
	assert_int_equal(ws_parser_feed(&p, d, (char[]){ 0, 0 }, 2, &used, &op, &payload), WS_FAILED);
	assert_int_equal(used, 0);
	ws_parser_release(&p);
	ws_deflate_destroy(d);
	buf_release(&b);
}

/* A frame that lies whole in the bytes passed is shown where it lies. */
static void no_copy(void **state)
{
	struct ws_parser p;
	struct buf b = { 0 };
	enum ws_opcode op;
	struct str payload;
	size_t used;
	ws_parser_init(&p, false, false, MOST);
	add(&b, FIN | WS_TEXT, STR("in place"));
	assert_int_equal(ws_parser_feed(&p, NULL, b.p, b.n, &used, &op, &payload), WS_MESSAGE);
	assert_ptr_equal(payload.p, b.p + 6);
	assert_int_equal(used, b.n);
	ws_parser_release(&p);
	buf_release(&b);
}

/* ---- RFC 7692 */
#define check_deflated(b, wanted) check_as(b, false, true, wanted)

/* Section 7.2.3: the examples of the RFC. */
static void d7_2_3_examples(void **state)
{
	struct buf b = { 0 };
	add(&b, FIN | RSV1 | WS_TEXT, STR("\xf2\x48\xcd\xc9\xc9\x07\x00")); /* 7.2.3.1 */
	add(&b, RSV1 | WS_TEXT, STR("\xf2\x48\xcd"));                       /* 7.2.3.1, two fragments */
	add(&b, FIN | WS_CONT, STR("\xc9\xc9\x07\x00"));
	add(&b, FIN | RSV1 | WS_TEXT, STR("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"));         /* 7.2.3.3 */
	add(&b, FIN | RSV1 | WS_TEXT, STR("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"));                     /* 7.2.3.4 */
	add(&b, FIN | RSV1 | WS_TEXT, STR("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00")); /* 7.2.3.5 */
	add(&b, FIN | RSV1 | WS_TEXT, STR("\x00"));                                                 /* 7.2.3.6 */
	add(&b, FIN | WS_TEXT, STR("plain"));
	check_deflated(&b, "text Hello\ntext Hello\ntext Hello\ntext Hello\ntext Hello\ntext \ntext plain\n");
}

/* Section 7.2.3.2 shares a window between messages, which is not agreed here. */
static void d7_2_3_2_no_context(void **state)
{
	struct buf b = { 0 };
	add(&b, FIN | RSV1 | WS_TEXT, STR("\xf2\x48\xcd\xc9\xc9\x07\x00"));
	add(&b, FIN | RSV1 | WS_TEXT, STR("\xf2\x00\x11\x00\x00"));
	check_deflated(&b, "text Hello\nfailed 1007 this cannot be inflated\n");
}

/* Section 6.1: RSV1 stands on the first fragment of a data message only. */
static void d6_1_where_rsv1_stands(void **state)
{
	struct buf b = { 0 };
	add(&b, RSV1 | WS_TEXT, STR("\xf2\x48\xcd"));
	add(&b, FIN | RSV1 | WS_CONT, STR("\xc9\xc9\x07\x00"));
	check_deflated(&b, "failed 1002 RSV1 is set where nothing can be compressed\n");
	add(&b, FIN | RSV1 | WS_PING, STR(""));
	check_deflated(&b, "failed 1002 RSV1 is set where nothing can be compressed\n");
	add(&b, FIN | RSV1 | WS_CLOSE, STR(""));
	check_deflated(&b, "failed 1002 RSV1 is set where nothing can be compressed\n");
	add(&b, FIN | RSV1 | 0x20 | WS_TEXT, STR(""));
	check_deflated(&b, "failed 1002 a reserved bit is set\n");
	add(&b, FIN | RSV1 | WS_BINARY, STR("\x00"));
	check_deflated(&b, "failed 1003 only text is spoken here\n");
}

/* Section 7.2.2: what cannot be inflated, is cut off, or is not UTF-8 in the end. */
static void d7_2_2_bad_data(void **state)
{
	struct buf b = { 0 };
	add(&b, FIN | RSV1 | WS_TEXT, STR("\x06"));
	check_deflated(&b, "failed 1007 this cannot be inflated\n");
	add(&b, FIN | RSV1 | WS_TEXT, STR("not deflate data"));
	check_deflated(&b, "failed 1007 this cannot be inflated\n");
	add(&b, FIN | RSV1 | WS_TEXT, STR("\xf2\x48\xcd")); /* inside a block */
	check_deflated(&b, "failed 1007 this cannot be inflated\n");
	add(&b, FIN | RSV1 | WS_TEXT, STR("\x00\x05\x00\xfa\xff\x48\x65")); /* inside a stored one */
	check_deflated(&b, "failed 1007 this cannot be inflated\n");
	add(&b, FIN | RSV1 | WS_TEXT, STR("\x00\x01\x00\xfe\xff\xff\x00")); /* a stored FF */
	check_deflated(&b, "failed 1007 the text is not UTF-8\n");
}

/* Messages around the limit, and far over it. */
static void d8_inflated_size(void **state)
{
	static const size_t sizes[] = { MOST - 1, MOST, MOST + 1, 1 << 20 };
	for (size_t i = 0; i < countof(sizes); i++) {
		struct ws_deflate *d = ws_deflate_create();
		struct buf frame = { 0 }, b = { 0 }, wanted = { 0 };
		char *text = mem_alloc(sizes[i]);
		memset(text, 'x', sizes[i]);
		assert_true(ws_frame_add_deflated(&frame, d, (struct str){ text, sizes[i] }));
		size_t header = (frame.p[1] & 127) == 126 ? 4 : 2;
		struct str payload = { frame.p + header, frame.n - header };
		if (payload.n <= MOST) {
			add(&b, FIN | RSV1 | WS_TEXT, payload);
			if (sizes[i] <= MOST)
				buf_printf(&wanted, "text " STR_FMT "\n", (int)sizes[i], text);
			else
				buf_add_str(&wanted, STR("failed 1009 the message is too large\n"));
			buf_add_byte(&wanted, 0);
			check_deflated(&b, wanted.p);
		} else {
			payload.n = MOST; /* a bomb of which only the beginning fits */
			add(&b, FIN | RSV1 | WS_TEXT, payload);
			check_deflated(&b, "failed 1009 the message is too large\n");
		}
		mem_free(text);
		buf_release(&frame);
		buf_release(&wanted);
		ws_deflate_destroy(d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(s5_1_client_frames_are_masked),
		cmocka_unit_test(s5_1_server_frames_are_not_masked),
		cmocka_unit_test(s5_2_reserved_bits),
		cmocka_unit_test(s5_2_reserved_opcodes),
		cmocka_unit_test(s5_2_lengths),
		cmocka_unit_test(s5_2_length_top_bit),
		cmocka_unit_test(s5_3_masking),
		cmocka_unit_test(s5_4_fragments),
		cmocka_unit_test(s5_4_control_between_fragments),
		cmocka_unit_test(s5_4_new_message_inside_another),
		cmocka_unit_test(s5_4_continuation_of_nothing),
		cmocka_unit_test(s5_5_control_length),
		cmocka_unit_test(s5_5_control_fragmented),
		cmocka_unit_test(s5_5_1_close),
		cmocka_unit_test(s5_5_2_ping_and_pong),
		cmocka_unit_test(s5_6_binary),
		cmocka_unit_test(s5_6_character_across_fragments),
		cmocka_unit_test(s6_written_frames_are_read),
		cmocka_unit_test(s7_4_close_codes),
		cmocka_unit_test(s8_1_close_reason),
		cmocka_unit_test(s8_1_text_is_utf8),
		cmocka_unit_test(s8_1_fails_early),
		cmocka_unit_test(s10_4_size_limit),
		cmocka_unit_test(memory),
		cmocka_unit_test(no_copy),
		cmocka_unit_test(d7_2_3_examples),
		cmocka_unit_test(d7_2_3_2_no_context),
		cmocka_unit_test(d6_1_where_rsv1_stands),
		cmocka_unit_test(d7_2_2_bad_data),
		cmocka_unit_test(d8_inflated_size),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
