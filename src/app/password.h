/* Passwords: Argon2id, at a cost that is a setting. Each call takes as long as the cost says: on the cpu lane only. */
#ifndef LINNET_APP_PASSWORD_H
#define LINNET_APP_PASSWORD_H
#include "base/arena.h"
#include "base/config.h"
#include "base/err.h"

/* ERR_BUSY: no memory for it at the moment. */
enum err password_hash(const struct config *c, struct arena *a, struct str password, struct str *hash);
/* ERR_BAD_CREDENTIALS: another password. hash STR_NONE: there is nobody; it costs the same, and is wrong. */
enum err password_verify(const struct config *c, struct str hash, struct str password);
bool password_stale(const struct config *c, struct str hash); /* was made at another cost */
#endif
