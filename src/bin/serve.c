/* The commands that serve, and their end. The main thread makes everything, then waits for signals:
 *   SIGTERM, SIGINT  stop, as below; a second one: now, after the append queue
 *   SIGHUP           the certificate is read again
 *   SIGUSR2          memory that is free goes back to the kernel (for measurements)
 *
 * Stopping: not ready at once, so that nobody new is sent here; for drain_accept_s connections are still taken, since
 * not everybody has heard yet, and told to go elsewhere; then the listener takes what waits in its queue and closes,
 * sockets are asked to go, spread over drain_s, and requests get their answers. It ends as soon as nothing is left. */
#include <malloc.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "app/marker.h"
#include "base/log.h"
#include "bin/commands.h"
#include "bin/process.h"
#include "hub/hub.h"

#define TICK_MS 10     /* between looks at what is left, while stopping */
#define SETTLE_MS 2000 /* for what is being written when time is up */

static void prepare_process(void)
{
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	mallopt(M_ARENA_MAX, 4); /* one for each thread would keep what each has freed */
	mallopt(M_TRIM_THRESHOLD, 1024 * 1024);
	mallopt(M_MMAP_THRESHOLD, 256 * 1024); /* fixed: else it grows with the largest answer ever given */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error like a full disk */
}

/* Blocked in every thread; the main thread takes them. */
static void hold_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, set, NULL);
}

static void on_signal(struct process *p, int signal)
{
	if (signal == SIGHUP && p->tls && !tls_reload(p->tls)) log_event(LOG_INFO, "process.certificate_read");
	if (signal == SIGUSR2) {
		malloc_trim(0);
		log_event(LOG_INFO, "process.memory_trimmed");
	}
}

static bool is_stop(int signal)
{
	return signal == SIGTERM || signal == SIGINT;
}

static void wait_for_stop(struct process *p, const sigset_t *set)
{
	for (;;) {
		int signal = 0;
		if (sigwait(set, &signal)) continue;
		if (is_stop(signal)) return;
		on_signal(p, signal);
	}
}

/* ---- stopping */
struct stopping {
	struct process *p;
	const sigset_t *set;
	bool hurry; /* asked a second time */
	sem_t listener_closed;
};

static bool nothing_left(const struct process *p)
{
	return pod_connections(p) == 0 && edge_pending(p->edge) == 0;
}

/* Until nothing is left, the time is over, or somebody is in a hurry. */
static void wait_while_left(struct stopping *s, int64_t ms)
{
	const struct timespec tick = { 0, TICK_MS * 1000000L };
	int64_t until = clock_monotonic_ns(&clock_real) + ms * 1000000;
	while (!s->hurry && !nothing_left(s->p) && clock_monotonic_ns(&clock_real) < until) {
		int signal = sigtimedwait(s->set, NULL, &tick);
		if (is_stop(signal)) s->hurry = true;
		on_signal(s->p, signal);
	}
}

static void listener_is_closed(void *arg)
{
	sem_post(arg);
}

static void close_listener(struct stopping *s)
{
	sem_init(&s->listener_closed, 0, 0);
	listener_close(s->p->listener, listener_is_closed, &s->listener_closed);
	while (sem_wait(&s->listener_closed)) {
	}
	sem_destroy(&s->listener_closed);
}

static int64_t seconds_or(int64_t set, int64_t dflt)
{
	return 1000 * (set < 0 ? dflt : set);
}

static void stop(struct process *p, const sigset_t *set)
{
	const struct config *c = &p->config;
	bool embedded = p->pod.role == ROLE_SERVE;
	int64_t accept_ms = seconds_or(c->drain_accept_s, embedded ? 0 : 5),
			drain_ms = seconds_or(c->drain_s, embedded ? 1 : 20);
	struct stopping s = { .p = p, .set = set };
	log_event(LOG_INFO, "process.stopping", LOG_INT("connections", pod_connections(p)), LOG_INT("accept_ms", accept_ms),
			  LOG_INT("drain_ms", drain_ms));
	atomic_store(&p->pod.draining, true);
	atomic_store(&p->pod.ready, false);
	wait_while_left(&s, accept_ms);
	close_listener(&s);
	if (!s.hurry) {
		hub_drain(p->pod.hub, drain_ms);
		edge_close_idle(p->edge);
		wait_while_left(&s, drain_ms + SETTLE_MS);
	}
}

/* Memory is given back piece by piece only when nobody can be at it any more; else the process just ends: what was
 * acknowledged is in the database. A database that hangs does not keep it: `written` tells. */
static void end(struct process *p)
{
	bool quiet = nothing_left(p);
	bool written = append_drain(p->pod.append, SETTLE_MS) && markers_flush(p->pod.markers, SETTLE_MS);
	log_event(LOG_INFO, "process.stopped", LOG_INT("connections", pod_connections(p)), LOG_BOOL("quiet", quiet),
			  LOG_BOOL("written", written));
	if (!quiet || !written) _exit(0);
}

static int serve(enum role role, int argc, char **argv)
{
	struct process p;
	sigset_t set;
	prepare_process();
	hold_signals(&set);
	int status = process_open(&p, role, PROCESS_SERVES, argc, argv);
	if (!status) {
		log_event(LOG_INFO, "process.starting", LOG_TEXT("version", LINNET_VERSION));
		enum err e = pod_open(&p);
		if (!e) e = pod_listen(&p);
		if (e) { /* why was said where it is known */
			log_event(LOG_ERROR, "process.start_failed", LOG_TEXT("error", err_row(e)->code));
			status = 1;
		} else {
			wait_for_stop(&p, &set);
			stop(&p, &set);
			end(&p);
		}
		pod_close(&p);
	}
	process_close(&p);
	return status;
}

int command_serve(int argc, char **argv)
{
	return serve(ROLE_SERVE, argc, argv);
}

int command_backend(int argc, char **argv)
{
	return serve(ROLE_BACKEND, argc, argv);
}
