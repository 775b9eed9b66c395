/* SQLite: an operator's command beside a server on the same file tells it what it has moved, by rows of `moves`; the
 * server's head check asks for those alone, where its bus is certain of all the rest. In Postgres telling does nothing:
 * there every head that moves is in `moves` anyway. */
#ifndef LINNET_STORE_TOLD_H
#define LINNET_STORE_TOLD_H
#include "store/moves.h"

/* In the transaction that moves the head. */
enum err moves_tell_person(struct db_conn *c, int64_t user_id);
enum err moves_tell_channel(struct db_conn *c, int64_t channel_id);
/* What was told since `prev`, as the heads are now. */
enum err moves_told(struct db_conn *c, struct arena *a, const struct moment *prev, struct moves *out);
/* Before anybody is served. */
enum err moves_forget_told(struct db_conn *c);
#endif
