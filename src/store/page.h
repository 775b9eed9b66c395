/* What all pages of messages have in common. Within a snapshot of the caller's; strings live in the arena. */
#ifndef LINNET_STORE_PAGE_H
#define LINNET_STORE_PAGE_H
#include "store/history.h"

/* The first message that may be read: under `history: joined` of one's membership. */
int64_t page_first(const struct channel *ch);
/* The message at which the page is asked for; the first at or behind a seq or a time. */
enum err page_place(struct db_conn *c, const struct channel *ch, const struct page_query *q, int64_t *id);
/* At most `most` messages into out; *more: there was another. The statement's columns are MESSAGE_COLUMNS. */
enum err page_messages(struct db_conn *c, struct arena *a, const struct sql *sql, struct db_args args,
					   struct message *out, size_t most, size_t *n, bool *more);
/* Refs, one's own reactions and people of what is on the page, and the people in `more`. */
enum err page_named(struct db_conn *c, struct arena *a, int64_t user_id, struct page *p, const int64_t *more,
					size_t n_more);
enum err page_users(struct db_conn *c, struct arena *a, struct page *p); /* the people alone */
enum err page_end(struct db_conn *c, enum err e);                        /* commits, or rolls back and gives e back */
#endif
