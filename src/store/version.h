/* What a message said, from the present version back: message_edits keeps those that an edit replaced; a deletion
 * forgets them all. */
#ifndef LINNET_STORE_VERSION_H
#define LINNET_STORE_VERSION_H
#include "db/db.h"
#include "model/message.h"
#include "model/user.h"

struct version {
	int64_t rev, at; /* its body_rev, and when it was written */
	struct str body;
};
struct versions_query {
	const struct message *message; /* as it is now, not deleted */
	int64_t below;                 /* the body_rev that the last page ended with; INT64_MAX: from the present one */
	size_t limit;
};
struct version_page {
	struct version *items; /* newest first */
	size_t n;
	int64_t next; /* 0 at the end */
};
enum err versions_read(struct db_conn *c, struct arena *a, const struct versions_query *q, struct version_page *out);
#endif
