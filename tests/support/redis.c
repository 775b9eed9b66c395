#include "redis.h"

#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct redis_server {
	struct redis_setup setup;
	int port, tls_port;
	pid_t pid;
	redisContext *client;
	char url[128], said[4096];
};

static void die(const char *what, const char *why)
{
	fprintf(stderr, "redis for tests: %s: %s\n", what, why);
	exit(1);
}

/* Below those that connections are given, so that it is still free when the server comes back. */
static int free_port(void)
{
	for (int i = 0; i < 1000; i++) {
		struct timespec now;
		clock_gettime(CLOCK_MONOTONIC, &now);
		int port = 10000 + (int)((unsigned long)(now.tv_nsec / 64 + getpid() * 131) % 20000);
		struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		a.sin_port = htons((uint16_t)port);
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		int e = bind(fd, (struct sockaddr *)&a, sizeof a);
		close(fd);
		if (e == 0) return port;
	}
	die("port", "none is free");
	return 0;
}

static void run(const struct redis_server *s)
{
	char port[16], tls_port[16];
	const char *argv[40] = { "redis-server", "--port", port,          "--bind", "127.0.0.1",  "--save",  "",
							 "--appendonly", "no",     "--daemonize", "no",     "--loglevel", "warning", "--logfile",
							 "/dev/null",    "--dir",  "/tmp" };
	size_t n = 17;
	snprintf(port, sizeof port, "%d", s->port);
	snprintf(tls_port, sizeof tls_port, "%d", s->tls_port);
	if (s->setup.password) argv[n++] = "--requirepass", argv[n++] = s->setup.password;
	if (s->setup.tls_cert) {
		const char *const more[] = { "--tls-port",     tls_port,         "--tls-cert-file",    s->setup.tls_cert,
									 "--tls-key-file", s->setup.tls_key, "--tls-auth-clients", "no" };
		for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) argv[n++] = more[i];
	}
	argv[n] = NULL;
	execvp(argv[0], (char *const *)argv);
	fprintf(stderr, "redis for tests: redis-server cannot be started\n");
	_exit(127);
}

static redisContext *connect_to(const struct redis_server *s)
{
	const struct timeval patience = { 10, 0 };
	redisContext *c = redisConnectWithTimeout("127.0.0.1", s->port, patience);
	if (!c || c->err) {
		if (c) redisFree(c);
		return NULL;
	}
	redisSetTimeout(c, patience);
	redisReply *r = s->setup.password ? redisCommand(c, "AUTH %s", s->setup.password) : redisCommand(c, "PING");
	bool ok = r && r->type == REDIS_REPLY_STATUS;
	if (r) freeReplyObject(r);
	if (ok) return c;
	redisFree(c);
	return NULL;
}

/* False: it ended, as when somebody else took the port. */
static bool launch(struct redis_server *s)
{
	pid_t test = getpid();
	fflush(NULL);
	s->pid = fork();
	if (s->pid < 0) die("fork", "failed");
	if (s->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != test) _exit(126);
		for (int i = 3; i < 1024; i++) close(i);
		run(s);
	}
	while (!(s->client = connect_to(s))) {
		if (waitpid(s->pid, NULL, WNOHANG) == s->pid) return false;
		nanosleep(&(struct timespec){ 0, 5000000 }, NULL);
	}
	return true;
}

struct redis_server *redis_start(const struct redis_setup *setup)
{
	struct redis_server *s = calloc(1, sizeof *s);
	if (!s) die("memory", "none");
	if (setup) s->setup = *setup;
	for (int i = 0; i < 20; i++) {
		s->port = free_port();
		s->tls_port = s->setup.tls_cert ? free_port() : 0;
		if (!launch(s)) continue;
		snprintf(s->url, sizeof s->url, "redis://%s%s%s127.0.0.1:%d/0", s->setup.password ? ":" : "",
				 s->setup.password ? s->setup.password : "", s->setup.password ? "@" : "", s->port);
		return s;
	}
	die("redis-server", "does not start");
	return NULL;
}

void redis_destroy(struct redis_server *s)
{
	if (!s) return;
	redis_kill(s);
	free(s);
}

int redis_port(const struct redis_server *s)
{
	return s->port;
}

int redis_tls_port(const struct redis_server *s)
{
	return s->tls_port;
}

const char *redis_url(const struct redis_server *s)
{
	return s->url;
}

static void add(struct redis_server *s, const redisReply *r)
{
	size_t n = strlen(s->said), room = sizeof s->said - n;
	switch (r->type) {
	case REDIS_REPLY_INTEGER: snprintf(s->said + n, room, "%lld", r->integer); break;
	case REDIS_REPLY_NIL: snprintf(s->said + n, room, "nil"); break;
	case REDIS_REPLY_ARRAY:
		for (size_t i = 0; i < (size_t)r->elements; i++) {
			if (i) strncat(s->said, " ", sizeof s->said - strlen(s->said) - 1);
			add(s, r->element[i]);
		}
		break;
	default: snprintf(s->said + n, room, "%.*s", (int)r->len, r->str); break;
	}
}

const char *redis_do(struct redis_server *s, const char *format, ...)
{
	char line[4096], *rest = line;
	const char *words[64];
	int n = 0;
	va_list args;
	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	for (char *word; n < 64 && (word = strsep(&rest, " "));) words[n++] = word;
	redisReply *r = redisCommandArgv(s->client, n, words, NULL);
	if (!r) die(format, s->client->errstr);
	s->said[0] = 0;
	add(s, r);
	freeReplyObject(r);
	return s->said;
}

void redis_kill(struct redis_server *s)
{
	if (s->client) redisFree(s->client);
	s->client = NULL;
	if (s->pid > 0) {
		kill(s->pid, SIGKILL);
		waitpid(s->pid, NULL, 0);
	}
	s->pid = 0;
}

void redis_again(struct redis_server *s)
{
	for (int i = 0; i < 20; i++)
		if (launch(s)) return;
	die("redis-server", "does not start again");
}

void redis_pause(struct redis_server *s)
{
	int status;
	kill(s->pid, SIGSTOP);
	waitpid(s->pid, &status, WUNTRACED);
}

void redis_resume(struct redis_server *s)
{
	int status;
	kill(s->pid, SIGCONT);
	waitpid(s->pid, &status, WCONTINUED);
}
