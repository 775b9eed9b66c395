/* linnet admin reset-password. */
#include <stdio.h>

#include "app/password.h"
#include "app/reset.h"
#include "base/mem.h"
#include "bin/admin.h"
#include "bin/process.h"
#include "store/epoch.h"

#define COMMAND "reset-password"

static enum err reset(struct process *p, const char *username, const char *file, struct arena *a,
					  struct problem *problem)
{
	struct reset_password r = { .username = str_of(username), .now_ms = clock_wall_ms(p->pod.clock) };
	struct str password;
	struct epoch epoch;
	enum err e = admin_password(file, a, &password, problem);
	if (!e) e = password_hash(&p->config, a, password, &r.password_hash);
	struct db_conn *c = process_conn(p);
	if (!e) e = epoch_open(c, &epoch);
	if (!e) e = reset_password(c, &r, problem);
	db_conn_destroy(c);
	if (!e) printf("the password of %s is set; sessions and tokens ended: %zu\n", username, r.n_ended);
	return e;
}

int admin_reset_password(int argc, char **argv)
{
	const char *username = NULL, *file = NULL;
	const struct admin_word words[] = { { "--username", &username }, { "--password-file", &file } };
	struct process p;
	struct arena arena;
	struct problem problem;
	const char *missing = admin_take(&argc, argv, words, countof(words));
	if (missing) return admin_wrong(COMMAND, missing, "a value is missing");
	if (!username || !file) return admin_wrong(COMMAND, "", "give --username NAME and --password-file FILE");
	int status = process_open(&p, ROLE_SERVE, PROCESS_CHANGES, argc, argv);
	if (!status && process_migrate(&p, false, false)) status = 1;
	arena_init(&arena);
	problem_init(&problem, &arena);
	enum err e = status ? OK : reset(&p, username, file, &arena, &problem);
	if (e) admin_say(COMMAND, e, &problem);
	arena_release(&arena);
	process_close(&p);
	return e ? 1 : status;
}
