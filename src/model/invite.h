/* A way in: to a channel or to the server, for one person or for whoever has the code. It holds as long as whoever made
 * it could make it anew: once they have left the channel, or the server, it is as if it were not there. */
#ifndef LINNET_MODEL_INVITE_H
#define LINNET_MODEL_INVITE_H
#include "model/channel.h"
#include "model/user.h"

#define INVITE_CODE 26 /* characters, five random bits each */
#define INVITE_USES 25 /* unless said otherwise */
#define INVITE_USES_MOST 10000
#define INVITE_LIFE_MS (INT64_C(7) * 24 * 3600 * 1000)
#define INVITE_LIFE_MOST_MS (INT64_C(366) * 24 * 3600 * 1000)

struct invite {
	struct str code;
	int64_t channel_id; /* 0: to the server */
	int64_t user_id;    /* to whom; 0: to whoever has the code */
	int64_t created_by, created_at, expires_at, max_uses, uses;
	int64_t user_rev;       /* of whom it is to, when it was made; 0: they were not told */
	bool guest;             /* an account that is made by it is a guest's */
	struct channel channel; /* where to, as a stranger may know it: kind, name, topic, member_count */
	struct user inviter;    /* id, username, display_name, avatar */
};
void invite_code_make(char out[INVITE_CODE + 1]);
bool invite_code_valid(struct str code);
/* Whether it lets this person in (0: a new account) now: OK, ERR_NOT_FOUND (somebody else's), ERR_INVITE_EXPIRED,
 * ERR_INVITE_USED_UP. */
enum err invite_judge(const struct invite *i, int64_t user_id, int64_t now_ms);
#endif
