/* Frames into messages. A header is judged as soon as its first two bytes are there, a length before any of its
 * payload. A frame that lies whole in the bytes passed is unmasked there and handed on without a copy; else payload is
 * gathered, in room that grows with what has come, not with what was announced. */
#include <string.h>

#include "base/mem.h"
#include "proto/ws_parts.h"

#define CONTROL_MOST 125
#define FIN 0x80
#define RSV1 0x40
#define RSV23 0x30
#define MASKED 0x80

void ws_parser_init(struct ws_parser *p, bool client, bool deflate_agreed, uint32_t most)
{
	*p = (struct ws_parser){ .header_need = 2, .client = client, .deflate_agreed = deflate_agreed, .most = most };
}

static void drop(char **p)
{
	mem_free(*p);
	*p = NULL;
}

void ws_parser_release(struct ws_parser *p)
{
	drop(&p->message);
	drop(&p->control);
	p->message_n = p->message_cap = 0;
}

static bool refuse(struct ws_parser *p, int close_code, const char *why)
{
	ws_parser_release(p);
	p->failed = true;
	p->close_code = (uint16_t)close_code;
	p->why = why;
	return false;
}

/* ---- headers (RFC 6455, 5.2) */
static bool is_control(uint8_t opcode)
{
	return opcode & 8;
}

static bool check_control(struct ws_parser *p, bool fin, unsigned length)
{
	if (!fin) return refuse(p, 1002, "a control frame in fragments");
	if (length > CONTROL_MOST) return refuse(p, 1002, "a control frame of over 125 bytes");
	return true;
}

/* Begins a message, or goes on with the one that was begun. */
static bool check_data(struct ws_parser *p, uint8_t opcode, bool compressed)
{
	if (opcode == WS_CONT) return p->opcode || refuse(p, 1002, "a continuation of nothing");
	if (p->opcode) return refuse(p, 1002, "a new message before the last one was over");
	if (opcode == WS_BINARY) return refuse(p, 1003, "only text is spoken here");
	p->opcode = opcode;
	p->compressed = compressed;
	p->utf8 = (struct utf8){ 0 };
	p->message_n = 0;
	return true;
}

static bool check_start(struct ws_parser *p)
{
	uint8_t first = p->header[0], opcode = first & 15, length = p->header[1] & 127;
	bool masked = p->header[1] & MASKED, compressed = first & RSV1;
	if (first & RSV23) return refuse(p, 1002, "a reserved bit is set");
	if (compressed && (!p->deflate_agreed || opcode == WS_CONT || is_control(opcode)))
		return refuse(p, 1002, "RSV1 is set where nothing can be compressed");
	if ((opcode > WS_BINARY && opcode < WS_CLOSE) || opcode > WS_PONG) return refuse(p, 1002, "a reserved opcode");
	if (masked == p->client) return refuse(p, 1002, masked ? "a server does not mask" : "a client has to mask");
	p->fin = first & FIN;
	p->frame_opcode = opcode;
	p->header_need = (2u + (length == 126 ? 2 : length == 127 ? 8 : 0) + (masked ? 4 : 0)) & 15;
	return is_control(opcode) ? check_control(p, p->fin, length) : check_data(p, opcode, compressed);
}

static bool check_length(struct ws_parser *p)
{
	size_t at = 2, bytes = p->header_need - 2u - (p->client ? 0 : 4);
	uint64_t length = 0;
	if (!bytes) length = p->header[1] & 127;
	for (; at < 2 + bytes; at++) length = length << 8 | p->header[at];
	if (!p->client) memcpy(p->mask, p->header + at, 4);
	if (length >> 63) return refuse(p, 1002, "a length with its top bit set");
	if ((bytes == 2 && length < 126) || (bytes == 8 && length <= UINT16_MAX))
		return refuse(p, 1002, "a length that is not in its shortest form");
	if (!is_control(p->frame_opcode) && length > p->most - p->message_n)
		return refuse(p, 1009, "the message is too large");
	p->left = length;
	p->mask_at = 0;
	p->in_payload = true;
	p->control_n = 0;
	p->header_n = 0;
	p->header_need = 2;
	return true;
}

/* True when a header is whole. False: more is needed, or it failed. */
static bool take_header(struct ws_parser *p, const char *data, size_t n, size_t *at)
{
	while (*at < n) {
		p->header[p->header_n++] = (uint8_t)data[(*at)++];
		if (p->header_n == 2 && !check_start(p)) return false;
		if (p->header_n == p->header_need) return check_length(p);
	}
	return false;
}

