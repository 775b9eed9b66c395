/* Statements that have to go by an index of their own, since they run where others wait, or past rows without number.
 * They stand here so that a test explains the very words that run (tests/unit/store/test_indexed.c). */
#ifndef LINNET_STORE_INDEXED_H
#define LINNET_STORE_INDEXED_H
#include "model/user.h"

/* users_owners. 3 is USER_OWNER: an index of some rows is found by what the statement says, not by a parameter. */
#define OTHER_OWNER(user_id)                                                                                           \
	"SELECT 1 FROM users WHERE role = 3 AND user_id <> " user_id                                                       \
	" AND deleted_at IS NULL AND deactivated_at IS NULL AND bot = 0 LIMIT 1"
_Static_assert(USER_OWNER == 3, "as users_owners has it");

/* channels_dm_maker */
#define DMS_MADE(user_id) "SELECT count(*) FROM channels WHERE created_by = " user_id " AND dm_key IS NOT NULL"
#endif
