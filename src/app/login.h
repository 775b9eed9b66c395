/* How often a password may be guessed: failures are counted by address and by name. A name under attack still lets
 * those in whose address it knows, and others one try each in a while. The counters are ephemeral, and shared by all
 * pods: these functions are for lanes, since they may wait for Redis. */
#ifndef LINNET_APP_LOGIN_H
#define LINNET_APP_LOGIN_H
#include "base/err.h"
#include "eph/eph.h"

#define LOGIN_ADDRESS_MS (15 * 60000)
#define LOGIN_NAME_MS (60 * 60000)
#define LOGIN_WAIT_MS (15 * 60000)
#define LOGIN_KNOWN_MS (INT64_C(30) * 86400 * 1000) /* an address is known by a session of the last 30 days */

enum login_of { LOGIN_NAME, LOGIN_SELF, LOGIN_CODE }; /* whose guesses never count for one another */

struct login_try {
	struct eph *eph;
	const struct config *config; /* how many are too many */
	struct str address;          /* as limits count it: an IPv4 address, or the /64 of another */
	enum login_of of;
	struct str name; /* LOGIN_NAME: lowered, there is somebody of that name or not; LOGIN_SELF: of who is signed in, the
					  * id; LOGIN_CODE: the address again, as no name is known */
	bool known;      /* the person of this name had a session from this address lately */
};
/* Before the password is looked at. ERR_RATE_LIMITED with *retry_ms. */
enum err login_admit(const struct login_try *t, int64_t *retry_ms);
/* After it was right: others may have been guessing at the same time. Takes nothing. */
enum err login_confirm(const struct login_try *t, int64_t *retry_ms);
void login_failed(const struct login_try *t);
#endif
