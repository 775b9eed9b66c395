/* A person with sessions on this reactor, and the highest rev of their head that was heard of. reactor */
#ifndef LINNET_HUB_PERSON_H
#define LINNET_HUB_PERSON_H
#include "base/vec.h"
#include "hub/hub_reactor.h"
#include "store/sync.h"

struct session;
struct reading;

struct person {
	int64_t user_id;
	struct hub_reactor *here;
	struct list sessions; /* session.person_link */
	int64_t heard;        /* not refuted since */
	int64_t news;         /* the highest heard of since the last read of the list began */
	bool subscribed;      /* confirmed by the bus: news arrive from now on */
	bool head_wanted;
	VEC(int64_t) blocked, blockers; /* whom they have blocked, who them, as of the list read last; ascending */
	/* reading.c */
	struct reading *reading; /* of their list, under way or in the pause behind it */
};
struct person *person_join(struct hub_reactor *hr, struct session *s);
void person_leave(struct session *s);
void person_news(struct hub_reactor *hr, struct user_news *n);
void person_subscribed(struct hub_reactor *hr, int64_t user_id);
void person_doubt(struct hub_reactor *hr, int64_t user_id); /* news of them may have been missed */
void person_unconfirmed(struct person *p); /* the bus is away: whoever waits for it does so no longer */
void person_head(struct hub_reactor *hr, int64_t user_id, int64_t rev);           /* as a head check says */
void person_compare(struct hub_reactor *hr, const struct sync_person_head *head); /* by its id */
void person_blocks(struct person *p, const struct sync_list *l);                  /* as a list says */
bool person_has_blocked(const struct person *p, int64_t user_id);
bool person_is_blocked_by(const struct person *p, int64_t user_id);
/* Their list was read at this rev: what was heard of beyond it before the read began is nothing. */
void person_refute(struct person *p, int64_t user_rev);
#endif
