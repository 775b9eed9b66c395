#include "postgres_keeper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *bin_dir(void)
{
	static char path[128];
	glob_t g;
	if (glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &g) == 0) {
		snprintf(path, sizeof path, "%s", g.gl_pathv[g.gl_pathc - 1]); /* sorted: the newest */
		*strrchr(path, '/') = 0;
		globfree(&g);
	}
	return path;
}

/* Postgres refuses to run as root. */
static void become_postgres(void)
{
	struct passwd *pw = geteuid() == 0 ? getpwnam("postgres") : NULL;
	if (pw && (setgid(pw->pw_gid) != 0 || initgroups("postgres", pw->pw_gid) != 0 || setuid(pw->pw_uid) != 0))
		_exit(126);
}

static int own_dir(const char *dir)
{
	struct passwd *pw = geteuid() == 0 ? getpwnam("postgres") : NULL;
	if (mkdir(dir, 0700) != 0 && errno != EEXIST) return -1;
	return pw ? chown(dir, pw->pw_uid, pw->pw_gid) : 0;
}

static pid_t spawn_as(const struct keeper *k, const char *log, const char *const argv[], bool postgres)
{
	pid_t keeper = getpid(), pid = fork();
	if (pid != 0) return pid;
	if (postgres) become_postgres();
	prctl(PR_SET_PDEATHSIG, SIGQUIT); /* after setuid, which clears it */
	if (getppid() != keeper || chdir(k->dir) != 0) _exit(126);
	int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	dup2(fd, 1);
	dup2(fd, 2);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	setenv("LC_ALL", "C", 1);
	execv(argv[0], (char *const *)argv);
	_exit(127);
}

static pid_t spawn(const struct keeper *k, const char *log, const char *const argv[])
{
	return spawn_as(k, log, argv, true);
}

static int ended_well(pid_t pid)
{
	int status;
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -1;
}

static int initdb(const struct keeper *k)
{
	char program[160], data[300];
	snprintf(program, sizeof program, "%s/initdb", bin_dir());
	snprintf(data, sizeof data, "%s/data", k->dir);
	const char *const argv[] = { program, "-D", data, "-Ulinnet", "-Atrust", "-EUTF8", "--locale=C", "-N", NULL };
	return ended_well(spawn(k, "log", argv));
}

static int copy_tree(const struct keeper *k, const char *from, const char *to)
{
	const char *const argv[] = { "/bin/cp", "-a", "--reflink=auto", from, to, NULL };
	return ended_well(spawn_as(k, "log", argv, false)); /* keeps the owner */
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	return remove(path);
}

/* An empty cluster: initdb takes a second or two, so the build directory keeps one to be copied. Its name tells the
 * release; what initdb is told is in it from the first time on. */
