#include "loop/outq.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

#define COPY_ROOM 1024 /* of a chunk for copies: several small answers find place in one */

void outq_init(struct outq *q)
{
	*q = (struct outq){ .cap = countof(q->few) };
	q->v = q->few;
	list_init(&q->link);
}

void outq_release(struct outq *q)
{
	for (uint32_t i = 0; i < q->n; i++) chunk_unref(q->v[q->head + i].chunk);
	if (q->v != q->few) mem_free(q->v);
	list_del(&q->link);
	outq_init(q);
}

/* Room for one more range behind the last. */
static void outq_reserve(struct outq *q)
{
	if (q->head + q->n < q->cap) return;
	if (q->head >= q->cap / 2) {
		memmove(q->v, q->v + q->head, q->n * sizeof *q->v);
		q->head = 0;
		return;
	}
	struct range *v = mem_alloc(2 * q->cap * sizeof *v);
	memcpy(v, q->v + q->head, q->n * sizeof *v);
	if (q->v != q->few) mem_free(q->v);
	q->v = v, q->head = 0, q->cap *= 2;
}

static struct range *outq_last(struct outq *q)
{
	return q->n > 0 ? &q->v[q->head + q->n - 1] : NULL;
}

/* Takes the caller's reference. */
static void outq_push(struct outq *q, struct chunk *c, size_t at, size_t n)
{
	outq_reserve(q);
	q->v[q->head + q->n++] = (struct range){ c, (uint32_t)at, (uint32_t)n };
	q->bytes += n;
}

void outq_add(struct outq *q, struct chunk *c, size_t at, size_t n)
{
	assert(at <= c->n && n <= c->n - at);
	if (n == 0) return;
	struct range *last = outq_last(q);
	q->room = 0;
	if (last && last->chunk == c && last->at + last->n == at) {
		last->n += (uint32_t)n;
		q->bytes += n;
		return;
	}
	outq_push(q, chunk_ref(c), at, n);
}

void outq_add_copy(struct outq *q, const void *p, size_t n)
{
	struct range *last = outq_last(q);
	size_t fits = n < q->room ? n : q->room;
	if (fits > 0) {
		memcpy(last->chunk->p + last->at + last->n, p, fits);
		last->n += (uint32_t)fits;
		q->room -= (uint32_t)fits;
		q->bytes += fits;
		p = (const char *)p + fits, n -= fits;
	}
	if (n == 0) return;
	struct chunk *c = chunk_create(n < COPY_ROOM ? COPY_ROOM : n);
	memcpy(c->p, p, n);
	outq_push(q, c, 0, n);
	q->room = c->n - (uint32_t)n;
}

int outq_iov(const struct outq *q, struct iovec *iov, int most)
{
	int n = 0;
	for (; n < most && (uint32_t)n < q->n; n++) {
		const struct range *r = &q->v[q->head + (uint32_t)n];
		iov[n] = (struct iovec){ r->chunk->p + r->at, r->n };
	}
	return n;
}

void outq_drop(struct outq *q, size_t n)
{
	assert(n <= q->bytes);
	q->bytes -= n;
	while (n > 0) {
		struct range *r = &q->v[q->head];
		if (n < r->n) {
			r->at += (uint32_t)n, r->n -= (uint32_t)n;
			return;
		}
		n -= r->n;
		chunk_unref(r->chunk);
		q->head++, q->n--;
	}
	if (q->n == 0) q->head = 0, q->room = 0;
}
