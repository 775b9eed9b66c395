/* Access tokens: JWT, HS256 alone, signed with the pod's key. 15 minutes, accepted 30 s late; the ids of person and
 * session, no roles. */
#ifndef LINNET_EDGE_JWT_H
#define LINNET_EDGE_JWT_H
#include "app/pod.h"
#include "base/arena.h"
#include "model/user.h"

#define JWT_LIFE_S 900
#define JWT_LATE_S 30
#define JWT_SECRET_LEAST 32

/* The token's text, in the arena. */
struct str jwt_sign(const struct pod *pod, struct arena *a, int64_t user_id, struct str session_id, int64_t now_ms);
/* ERR_UNAUTHENTICATED: no token of ours, or expired. Any thread. */
enum err jwt_verify(const struct pod *pod, struct str token, int64_t now_ms, struct credential *out);
/* What HMAC makes of a secret of any length; false when it is too short or a known bad one. */
bool jwt_key(struct str secret, uint8_t key[64], size_t *n);
#endif
