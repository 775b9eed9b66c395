/* Who is there. Each greeted session is a device of its person, online or idle. What the devices of this pod come to is
 * counted in the hub (hub_person_device); where other pods may share it (eph->shared) each device is put there as well,
 * and anew before it would be forgotten, by one sweep a reactor. A change is told by news on user:ID, which say no more
 * than that somebody should look again (watch.h). reactor, but where it says otherwise */
#ifndef LINNET_HUB_PRESENCE_H
#define LINNET_HUB_PRESENCE_H
#include "hub/hub_reactor.h"
#include "model/presence.h"

struct session;

#define PRESENCE_TICK_MS 100

/* What a person's devices are put for, and how often anew: two puts may be lost. Whoever watches looks as often, so
 * that a pod that died is forgotten within LINNET_PRESENCE_TTL_MS. */
static inline int64_t presence_life_ms(const struct config *c)
{
	return c->presence_ttl_ms * 2 / 3;
}
static inline int64_t presence_again_ms(const struct config *c)
{
	return c->presence_ttl_ms / 4;
}

void presence_begin(struct session *s);                    /* it is greeted: online */
void presence_set(struct session *s, enum presence state); /* online or idle */
void presence_end(struct session *s);                      /* also of one that never began */
void presence_sweep(struct hub_reactor *hr, int64_t elapsed_ms);

/* How many of n are due after so long when each is within `every_ms`, in turn; *carry keeps what is left of one. */
size_t presence_share(size_t n, int64_t elapsed_ms, int64_t every_ms, int64_t *carry);

struct presence_gate *presence_gate_create(struct hub *h);
/* The hub stops: whoever still waits for an answer tells nobody. */
void presence_gate_close(struct presence_gate *g);
void presence_gate_unref(struct presence_gate *g);
#endif
