/* What ws_parser.c is made of; for src/proto alone. */
#ifndef LINNET_PROTO_WS_PARTS_H
#define LINNET_PROTO_WS_PARTS_H
#include "proto/ws.h"

/* XORs with the mask, of which `at` bytes were used before. */
void ws_mask(char *p, size_t n, const uint8_t mask[4], uint32_t at);

/* The inflated message, in a buffer of d's, valid until the next call. 0, or the close code: 1007 no deflate data, 1009
 * over `most` bytes. */
int ws_inflate(struct ws_deflate *d, struct str in, size_t most, struct str *out);
/* Takes over a message that its parser gathered, so that the parser holds no buffer; freed when the next one comes. */
void ws_deflate_keep(struct ws_deflate *d, char *message);

int ws_close_fault(struct str payload); /* 0, or the close code it deserves: 1002, 1007 */
#endif
