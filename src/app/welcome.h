/* What an account still needs once it is there, through the append queue: it joins the default channels and the one it
 * was invited to, and last channel 0. Where it broke off, in a process that ended, it is done at the next sign-in: all
 * of it can be done twice. */
#ifndef LINNET_APP_WELCOME_H
#define LINNET_APP_WELCOME_H
#include "app/append.h"

#define WELCOME_CHANNELS 50

struct welcome_change;
struct welcome { /* reactor; its owner keeps it until `done` */
	struct append *append;
	struct arena *arena; /* lives as long */
	struct reactor *home;
	struct credential credential;          /* of the person */
	int64_t as_user;                       /* or who they are, where they have no session yet; 0: by the credential */
	int64_t channel_ids[WELCOME_CHANNELS]; /* the default ones */
	size_t n_channels;
	int64_t invite_channel; /* and this one, by an invite of their own; 0: none */
	struct str invite;
	struct str address, request_id;
	void (*done)(struct welcome *w, enum err e); /* on home; what failed may be tried again */
	/* plumbing */
	struct welcome_change *changes;
	struct person_patch settle;
	size_t waiting;
	int stage;
	enum err err;
};
/* What such a person is to join, written into the welcome. lane */
enum err welcome_find(struct welcome *w, struct db_conn *c, struct arena *a, int64_t user_id);
void welcome_start(struct welcome *w); /* on home; `done` comes, perhaps at once */
#endif
