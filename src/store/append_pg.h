/* Sends in Postgres: the whole batch in one call of linnet_send() (migrations), one round trip. */
#ifndef LINNET_STORE_APPEND_PG_H
#define LINNET_STORE_APPEND_PG_H
#include "store/append.h"

enum err append_pg_sends(struct appender *w, struct db_conn *c, struct append_batch *b);
/* After a commit of unknown outcome that took place: the verdicts, from what is there. What was refused or skipped
 * cannot be told apart and is ERR_SKIPPED: to be asked again. */
enum err append_pg_sent(struct appender *w, struct db_conn *c, struct append_batch *b);
#endif
