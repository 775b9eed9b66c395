/* Watching people: each session names a set, and is told of each in it what they are and, from then on, what has
 * changed. A reactor looks at those that somebody on it watches, and at nobody else: once when they are new, when news
 * say that they changed, and from time to time, in turn, all that were named meanwhile by one question. So a change
 * costs who watches, a person nobody. Told is what differs from what was told before: nothing is queued, whoever reads
 * slowly hears the last of it. reactor */
#ifndef LINNET_HUB_WATCH_H
#define LINNET_HUB_WATCH_H
#include "hub/hub_reactor.h"
#include "model/presence.h"

struct session;
struct watch;

#define WATCH_MOST 500 /* people of one session */

struct presence_item {
	int64_t user_id;
	enum presence state;
};

/* The whole set, ascending, each once; n 0: nobody any more. Answered by ops->presence() with `whole`, once all are
 * known, unless another set comes before. ERR_LIMIT_REACHED: the pod watches LINNET_WATCHES already; the old set stays.
 */
enum err watch_set(struct session *s, const int64_t *ids, size_t n);
void watch_end(struct session *s); /* it closes */

struct person;
void watch_judge_again(struct person *p);                 /* who has blocked them is known now, or are others */
void watch_news(struct hub_reactor *hr, int64_t user_id); /* they may have changed, or news begin to arrive */
void watch_wake(struct hub_reactor *hr);                  /* there is something to sweep */
void watch_open(struct hub_reactor *hr);
void watch_stop(struct hub_reactor *hr);  /* the hub's end: no timer is left */
void watch_close(struct hub_reactor *hr); /* after the sessions */
#endif
