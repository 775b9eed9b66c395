/* Handlers of threads (routes.def). */
#ifndef LINNET_EDGE_THREADS_H
#define LINNET_EDGE_THREADS_H
#include "edge/request.h"

enum err thread_get_take(struct request *q);
enum err thread_get_run(struct request *q, struct db_conn *c);
enum err thread_list_take(struct request *q);
enum err thread_list_run(struct request *q, struct db_conn *c);
enum err thread_follow_take(struct request *q);
enum err thread_unfollow_take(struct request *q);
enum err thread_read_take(struct request *q);
enum err thread_write_run(struct request *q, struct db_conn *c);
#endif
