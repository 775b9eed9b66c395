/* The table of routes, made from routes.def. */
#include "base/mem.h"
#include "edge/accounts.h"
#include "edge/auth.h"
#include "edge/blocks.h"
#include "edge/channels.h"
#include "edge/docs.h"
#include "edge/invites.h"
#include "edge/me.h"
#include "edge/mentions.h"
#include "edge/messages.h"
#include "edge/ops.h"
#include "edge/pins.h"
#include "edge/reactions.h"
#include "edge/route.h"
#include "edge/search.h"
#include "edge/settings.h"
#include "edge/threads.h"
#include "edge/typing.h"
#include "edge/upgrade.h"
#include "edge/users.h"

#define ROW(method, path, operation, auth, scope, lane, body, rate, take, run, sink, bare, query)                      \
	{ HTTP_##method, path, #operation, AUTH_##auth, SCOPE_##scope, LANE_##lane, BODY_##body,                           \
	  RATE_##rate,   take, run,        sink,        bare,          query },
#define R_QUERY(method, path, operation, auth, scope, lane, body, rate, take, run, query)                              \
	ROW(method, path, operation, auth, scope, lane, body, rate, take, run, NULL, false, query)
#define R(method, path, operation, auth, scope, lane, body, rate, take, run)                                           \
	R_QUERY(method, path, operation, auth, scope, lane, body, rate, take, run, "")
#define R_ANY(method, path, operation, auth, scope, lane, body, rate, take, run)                                       \
	R_QUERY(method, path, operation, auth, scope, lane, body, rate, take, run, NULL)
#define R_BARE(method, path, operation, auth, scope, lane, body, rate, take, run)                                      \
	ROW(method, path, operation, auth, scope, lane, body, rate, take, run, NULL, true, NULL)
#define R_SINK(method, path, operation, auth, scope, lane, rate, run, sink)                                            \
	ROW(method, path, operation, auth, scope, lane, sink, rate, NULL, run, &sink, false, "")

const struct route routes[] = {
#define SOCKET R_ANY
#define PAGE R_BARE
#define SLASH R_ANY
#include "edge/routes.def"
};
const size_t n_routes = countof(routes);
