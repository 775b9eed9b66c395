/* Whether somebody is there: the best of what their devices say. Do not disturb is no presence but a part of the
 * profile (model/user.h). */
#ifndef LINNET_MODEL_PRESENCE_H
#define LINNET_MODEL_PRESENCE_H
#include <stdbool.h>

#include "base/str.h"

enum presence { PRESENCE_OFFLINE, PRESENCE_IDLE, PRESENCE_ONLINE }; /* ascending: the highest of several counts */
const char *presence_name(enum presence p);
bool presence_parse(struct str s, enum presence *out);
#endif
