/* linnet admin reset-password. */
#include <stdio.h>

#include "app/password.h"
#include "app/reset.h"
#include "base/mem.h"
#include "bin/admin.h"
#include "store/epoch.h"

#define COMMAND "reset-password"

struct reset_job {
	struct admin_job job;
	const char *username, *file;
};

static enum err run(struct admin_job *j, struct process *p, struct db_conn *c, struct problem *problem)
{
	const struct reset_job *k = container_of(j, struct reset_job, job);
	struct reset_password r = { .username = admin_username(&j->arena, k->username),
								.now_ms = clock_wall_ms(p->pod.clock) };
	struct str password;
	struct epoch epoch;
	enum err e = admin_password(k->file, &j->arena, &password, problem);
	if (!e) e = password_hash(&p->config, &j->arena, password, &r.password_hash);
	if (!e) e = epoch_open(c, &epoch);
	if (!e) e = reset_password(c, &r, problem);
	if (!e)
		printf("the password of " STR_FMT " is set; sessions and tokens ended: %zu\n", STR_ARG(r.username), r.n_ended);
	return e;
}

int admin_reset_password(int argc, char **argv)
{
	struct reset_job k = { .job = { .command = COMMAND, .use = PROCESS_CHANGES, .run = run } };
	const struct admin_word words[] = { { "--username", &k.username }, { "--password-file", &k.file } };
	const char *missing = admin_take(&argc, argv, words, countof(words));
	if (missing) return admin_wrong(COMMAND, missing, "a value is missing");
	if (!k.username || !k.file) return admin_wrong(COMMAND, "", "give --username NAME and --password-file FILE");
	return admin_run(&k.job, argc, argv);
}
