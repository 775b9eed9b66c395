/* An immutable run of bytes counted by reference: a frame, or the frames that a channel gathered in one turn. Filled
 * by its maker, frozen when first shared. Crosses threads; a reference is taken once per reactor, not per subscriber.
 */
#ifndef LINNET_LOOP_CHUNK_H
#define LINNET_LOOP_CHUNK_H
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct chunk {
	_Atomic uint32_t refs;
	uint32_t n; /* bytes */
	char p[];
};
struct chunk *chunk_create(size_t n); /* one reference; n is the room, set c->n lower if less is used */
struct chunk *chunk_copy(const void *p, size_t n);
struct chunk *chunk_ref(struct chunk *c);
void chunk_unref(struct chunk *c); /* NULL is fine */
#endif
