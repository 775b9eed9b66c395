/* Threads as their readers see them: the page of one, the list of those that a person follows, and the person's own
 * part, which moves their head (store/own.h). Strings live in the arena. */
#ifndef LINNET_STORE_THREAD_H
#define LINNET_STORE_THREAD_H
#include "proto/json.h"
#include "store/history.h"

/* One's own part of a thread; all zero: none. */
struct thread_mark {
	int64_t channel_id, thread_id;
	bool following;
	int64_t read_seq; /* up to this thread_seq it was read */
};
void thread_mark_fields(struct json_out *o, const struct thread_mark *m); /* of a `thread` frame */

struct thread_query {
	int64_t channel_id, root_id;
	enum page_kind kind;
	int64_t message_id, time_ms; /* the place, as in page_query */
	size_t limit;
};
struct thread_page {
	struct message root;
	struct page page; /* its replies; no changes */
	struct thread_mark mark;
	int64_t mention_count; /* in what was not read */
};
/* ERR_NOT_FOUND: there is no such message that the person may read; ERR_INVALID: it is a reply, out->root. */
enum err thread_read(struct db_conn *c, struct arena *a, const struct actor *who, const struct thread_query *q,
					 struct thread_page *out);

struct thread_item {
	struct thread_mark mark;
	int64_t unread, mention_count;
};
struct threads_query {
	bool unread;  /* only those with something new */
	int64_t most; /* follows that are looked at */
	struct str cursor;
	size_t limit;
};
struct threads {
	struct page page;          /* items: the roots; users, epoch */
	struct thread_item *items; /* of each */
	struct str next;
};
/* Those that the person follows, may read and that have replies; the last reply first. ERR_INVALID: no cursor of ours.
 * When somebody replied last stands with the root and not with each follow, which a reply would have to write, however
 * many follow: so each page looks at the root of every follow, of the `most` at most whose own part moved last. */
enum err threads_read(struct db_conn *c, struct arena *a, const struct actor *who, const struct threads_query *q,
					  struct threads *out);

enum thread_move { THREAD_FOLLOW, THREAD_UNFOLLOW, THREAD_READ };
struct thread_write {
	enum thread_move move;
	int64_t channel_id, root_id;
	int64_t message_id; /* THREAD_READ: up to this one, the root or a reply of it */
	uint64_t epoch;     /* that the ids are of; 0: the present one */
	bool found;         /* out: there is the root; ERR_NOT_FOUND is of message_id */
	int64_t reply_of;   /* out with ERR_INVALID: root_id is a reply in this thread */
};
/* In a transaction that has the person's head, at user_rev. *changed false: it was so. ERR_NOT_FOUND, ERR_INVALID as
 * thread_read(), ERR_EPOCH_CHANGED. */
enum err thread_write(struct db_conn *c, struct arena *a, const struct actor *who, struct thread_write *w,
					  int64_t user_rev, bool *changed);
#endif
