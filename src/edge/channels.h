/* Handlers of channels, memberships and direct messages (routes.def). */
#ifndef LINNET_EDGE_CHANNELS_H
#define LINNET_EDGE_CHANNELS_H
#include "edge/request.h"

enum err channel_list_take(struct request *q);
enum err channel_browse_take(struct request *q);
enum err channel_list_run(struct request *q, struct db_conn *c);
enum err channel_browse_run(struct request *q, struct db_conn *c);
enum err channel_create_take(struct request *q);
enum err channel_id_take(struct request *q);
enum err channel_get_run(struct request *q, struct db_conn *c);
enum err channel_patch_take(struct request *q);
enum err channel_delete_take(struct request *q);
enum err channel_join_take(struct request *q);
enum err channel_leave_take(struct request *q);
enum err channel_me_take_patch(struct request *q);
enum err channel_me_run(struct request *q, struct db_conn *c);
enum err channel_read_take(struct request *q);
enum err channel_unread_take(struct request *q);
enum err channel_read_run(struct request *q, struct db_conn *c);
enum err channel_unread_run(struct request *q, struct db_conn *c);
enum err dm_create_take(struct request *q);
/* members.c */
enum err member_list_take(struct request *q);
enum err member_list_run(struct request *q, struct db_conn *c);
enum err member_put_take(struct request *q);
enum err member_delete_take(struct request *q);
enum err member_ids_take(struct request *q, int64_t *channel_id, int64_t *user_id); /* of the path */
/* bans.c */
enum err ban_list_take(struct request *q);
enum err ban_list_run(struct request *q, struct db_conn *c);
enum err ban_put_take(struct request *q);
enum err ban_delete_take(struct request *q);
#endif
