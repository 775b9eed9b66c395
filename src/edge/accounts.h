/* Accounts: made and changed by admins, deleted, and a password anew by a code. */
#ifndef LINNET_EDGE_ACCOUNTS_H
#define LINNET_EDGE_ACCOUNTS_H
#include "edge/request.h"

enum err user_create_take(struct request *q); /* start */
enum err user_patch_take(struct request *q);  /* start */
enum err user_delete_take(struct request *q); /* start */
enum err user_reset_run(struct request *q, struct db_conn *c);

/* leaving.c */
enum err me_delete_take(struct request *q); /* start */
/* The member `messages` of a body: shall they go too? */
enum err leaving_messages(struct request *q, struct json_in *in, bool *messages);

/* reset.c */
enum err reset_take(struct request *q);
enum err reset_run(struct request *q, struct db_conn *c);
#endif
