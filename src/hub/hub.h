/* The hub: puts events in order, heals what was missed, and delivers each to every session of its channel exactly once.
 *
 * Each channel has one owner among the reactors (owner.h), each reactor its local part of a channel (local.h) with the
 * subscriptions of its sessions (session.h). What the hub needs of the database it asks on the sync lane. */
#ifndef LINNET_HUB_HUB_H
#define LINNET_HUB_HUB_H
#include "base/config.h"
#include "base/metrics.h"
#include "bus/bus.h"
#include "hub/frame.h"
#include "loop/lane.h"
#include "loop/reactor.h"
#include "store/epoch.h"

struct hub;
struct hub_reactor;
struct eph;

struct hub_options {
	const struct config *config;
	struct metrics *metrics;
	struct bus *bus;
	struct lane *sync;               /* whose state is a struct db_conn */
	struct reactor *const *reactors; /* not yet running */
	size_t n_reactors;
	const struct dialect *dialects;
	size_t n_dialects;
	struct epoch epoch;
	struct eph *eph;    /* NULL: alone */
	struct lane *look;  /* where eph may be waited for; NULL: sync */
	const char *pod;    /* its id, for the names of devices; NULL: "" */
	bool others;        /* may write to the database without this bus: heads are checked although it is certain */
	struct lane *write; /* whose state is a struct db_conn that may write: stores another epoch */
};
/* Becomes the bus's sink. */
struct hub *hub_create(const struct hub_options *o);
/* Before the lanes end: neither the bus, which goes on until hub_stop(), nor another epoch has the database asked for
 * anything any more. */
void hub_ask_no_more(struct hub *h);
/* The end: the reactors have stopped and the lanes have ended; hub_stop() lets go of everything that waits, then the
 * reactors are destroyed (which delivers what is left), then the hub. */
void hub_stop(struct hub *h);
void hub_destroy(struct hub *h);
struct hub_reactor *hub_here(struct reactor *r);
void *hub_dialect_state(const struct hub_reactor *hr, int dialect);
uint64_t hub_epoch(const struct hub *h); /* any thread */

/* Another epoch was found, and is stored: every session is closed so that it comes back with a hello. Any thread. */
void hub_epoch_changed(struct hub *h, uint64_t epoch);
/* May what was read in this epoch be told? Not of another than the pod's, which makes the pod ask the database, nor of
 * one that is not stored yet. Any thread. */
bool hub_serves(struct hub *h, uint64_t epoch);

/* Asks all sessions to go, spread over spread_ms; they are closed when their time has come. Any thread. */
void hub_drain(struct hub *h, int64_t spread_ms);
size_t hub_sessions(const struct hub *h); /* any thread */
/* An enum presence each, by the sessions of this pod and what others have told. Lane; waits for eph, as that says.
 * False: that of others is not known at the moment. */
bool hub_presences(struct hub *h, const int64_t *ids, size_t n, uint8_t *out);
int64_t hub_watches(const struct hub *h); /* any thread: people watched, by each session */
#endif
