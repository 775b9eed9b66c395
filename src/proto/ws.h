/* WebSocket frames and messages, RFC 6455, and permessage-deflate, RFC 7692: bytes in, events out, no I/O. The server's
 * side (masks required from the peer) and, for tests and the load generator, the client's.
 *
 * permessage-deflate is always agreed as `server_no_context_takeover; client_no_context_takeover`, so that a message is
 * compressed once for all its readers, and one inflater and one deflater serve a whole reactor (struct ws_deflate). */
#ifndef LINNET_PROTO_WS_H
#define LINNET_PROTO_WS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "proto/utf8.h"

enum ws_opcode { WS_CONT = 0, WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };

struct ws_deflate; /* zlib's states, shared by the connections of one reactor */
struct ws_deflate *ws_deflate_create(void);
void ws_deflate_destroy(struct ws_deflate *d);

/* One connection's reading side; small: an idle connection holds no buffer. */
struct ws_parser {
	uint8_t header[14], header_n : 4, header_need : 4;
	uint8_t opcode; /* of the message being gathered; 0 when none */
	uint8_t frame_opcode;
	bool fin, client, deflate_agreed, compressed, in_payload, failed;
	bool closed; /* a close frame was shown: the rest is dropped */
	uint8_t control_n, mask_at;
	uint16_t close_code; /* why it failed: 1002, 1003, 1007, 1009 */
	uint8_t mask[4];
	struct utf8 utf8;
	uint32_t most; /* a message's bytes, before and after inflation */
	uint64_t left; /* payload bytes of this frame still to come */
	char *message; /* gathered fragments; NULL when none */
	uint32_t message_n, message_cap;
	char *control; /* 125 bytes, only while a control frame is in pieces */
	const char *why;
};
_Static_assert(sizeof(struct ws_parser) <= 80, "an idle connection must stay small");
void ws_parser_init(struct ws_parser *p, bool client, bool deflate_agreed, uint32_t most);
void ws_parser_release(struct ws_parser *p);

enum ws_event {
	WS_NEED_MORE,
	WS_MESSAGE, /* *opcode WS_TEXT; *payload valid until the next call (whole, unmasked, inflated, UTF-8 checked) */
	WS_CONTROL, /* *opcode WS_CLOSE, WS_PING or WS_PONG */
	WS_FAILED   /* close with p->close_code */
};
/* Takes bytes up to the next event; call again while bytes are left. `data` is unmasked in place. A binary message
 * fails with 1003 (as api says), a close frame that ws_close_parse() would refuse with 1002 or 1007. *payload is valid
 * until the next call with this parser or this `d`. `d` may be NULL when deflate was not agreed. */
enum ws_event ws_parser_feed(struct ws_parser *p, struct ws_deflate *d, char *data, size_t n, size_t *used,
							 enum ws_opcode *opcode, struct str *payload);
/* A close frame's payload: code (1005 when empty) and reason; false: a code or length that RFC 6455, 7.4 forbids. */
bool ws_close_parse(struct str payload, int *code, struct str *reason);

/* ---- writing. The server's frames carry no mask and so are the same for every reader. */
#define WS_HEADER_MOST 14
size_t ws_header(char out[WS_HEADER_MOST], enum ws_opcode op, bool compressed, size_t payload, const uint8_t *mask);
void ws_frame_add(struct buf *out, enum ws_opcode op, struct str payload); /* one whole frame, unmasked */
void ws_frame_add_masked(struct buf *out, enum ws_opcode op, struct str payload, const uint8_t mask[4]);
/* The compressed form of a text message as one frame; false (nothing added) when it would not be smaller. */
bool ws_frame_add_deflated(struct buf *out, struct ws_deflate *d, struct str payload);
void ws_close_add(struct buf *out, int code, struct str reason); /* the reason is cut to 123 bytes at a character */

/* ---- the handshake */
void ws_accept_key(struct str key, char out[29]); /* Sec-WebSocket-Accept, NUL-terminated */
bool ws_key_valid(struct str key);                /* 16 bytes in base64 */
/* Reads Sec-WebSocket-Extensions; true when an offer can be accepted as said above (window bits under 15 are declined).
 */
bool ws_offer_deflate(struct str offers);
#define WS_DEFLATE_ANSWER "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
#endif
