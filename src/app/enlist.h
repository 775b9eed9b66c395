/* Many accounts at once, each with an API token: what an operator makes from the command line. */
#ifndef LINNET_APP_ENLIST_H
#define LINNET_APP_ENLIST_H
#include "store/token.h"

#define ENLIST_MOST 100000
#define ENLIST_NAME 32 /* longest username */

struct enlisted {
	char username[ENLIST_NAME + 1];
	char token[SECRET_TEXT];
	int64_t user_id;
	bool first; /* of the server: its owner */
};
/* Names them prefix1 .. prefixN and makes their tokens; nothing is written yet. ERR_INVALID: no names can be made of
 * that prefix. */
enum err enlist_name(struct str prefix, struct enlisted *people, size_t n, struct problem *p);
/* All or none, in one transaction with its audit row. `written` is called before the commit, when the tokens are sure
 * to be right; its error is the end of it. ERR_NAME_TAKEN: *taken is the first whose name is. What takes revs follows:
 * app/welcome.h. */
enum err enlist(struct db_conn *c, struct enlisted *people, size_t n, int64_t now_ms,
				enum err (*written)(void *arg, const struct enlisted *people, size_t n), void *arg, size_t *taken);
#endif
