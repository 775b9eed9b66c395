/* What a WebSocket parser says about some bytes, written down: the same however they are cut. For tests and fuzzing. */
#ifndef LINNET_TESTS_WS_TRANSCRIPT_H
#define LINNET_TESTS_WS_TRANSCRIPT_H
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "proto/ws.h"

static inline void transcript_event(struct buf *out, enum ws_event event, enum ws_opcode op, struct str payload)
{
	int code;
	struct str reason;
	if (event == WS_MESSAGE) {
		buf_add_str(out, op == WS_TEXT ? STR("text ") : STR("? "));
	} else if (op == WS_CLOSE) {
		buf_printf(out, "close %d ", ws_close_parse(payload, &code, &reason) ? code : -1);
		payload = str_from(payload, 2);
	} else {
		buf_add_str(out, op == WS_PING ? STR("ping ") : op == WS_PONG ? STR("pong ") : STR("? "));
	}
	buf_add_str(out, payload);
	buf_add_byte(out, '\n');
}

/* Feeds `step` bytes at a time (0: all at once) as copies of just that size. Returns the close code, 0 when none. */
static inline int transcript(struct buf *out, struct ws_parser *p, struct ws_deflate *d, const char *data, size_t n,
							 size_t step)
{
	enum ws_event event = WS_NEED_MORE;
	for (size_t at = 0; at < n && event != WS_FAILED;) {
		size_t piece = step && step < n - at ? step : n - at, used;
		char *copy = mem_dup(data + at, piece);
		for (size_t done = 0; done < piece && event != WS_FAILED; done += used) {
			enum ws_opcode op = WS_CONT;
			struct str payload;
			event = ws_parser_feed(p, d, copy + done, piece - done, &used, &op, &payload);
			if (event == WS_FAILED)
				buf_printf(out, "failed %d %s\n", p->close_code, p->why);
			else if (event != WS_NEED_MORE)
				transcript_event(out, event, op, payload);
		}
		at += piece;
		mem_free(copy);
	}
	return event == WS_FAILED ? p->close_code : 0;
}
#endif
