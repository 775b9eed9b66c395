/* Who a message names: @name, @channel and @here in its source, but not inside code. */
#ifndef LINNET_MODEL_MENTION_H
#define LINNET_MODEL_MENTION_H
#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

#define MENTION_ALL_MOST 100 /* members: in larger channels only operators reach all at once */
#define MENTION_NAME 32

struct mentions {
	size_t n;
	char names[50][MENTION_NAME]; /* lowered, each once */
	unsigned char lengths[50];
	bool all;  /* @channel, @all, @everyone */
	bool more; /* there were more than 50 */
};
void mentions_find(struct str body, struct mentions *out);
static inline struct str mention_name(const struct mentions *m, size_t i)
{
	return (struct str){ m->names[i], m->lengths[i] };
}
#endif
