/* What search.c, search_spans.c and search_snippet.c share. lane */
#ifndef LINNET_STORE_SEARCH_PRIVATE_H
#define LINNET_STORE_SEARCH_PRIVATE_H
#include "base/vec.h"
#include "model/gram.h"
#include "store/leaf.h"
#include "store/search.h"

#define SEARCH_RANGES 12 /* of grams that are looked up in a segment */
#define SPANS_MOST 512   /* of a round */

/* A stretch of a channel: a segment of the index, or what lies between two. Read from its upper end down. */
struct span {
	int64_t channel_id;
	int64_t lo, next;  /* still to be looked at: lo to next */
	int64_t above;     /* none of it is younger */
	int64_t below;     /* none is older; 0: not known */
	int64_t segment;   /* its lo; 0: not indexed */
	bool looked, over; /* hits are known; nothing is left */
	struct places hits;
};
struct span_list {
	struct span *p;
	size_t n, cap;
};
struct found {
	int64_t at, channel_id, message_id;
};
struct searching {
	struct db_conn *c;
	struct arena *a;
	const struct actor *who;
	const struct search_ask *ask;
	int64_t author_id; /* 0: anybody */
	bool nothing;      /* it is plain already that there is none */
	int64_t from_ms;   /* not older */
	struct found upto; /* only what comes after it */
	struct span_list spans;
	struct gram_range ranges[SEARCH_RANGES];
	size_t n_ranges;
	struct places *got; /* of a round, for each of its spans and ranges; used again */
	struct {
		struct found *p;
		size_t n, cap;
	} found;
	struct fold fold;
	int64_t end_ns; /* when its time is over */
	int64_t scanned;
};
/* Newest first: is x told after y? */
static inline bool found_after(const struct found *x, const struct found *y)
{
	if (x->at != y->at) return x->at < y->at;
	if (x->channel_id != y->channel_id) return x->channel_id < y->channel_id;
	return x->message_id < y->message_id;
}

/* ---- search_spans.c */
enum err spans_open(struct searching *s); /* what there is to be read, cut down to what was asked for */
/* For each of picked[], SPANS_MOST of them at most: which of its messages may match, by the index. */
enum err spans_look(struct searching *s, struct span *const *picked, size_t n);

/* ---- search_snippet.c */
void snippet_make(struct arena *a, struct fold *scratch, const struct query *q, struct search_hit *hit);
#endif
