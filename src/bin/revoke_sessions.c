/* linnet admin revoke-sessions. */
#include <stdio.h>

#include "app/revoke.h"
#include "base/mem.h"
#include "bin/admin.h"
#include "store/epoch.h"

#define COMMAND "revoke-sessions"

struct revoke_job {
	struct admin_job job;
	const char *username; /* NULL: everybody */
	struct revoke revoke;
};

static enum err run(struct admin_job *j, struct process *p, struct db_conn *c, struct problem *problem)
{
	struct revoke_job *k = container_of(j, struct revoke_job, job);
	struct revoke *r = &k->revoke;
	struct epoch epoch;
	r->username = k->username ? admin_username(&j->arena, k->username) : STR_NONE;
	r->now_ms = clock_wall_ms(p->pod.clock);
	enum err e = epoch_open(c, &epoch);
	if (!e) e = revoke_sessions(c, r, problem);
	if (!e || r->ended)
		printf("%s ended: %lld, of %lld people\n", r->keep_tokens ? "sessions" : "sessions and tokens",
			   (long long)r->ended, (long long)r->people);
	return e;
}

int admin_revoke_sessions(int argc, char **argv)
{
	struct revoke_job r = { .job = { .command = COMMAND, .use = PROCESS_CHANGES, .run = run } };
	const struct admin_word words[] = { { "--username", &r.username } };
	bool all = admin_flag(&argc, argv, "--all");
	r.revoke.keep_tokens = admin_flag(&argc, argv, "--keep-tokens");
	const char *missing = admin_take(&argc, argv, words, countof(words));
	if (missing) return admin_wrong(COMMAND, missing, "a value is missing");
	if (all == (r.username != NULL)) return admin_wrong(COMMAND, "", "give --username NAME, or --all");
	return admin_run(&r.job, argc, argv);
}
