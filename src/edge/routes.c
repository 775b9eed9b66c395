/* The table of routes, made from routes.def. */
#include "base/mem.h"
#include "edge/auth.h"
#include "edge/channels.h"
#include "edge/me.h"
#include "edge/messages.h"
#include "edge/ops.h"
#include "edge/reactions.h"
#include "edge/route.h"
#include "edge/typing.h"
#include "edge/upgrade.h"
#include "edge/users.h"

const struct route routes[] = {
#define R(method, path, operation, auth, scope, lane, body, rate, take, run)                                           \
	{ HTTP_##method, path,        #operation, AUTH_##auth, SCOPE_##scope, LANE_##lane,                                 \
	  BODY_##body,   RATE_##rate, take,       run,         NULL,          false },
#define R_BARE(method, path, operation, auth, scope, lane, body, rate, take, run)                                      \
	{ HTTP_##method, path,        #operation, AUTH_##auth, SCOPE_##scope, LANE_##lane,                                 \
	  BODY_##body,   RATE_##rate, take,       run,         NULL,          true },
#define R_SINK(method, path, operation, auth, scope, lane, rate, run, sink)                                            \
	{ HTTP_##method, path,        #operation, AUTH_##auth, SCOPE_##scope, LANE_##lane,                                 \
	  BODY_sink,     RATE_##rate, NULL,       run,         &sink,         false },
#define SOCKET R
#define PAGE R_BARE
#include "edge/routes.def"
#undef SOCKET
#undef PAGE
#undef R
#undef R_BARE
#undef R_SINK
};
const size_t n_routes = countof(routes);
