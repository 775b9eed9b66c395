/* What one process has: nothing is global, everything hangs off its pod. Made by src/bin, frozen once it serves but for
 * the atomics. The state of each database lane is its struct db_conn. */
#ifndef LINNET_APP_POD_H
#define LINNET_APP_POD_H
#include <stdatomic.h>

#include "app/append.h"
#include "base/config.h"
#include "base/metrics.h"
#include "base/random.h"
#include "bus/bus.h"
#include "db/db.h"
#include "eph/eph.h"
#include "loop/lane.h"
#include "loop/reactor.h"
#include "store/epoch.h"

struct hub; /* hub/hub.h */

struct pod {
	const struct config *config;
	const struct clock *clock;
	struct random *random;
	struct metrics *metrics;
	enum role role;
	char id[27]; /* a ULID made at start */
	struct db *db;
	struct bus *bus;
	struct eph *eph;
	struct epoch epoch; /* as found at start; the hub keeps the present one */
	struct lane *write, *read, *sync, *cpu, *slow;
	struct append *append;
	struct markers *markers; /* app/marker.h */
	struct hub *hub;
	struct shares *searchers; /* app/share.h: of the lane `slow` */
	struct reactor **reactors;
	size_t n_reactors;
	bool local; /* listens on loopback only and has no PUBLIC_URL (docs/accounts.md: The first account) */
	uint8_t jwt_key[64], jwt_key_previous[64];
	size_t jwt_key_n, jwt_key_previous_n;
	_Atomic int64_t searches, searches_cut, search_scanned; /* counted on their lane */
	_Atomic bool ready;                                     /* serving: not starting, not draining */
	_Atomic bool draining;
	int64_t started_ms;
};
#endif
