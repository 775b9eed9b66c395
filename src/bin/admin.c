/* linnet admin create-user: people and tokens in one transaction, then their channels through an append queue of this
 * process's own. The file with the tokens is safe before the commit: a token is never shown again. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/enlist.h"
#include "app/welcome.h"
#include "bin/commands.h"
#include "bin/process.h"
#include "store/person.h"

#define AT_ONCE 64 /* welcomes under way */

struct create_user {
	struct process process;
	int64_t count;
	struct str prefix;
	const char *tokens; /* file */
	struct enlisted *people;
	bool written;
	struct problem problem;
	/* the welcomes, on the reactor */
	struct mail begin;
	int64_t channel_ids[WELCOME_CHANNELS];
	size_t n_channels, next, end, busy;
	enum err err;
};

/* ---- arguments */
/* Takes "--name value" or "--name=value" out of argv; NULL: it is not there. */
static const char *take_flag(int *argc, char **argv, const char *name)
{
	size_t n = strlen(name);
	for (int i = 0; i < *argc; i++) {
		if (strncmp(argv[i], name, n) != 0 || (argv[i][n] && argv[i][n] != '=')) continue;
		int words = argv[i][n] ? 1 : 2;
		if (i + words > *argc) return NULL;
		const char *value = words == 1 ? argv[i] + n + 1 : argv[i + 1];
		memmove(argv + i, argv + i + words, sizeof *argv * (size_t)(*argc - i - words));
		*argc -= words;
		return value;
	}
	return NULL;
}

static int usage(const char *why)
{
	fprintf(stderr, "linnet: admin: %s\n", why);
	return 2;
}

static int take_arguments(struct create_user *u, int *argc, char **argv)
{
	const char *count = take_flag(argc, argv, "--count"), *prefix = take_flag(argc, argv, "--prefix");
	u->tokens = take_flag(argc, argv, "--tokens");
	u->prefix = str_of(prefix);
	if (!count || !prefix || !u->tokens) return usage("create-user needs --count N, --prefix P and --tokens FILE");
	if (!str_i64(str_of(count), 1, ENLIST_MOST, &u->count))
		return usage("--count: give a whole number from 1 to 100000");
	return 0;
}

static int failed(struct create_user *u, enum err e)
{
	const struct problem *p = &u->problem;
	struct str detail = p->n_fields ? p->fields[0].detail : p->detail;
	if (!detail.p) detail = str_of(err_row(e)->title);
	fprintf(stderr, "linnet: admin: create-user: " STR_FMT "\n", STR_ARG(detail));
	return 1;
}

/* ---- the file */
static enum err write_tokens(void *arg, const struct enlisted *people, size_t n)
{
	struct create_user *u = arg;
	FILE *f = NULL;
	int fd = open(u->tokens, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd >= 0 && !(f = fdopen(fd, "w"))) close(fd);
	bool ok = f != NULL;
	for (size_t i = 0; ok && i < n; i++) ok = fprintf(f, "%s %s\n", people[i].username, people[i].token) > 0;
	ok = ok && fflush(f) == 0 && (fsync(fd) == 0 || errno == EINVAL || errno == EROFS); /* pipes cannot be synced */
	if (f && fclose(f)) ok = false;
	u->written = f != NULL;
	return ok ? OK : problem_set(&u->problem, ERR_UNAVAILABLE, "%s: %s", u->tokens, strerror(errno));
}

static enum err make_people(struct create_user *u, struct db_conn *c)
{
	size_t taken = 0, n = (size_t)u->count;
	enum err e = enlist_name(u->prefix, u->people, n, &u->problem);
	if (!e) e = enlist(c, u->people, n, clock_wall_ms(&clock_real), write_tokens, u, &taken);
	if (e && u->written) unlink(u->tokens); /* they are nobody's */
	if (e == ERR_NAME_TAKEN)
		problem_set(&u->problem, e, "%s is there already: nobody was made", u->people[taken].username);
	return e;
}

/* ---- channels */
struct welcoming {
	struct welcome welcome;
	struct arena arena;
	struct create_user *of;
};

static void go_on(struct create_user *u);

static void welcomed(struct welcome *w, enum err e)
{
	struct welcoming *one = container_of(w, struct welcoming, welcome);
	struct create_user *u = one->of;
	if (e) u->err = e;
	u->busy--;
	arena_release(&one->arena);
	mem_free(one);
	go_on(u);
}

static void welcome_one(struct create_user *u, const struct enlisted *person)
{
	struct welcoming *one = mem_new(struct welcoming);
	struct welcome *w = &one->welcome;
	one->of = u;
	arena_init(&one->arena);
	w->append = u->process.pod.append;
	w->arena = &one->arena;
	w->home = u->process.pod.reactors[0];
	w->credential.kind = CREDENTIAL_TOKEN;
	session_hash(str_of(person->token), w->credential.hash);
	w->first = person->first;
	memcpy(w->channel_ids, u->channel_ids, sizeof w->channel_ids);
	w->n_channels = u->n_channels;
	w->address = w->request_id = STR_NONE;
	w->done = welcomed;
	u->busy++;
	welcome_start(w);
}

static void go_on(struct create_user *u)
{
	while (!u->err && u->busy < AT_ONCE && u->next < u->end) welcome_one(u, &u->people[u->next++]);
	if (u->busy == 0 && (u->err || u->next == u->end)) reactor_stop(u->process.pod.reactors[0]);
}

static void begin(struct reactor *r, struct mail *m)
{
	go_on(container_of(m, struct create_user, begin));
}

/* From `next` up to `end`. */
static enum err welcome_some(struct create_user *u, size_t end)
{
	struct db_conn *c = process_conn(&u->process);
	enum err e = person_defaults(c, u->channel_ids, WELCOME_CHANNELS, &u->n_channels);
	db_conn_destroy(c);
	if (e || u->next == end) return e;
	u->end = end;
	u->begin.deliver = begin;
	reactor_post(u->process.pod.reactors[0], &u->begin);
	reactor_run(u->process.pod.reactors[0]);
	return u->err;
}

/* The first account makes the channel that the others join. */
static enum err welcome_all(struct create_user *u)
{
	enum err e = u->people[0].first ? welcome_some(u, 1) : OK;
	if (!e) e = welcome_some(u, (size_t)u->count);
	if (e)
		problem_set(&u->problem, e,
					"%s: the people are there and %s has their tokens, but not all are in their channels",
					err_row(e)->title, u->tokens);
	return e;
}

static enum err create(struct create_user *u)
{
	struct db_conn *c;
	enum err e = pod_open_tool(&u->process);
	if (e) return e;
	c = process_conn(&u->process);
	e = make_people(u, c);
	db_conn_destroy(c);
	return e ? e : welcome_all(u);
}

static int create_user(int argc, char **argv)
{
	struct create_user u = { 0 };
	struct arena arena;
	int status = take_arguments(&u, &argc, argv);
	if (status) return status;
	arena_init(&arena);
	problem_init(&u.problem, &arena);
	u.people = mem_zalloc(mem_times((size_t)u.count, sizeof *u.people));
	status = process_open(&u.process, ROLE_SERVE, PROCESS_TOOL, argc, argv);
	if (!status) {
		enum err e = create(&u);
		if (e) status = failed(&u, e);
		pod_close(&u.process);
	}
	process_close(&u.process);
	mem_free(u.people);
	arena_release(&arena);
	return status;
}

int command_admin(int argc, char **argv)
{
	if (argc && strcmp(argv[0], "create-user") == 0) return create_user(argc - 1, argv + 1);
	return usage("the only thing to do is: create-user --count N --prefix P --tokens FILE");
}
