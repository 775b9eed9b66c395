/* Keys that all processes on one database share: made once, by whoever asks first. */
#ifndef LINNET_STORE_SECRET_H
#define LINNET_STORE_SECRET_H
#include "db/db.h"

#define SECRET_BYTES 32
enum err secret_get(struct db_conn *c, struct str name, int64_t now_ms, uint8_t out[SECRET_BYTES]);
#endif
