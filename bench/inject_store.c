/* Stands in for store/sync.c. */
#include "inject_store.h"

#include "store/sync.h"

size_t inject_store_channels;

static struct channel channel_of(int64_t id)
{
	return (struct channel){
		.id = id, .kind = CHANNEL_PUBLIC, .name = STR("bench"), .has_me = true, .me = { .first_id = 1 }
	};
}

enum err sync_heads(struct db_conn *c, struct sync_head *heads, size_t n, uint64_t *epoch)
{
	for (size_t i = 0; i < n; i++) heads[i] = (struct sync_head){ .channel_id = heads[i].channel_id };
	*epoch = INJECT_EPOCH;
	return OK;
}

enum err sync_person_heads(struct db_conn *c, struct sync_person_head *heads, size_t n, uint64_t *epoch)
{
	for (size_t i = 0; i < n; i++) heads[i].rev = 1;
	*epoch = INJECT_EPOCH;
	return OK;
}

enum err sync_logs(struct db_conn *c, struct arena *a, struct sync_log *logs, size_t n, uint64_t *epoch)
{
	for (size_t i = 0; i < n; i++) {
		logs[i].verdict = SYNC_EVENTS;
		logs[i].head = logs[i].since;
	}
	*epoch = INJECT_EPOCH;
	return OK;
}

enum err sync_list(struct db_conn *c, struct arena *a, struct sync_list *out, uint64_t *epoch)
{
	for (size_t i = 0; i < out->n_sessions; i++) out->sessions[i].alive = true;
	out->user_rev = 1, out->active = true, out->n_channels = inject_store_channels;
	out->channels = arena_array(a, struct channel, inject_store_channels);
	for (size_t i = 0; i < inject_store_channels; i++) out->channels[i] = channel_of((int64_t)i + 1);
	out->user = (struct user){ .id = out->user_id, .username = STR("bench"), .role = USER_MEMBER };
	*epoch = INJECT_EPOCH;
	return OK;
}
