/* A server that is not what it seems: to each who connects and has said something it says what it was told to, whatever
 * was asked. A thread for each connection. */
#ifndef LINNET_TESTS_SUPPORT_LIAR_H
#define LINNET_TESTS_SUPPORT_LIAR_H
#include <stddef.h>

struct liar_lines {
	const char *first; /* once */
	const char *then;  /* again and again, as fast as it is taken; NULL: it only waits for the end */
};
struct liar;
struct liar *liar_start(const struct liar_lines *lines); /* which outlive it */
void liar_destroy(struct liar *l);
int liar_port(const struct liar *l);
#endif
