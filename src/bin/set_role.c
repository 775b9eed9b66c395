/* linnet admin set-role. */
#include <stdio.h>

#include "app/role.h"
#include "base/mem.h"
#include "bin/admin.h"
#include "store/epoch.h"

#define COMMAND "set-role"

struct set_role {
	struct admin_job job;
	const char *username;
	struct role_set set;
};

static enum err run(struct admin_job *j, struct process *p, struct db_conn *c, struct problem *problem)
{
	struct set_role *s = container_of(j, struct set_role, job);
	struct role_set *r = &s->set;
	struct epoch epoch;
	r->username = admin_username(&j->arena, s->username);
	r->now_ms = clock_wall_ms(p->pod.clock);
	enum err e = epoch_open(c, &epoch);
	if (!e) e = role_set(c, r, problem);
	if (e) return e;
	if (r->before == r->role)
		printf(STR_FMT " is %s already\n", STR_ARG(r->username), user_role_name(r->role));
	else
		printf(STR_FMT " is %s now, and was %s\n", STR_ARG(r->username), user_role_name(r->role),
			   user_role_name(r->before));
	if (r->n_ended) printf("sessions and tokens ended: %zu\n", r->n_ended);
	return OK;
}

int admin_set_role(int argc, char **argv)
{
	const char *role = NULL;
	struct set_role s = { .job = { .command = COMMAND, .use = PROCESS_CHANGES, .run = run } };
	const struct admin_word words[] = { { "--username", &s.username }, { "--role", &role } };
	const char *missing = admin_take(&argc, argv, words, countof(words));
	if (missing) return admin_wrong(COMMAND, missing, "a value is missing");
	if (!s.username || !role) return admin_wrong(COMMAND, "", "give --username NAME and --role ROLE");
	if (!user_role_parse(str_of(role), &s.set.role))
		return admin_wrong(COMMAND, "--role", "guest, member, admin or owner");
	return admin_run(&s.job, argc, argv);
}
