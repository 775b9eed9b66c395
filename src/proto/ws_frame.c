/* Writing frames, and close frames both ways. */
#include <string.h>

#include "proto/utf8.h"
#include "proto/ws_parts.h"

#define REASON_MOST 123

size_t ws_header(char out[WS_HEADER_MOST], enum ws_opcode op, bool compressed, size_t payload, const uint8_t *mask)
{
	uint64_t length = payload;
	size_t bytes = payload < 126 ? 0 : payload < 65536 ? 2 : 8, n = 2;
	out[0] = (char)(0x80 | (compressed ? 0x40 : 0) | (int)op);
	out[1] = (char)((mask ? 0x80 : 0) | (bytes == 0 ? (int)length : bytes == 2 ? 126 : 127));
	for (size_t i = bytes; i-- > 0;) out[n++] = (char)(length >> (8 * i));
	if (mask) memcpy(out + n, mask, 4), n += 4;
	return n;
}

void ws_frame_add(struct buf *out, enum ws_opcode op, struct str payload)
{
	char *to = buf_reserve(out, WS_HEADER_MOST + payload.n);
	out->n += ws_header(to, op, false, payload.n, NULL);
	buf_add_str(out, payload);
}

void ws_mask(char *p, size_t n, const uint8_t mask[4], uint32_t at)
{
	uint8_t turned[8];
	for (uint32_t i = 0; i < 8; i++) turned[i] = mask[(at + i) & 3];
	uint64_t word, masks;
	memcpy(&masks, turned, 8);
	size_t i = 0;
	for (; i + 8 <= n; i += 8) {
		memcpy(&word, p + i, 8);
		word ^= masks;
		memcpy(p + i, &word, 8);
	}
	for (; i < n; i++) p[i] ^= (char)turned[i & 7];
}

void ws_frame_add_masked(struct buf *out, enum ws_opcode op, struct str payload, const uint8_t mask[4])
{
	char *to = buf_reserve(out, WS_HEADER_MOST + payload.n);
	out->n += ws_header(to, op, false, payload.n, mask);
	buf_add_str(out, payload);
	ws_mask(out->p + out->n - payload.n, payload.n, mask, 0);
}

void ws_close_add(struct buf *out, int code, struct str reason)
{
	char payload[2 + REASON_MOST];
	size_t n = reason.n < REASON_MOST ? reason.n : REASON_MOST;
	while (n < reason.n && n && (reason.p[n] & 0xC0) == 0x80) n--;
	if (code == 1005) { /* stands for none */
		ws_frame_add(out, WS_CLOSE, STR(""));
		return;
	}
	payload[0] = (char)(code >> 8), payload[1] = (char)code;
	if (n) memcpy(payload + 2, reason.p, n);
	ws_frame_add(out, WS_CLOSE, (struct str){ payload, 2 + n });
}

/* RFC 6455, 7.4, with 1012 to 1014, which were registered later. 1005, 1006 and 1015 never stand in a frame. */
static bool code_valid(int code)
{
	if (code >= 3000) return code < 5000;
	return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

int ws_close_fault(struct str payload)
{
	if (!payload.n) return 0;
	if (payload.n < 2) return 1002;
	if (!code_valid((uint8_t)payload.p[0] << 8 | (uint8_t)payload.p[1])) return 1002;
	return str_utf8(str_from(payload, 2)) ? 0 : 1007;
}

bool ws_close_parse(struct str payload, int *code, struct str *reason)
{
	if (ws_close_fault(payload)) return false;
	*code = payload.n ? (uint8_t)payload.p[0] << 8 | (uint8_t)payload.p[1] : 1005;
	*reason = payload.n ? str_from(payload, 2) : STR("");
	return true;
}
