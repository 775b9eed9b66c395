/* UTF-8 checked piece by piece (RFC 3629), for text that comes in fragments. */
#ifndef LINNET_PROTO_UTF8_H
#define LINNET_PROTO_UTF8_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct utf8 {
	uint32_t state; /* 0: between characters */
};
bool utf8_feed(struct utf8 *u, const char *p, size_t n); /* false: no valid text can begin so */
static inline bool utf8_whole(const struct utf8 *u)
{
	return u->state == 0;
}
size_t utf8_char(const char *p, size_t n); /* bytes of the character that p begins with; 0: none, or cut off */
#endif