static int fresh(const struct keeper *k)
{
	char kept[400], data[300], mine[420], *version = strdup(bin_dir());
	snprintf(data, sizeof data, "%s/data", k->dir);
	*strrchr(version, '/') = 0;
	snprintf(kept, sizeof kept, "%s/%s", CLUSTERS, strrchr(version, '/') + 1);
	snprintf(mine, sizeof mine, "%s.%d", kept, (int)getpid());
	free(version);
	if (access(kept, F_OK) == 0) return copy_tree(k, kept, data);
	if (initdb(k)) return -1;
	mkdir(CLUSTERS, 0755);
	if (copy_tree(k, data, mine) || rename(mine, kept)) /* another test was quicker */
		nftw(mine, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return 0;
}

static int copy(const struct keeper *k)
{
	char program[160], data[300], from[100];
	snprintf(program, sizeof program, "%s/pg_basebackup", bin_dir());
	snprintf(data, sizeof data, "%s/data", k->dir);
	snprintf(from, sizeof from, "host=127.0.0.1 port=%d user=linnet application_name=standby", k->from);
	const char *const argv[] = { program, "-D", data, "-d", from, "-R", "-cfast", "-N", NULL };
	return ended_well(spawn(k, "log", argv));
}

/* ALTER SYSTEM in a test goes before these. */
static int configure(const struct keeper *k)
{
	char path[300];
	snprintf(path, sizeof path, "%s/data/postgresql.conf", k->dir);
	FILE *f = fopen(path, "a");
	if (!f) return -1;
	fprintf(f, "listen_addresses = '127.0.0.1'\nport = %d\nunix_socket_directories = '%s'\n", k->port, k->dir);
	fprintf(f, "fsync = on\nshared_buffers = 32MB\nmax_connections = 60\nmax_prepared_transactions = 4\n");
	return fclose(f);
}

static void pause_10ms(void)
{
	nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
}

/* The server's process, ready for connections; -1: it ended, the log says why. */
static pid_t start(const struct keeper *k)
{
	char program[160], data[300], info[200];
	snprintf(program, sizeof program, "%s/postgres", bin_dir());
	snprintf(data, sizeof data, "%s/data", k->dir);
	snprintf(info, sizeof info, "host=127.0.0.1 port=%d dbname=postgres user=linnet connect_timeout=2", k->port);
	const char *const argv[] = { program, "-D", data, NULL };
	pid_t pid = spawn(k, "log", argv);
	while (pid > 0 && PQping(info) != PQPING_OK) {
		if (waitpid(pid, NULL, WNOHANG) == pid) return -1;
		pause_10ms();
	}
	return pid;
}

static void end(pid_t *pid, int sig)
{
	if (*pid > 0 && kill(*pid, sig) == 0) waitpid(*pid, NULL, 0);
	*pid = 0;
}

static pid_t parent_of(const char *pid)
{
	char path[300], line[512] = "";
	int parent = 0;
	snprintf(path, sizeof path, "/proc/%s/stat", pid);
	FILE *f = fopen(path, "r");
	if (!f) return 0;
	const char *after = fgets(line, sizeof line, f) ? strrchr(line, ')') : NULL;
	fclose(f);
	if (!after || sscanf(after, ") %*c %d", &parent) != 1) return 0;
	return parent;
}

static void signal_all(pid_t server, int sig)
{
	struct dirent *d;
	if (server <= 0) return;
	kill(server, sig); /* first, so that it starts no more */
	DIR *proc = opendir("/proc");
	while (proc && (d = readdir(proc))) {
		int pid = atoi(d->d_name);
		if (pid > 0 && parent_of(d->d_name) == server) kill(pid, sig);
	}
	if (proc) closedir(proc);
}

static int obey(const struct keeper *k, pid_t *server, char command)
{
	switch (command) {
	case KEEPER_KILL: return end(server, SIGQUIT), 0;
	case KEEPER_STOP: return end(server, SIGINT), 0;
	case KEEPER_AGAIN: return (*server = start(k)) > 0 ? 0 : -1;
	case KEEPER_PAUSE: return signal_all(*server, SIGSTOP), 0;
	case KEEPER_RESUME: return signal_all(*server, SIGCONT), 0;
	}
	return -1;
}

_Noreturn void keeper_run(const struct keeper *k, int fd)
{
	setsid(); /* a signal for the test's process group is not for us */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	int null = open("/dev/null", O_RDWR);
	for (int i = 0; i < 3; i++) dup2(null, i);
	for (int i = 3; i < 1024; i++) {
		if (i != fd) close(i);
	}
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	pid_t server = own_dir(k->dir) == 0 && (k->from ? copy(k) : fresh(k)) == 0 && configure(k) == 0 ? start(k) : -1;
	char byte = server > 0 ? KEEPER_OK : KEEPER_FAILED;
	while (write(fd, &byte, 1) == 1 && read(fd, &byte, 1) == 1)
		byte = obey(k, &server, byte) == 0 ? KEEPER_OK : KEEPER_FAILED;
	signal_all(server, SIGCONT);
	end(&server, SIGQUIT);
	nftw(k->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	_exit(0);
}
