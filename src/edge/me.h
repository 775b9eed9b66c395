/* Oneself: profile, password, sessions, API tokens. */
#ifndef LINNET_EDGE_ME_H
#define LINNET_EDGE_ME_H
#include "edge/request.h"

enum err me_get_take(struct request *q);   /* start */
enum err me_patch_take(struct request *q); /* start */
enum err password_take(struct request *q);
enum err password_run(struct request *q, struct db_conn *c);

/* sessions.c */
enum err session_list_take(struct request *q); /* of tokens too */
enum err session_list_run(struct request *q, struct db_conn *c);
enum err session_delete_run(struct request *q, struct db_conn *c);
enum err session_delete_others_run(struct request *q, struct db_conn *c);

struct token_new;
/* tokens.c */
enum err token_list_run(struct request *q, struct db_conn *c);
enum err token_create_take(struct request *q);
enum err token_create_run(struct request *q, struct db_conn *c);
enum err token_delete_run(struct request *q, struct db_conn *c);
/* The secret, and its verifier, which costs some thousand hashes: cpu lane. */
void token_prepare(struct request *q, struct token_new *n);
/* The member `scopes` of a body: a problem of the field where it is there and wrong. */
enum err scopes_take(struct request *q, struct json_in *in, enum json_need need, int *out);

/* ?cursor= and ?limit= of a list; ERR_INVALID of its store function says that the cursor is none. */
struct page_ask {
	struct str cursor;
	int64_t limit;
};
enum err page_take(struct request *q, struct page_ask *out);
enum err page_cursor(struct request *q, enum err e);
void put_scopes(struct json_out *o, int scopes);                      /* the member `scopes` */
void put_time(struct json_out *o, const char *name, int64_t wall_ms); /* 0: null */
#endif
