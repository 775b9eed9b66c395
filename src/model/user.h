/* A person or bot, and the session by which they act. */
#ifndef LINNET_MODEL_USER_H
#define LINNET_MODEL_USER_H
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum user_role { USER_GUEST, USER_MEMBER, USER_ADMIN, USER_OWNER };
const char *user_role_name(enum user_role r);
bool user_role_parse(struct str s, enum user_role *out);

struct user {
	int64_t id;
	struct str username, display_name, avatar; /* display_name and avatar STR_NONE when unset */
	enum user_role role;
	struct str status; /* a line in their own words; STR_NONE: none */
	bool bot, deactivated, deleted;
	bool do_not_disturb;
	int64_t changed_rev; /* of channel 0 */
};

enum session_kind { SESSION_COOKIE, SESSION_CLIENT, SESSION_TOKEN };
enum scope { SCOPE_READ = 1, SCOPE_WRITE = 2, SCOPE_MANAGE = 4, SCOPE_ADMIN = 8, SCOPE_ALL = 15 };
bool scopes_parse(struct str list, int *out); /* "read,write" */
void scopes_format(int scopes, char out[32]); /* NUL-terminated */

#define DISPLAY_NAME_MOST 64 /* characters; of the server's name too */
#define STATUS_MOST 100      /* characters */
#define PASSWORD_LEAST 10    /* bytes, as PASSWORD_MOST */
#define PASSWORD_MOST 256
#define SESSION_ID 26
/* What a request shows of itself: checked against the session's row by the job (or append batch) that serves it. */
enum credential_kind { CREDENTIAL_NONE, CREDENTIAL_COOKIE, CREDENTIAL_TOKEN, CREDENTIAL_JWT };
struct credential {
	enum credential_kind kind;
	uint8_t hash[32];                /* SHA-256 of cookie or token */
	char session_id[SESSION_ID + 1]; /* of a JWT (its signature was checked), or of an open socket */
	int64_t user_id;                 /* likewise; 0: not known yet */
};
/* The person behind a request, as the session's row said. */
struct actor {
	int64_t user_id;
	enum user_role role;
	enum session_kind session_kind;
	int scopes;
	char session_id[SESSION_ID + 1];
	int64_t expires_at;
	int64_t used_at; /* as noted, once an hour at most */
	bool bot;
};

/* Lowered into *name. ERR_INVALID with the field's fault: form, reserved. */
enum err username_check(struct arena *a, struct str given, struct str *name, struct problem *p);
enum err display_name_check(struct arena *a, struct str *name, struct problem *p);
enum err server_name_check(struct arena *a, struct str *name, struct problem *p);
enum err status_check(struct arena *a, struct str *status, struct problem *p);
enum err password_check(struct str password, struct problem *p); /* 10 to 256 bytes of UTF-8 */
#endif