/* ---- payload; `piece` is unmasked already */
static enum ws_event failed(struct ws_parser *p, int close_code, const char *why)
{
	refuse(p, close_code, why);
	return WS_FAILED;
}

static enum ws_event take_control(struct ws_parser *p, struct str piece, struct str *payload)
{
	*payload = piece;
	if (p->left || p->control_n) {
		if (!p->control) p->control = mem_alloc(CONTROL_MOST);
		memcpy(p->control + p->control_n, piece.p, piece.n);
		p->control_n += (uint8_t)piece.n;
		*payload = (struct str){ p->control, p->control_n };
	}
	if (p->left) return WS_NEED_MORE;
	p->in_payload = false;
	if (p->frame_opcode != WS_CLOSE) return WS_CONTROL;
	int fault = ws_close_fault(*payload);
	if (fault)
		return failed(p, fault, fault == 1007 ? "a close reason that is not UTF-8" : "a close frame that is not valid");
	p->closed = true;
	return WS_CONTROL;
}

static void gather(struct ws_parser *p, struct str piece)
{
	if (!piece.n) return;
	uint32_t need = p->message_n + (uint32_t)piece.n;
	if (need > p->message_cap) {
		uint32_t cap = p->message_cap ? p->message_cap : 256;
		while (cap < need) cap = cap > UINT32_MAX / 2 ? UINT32_MAX : cap * 2;
		p->message_cap = cap > p->most ? p->most : cap;
		p->message = mem_resize(p->message, p->message_cap);
	}
	memcpy(p->message + p->message_n, piece.p, piece.n);
	p->message_n = need;
}

/* Text that was gathered was checked as it came; the rest is checked here. */
static enum ws_event finish(struct ws_parser *p, struct ws_deflate *d, struct str text, bool checked,
							struct str *payload)
{
	bool whole = checked ? utf8_whole(&p->utf8) : true;
	if (p->compressed) {
		int fault = ws_inflate(d, text, p->most, &text);
		if (fault) return failed(p, fault, fault == 1009 ? "the message is too large" : "this cannot be inflated");
		drop(&p->message);
	} else if (p->message && d) {
		ws_deflate_keep(d, p->message);
		p->message = NULL;
	}
	if (!p->message) p->message_cap = 0;
	p->message_n = 0;
	p->opcode = 0;
	if (!whole || (!checked && !str_utf8(text))) return failed(p, 1007, "the text is not UTF-8");
	*payload = text.n ? text : STR("");
	return WS_MESSAGE;
}

static enum ws_event take_data(struct ws_parser *p, struct ws_deflate *d, struct str piece, struct str *payload)
{
	bool last = !p->left && p->fin;
	if (!p->left) p->in_payload = false;
	if (last && !p->message_n) return finish(p, d, piece, false, payload);
	gather(p, piece);
	if (!p->compressed && !utf8_feed(&p->utf8, piece.p, piece.n)) return failed(p, 1007, "the text is not UTF-8");
	return last ? finish(p, d, (struct str){ p->message, p->message_n }, !p->compressed, payload) : WS_NEED_MORE;
}

enum ws_event ws_parser_feed(struct ws_parser *p, struct ws_deflate *d, char *data, size_t n, size_t *used,
							 enum ws_opcode *opcode, struct str *payload)
{
	enum ws_event event = p->failed ? WS_FAILED : WS_NEED_MORE;
	size_t at = 0;
	*payload = STR_NONE;
	if (!p->opcode) drop(&p->message), p->message_cap = 0; /* what the last call showed */
	if (!p->in_payload) drop(&p->control);
	if (p->closed) at = n; /* nothing that comes after a close frame counts (RFC 6455, 1.4) */
	while (at < n && event == WS_NEED_MORE) {
		if (!p->in_payload && !take_header(p, data, n, &at)) {
			if (p->failed) event = WS_FAILED;
			continue;
		}
		struct str piece = { data + at, p->left < n - at ? (size_t)p->left : n - at };
		if (!p->client) ws_mask(data + at, piece.n, p->mask, p->mask_at);
		p->mask_at = (uint8_t)((p->mask_at + piece.n) & 3);
		p->left -= piece.n;
		at += piece.n;
		if (!piece.n && p->left) continue;
		*opcode = is_control(p->frame_opcode) ? (enum ws_opcode)p->frame_opcode : WS_TEXT;
		event = is_control(p->frame_opcode) ? take_control(p, piece, payload) : take_data(p, d, piece, payload);
	}
	*used = at;
	return event;
}
