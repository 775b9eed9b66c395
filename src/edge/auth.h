/* Signing up, in and out. */
#ifndef LINNET_EDGE_AUTH_H
#define LINNET_EDGE_AUTH_H
#include "edge/request.h"

enum err register_take(struct request *q); /* register.c; start */
enum err login_take(struct request *q);    /* login.c; start */
enum err refresh_take(struct request *q);  /* refresh.c */
enum err refresh_run(struct request *q, struct db_conn *c);
enum err logout_run(struct request *q, struct db_conn *c); /* sessions.c */
#endif
