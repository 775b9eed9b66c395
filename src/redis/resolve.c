/* A lookup belongs to two: the reactor that asked, and the thread that waits for the answer. The lock decides between
 * an answer and giving up: what was posted before is freed by the mail, what comes after by the thread. */
#include "redis/resolve.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

struct lookup {
	struct mail mail;
	struct resolve *resolve; /* reactor; NULL: given up */
	pthread_mutex_t lock;
	struct reactor *reactor; /* lock; NULL: given up, it may be gone */
	bool posted;             /* lock */
	int refs;                /* lock: who asked (the mail, once it is posted), and the thread */
	resolve_lookup look;
	char *host, service[8];
	int status; /* frozen once posted, as the list */
	struct addrinfo *list;
};

static void lookup_unref(struct lookup *l)
{
	pthread_mutex_lock(&l->lock);
	bool last = --l->refs == 0;
	pthread_mutex_unlock(&l->lock);
	if (!last) return;
	if (l->list) freeaddrinfo(l->list);
	pthread_mutex_destroy(&l->lock);
	mem_free(l->host);
	mem_free(l);
}

static void answer_arrives(struct reactor *reactor, struct mail *m)
{
	struct lookup *l = container_of(m, struct lookup, mail);
	struct resolve *r = l->resolve;
	struct addrinfo *list = l->list;
	if (r) {
		r->under_way = NULL;
		l->list = NULL;
		r->done(r, l->status ? NULL : list, l->status ? gai_strerror(l->status) : NULL);
	}
	lookup_unref(l);
}

static void *look(void *arg)
{
	struct lookup *l = arg;
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	l->status = l->look(l->host, l->service, &hints, &l->list);
	if (l->status) l->list = NULL;
	pthread_mutex_lock(&l->lock);
	l->posted = l->reactor != NULL;
	if (l->posted) reactor_post(l->reactor, &l->mail); /* it does not go before this is given up */
	pthread_mutex_unlock(&l->lock);
	lookup_unref(l);
	return NULL;
}

/* Signals are the main thread's. */
static int begin_thread(struct lookup *l)
{
	sigset_t all, old;
	pthread_t thread;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int e = pthread_create(&thread, NULL, look, l);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!e) pthread_detach(thread);
	return e;
}

void resolve_start(struct resolve *r, struct reactor *reactor, const char *host, int port)
{
	char service[8];
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV }, *list = NULL;
	snprintf(service, sizeof service, "%d", port);
	if (getaddrinfo(host, service, &hints, &list) == 0) {
		r->done(r, list, NULL);
		return;
	}
	struct lookup *l = mem_new(struct lookup);
	*l = (struct lookup){ .mail.deliver = answer_arrives, .resolve = r, .reactor = reactor, .refs = 2 };
	l->look = r->lookup ? r->lookup : getaddrinfo;
	l->host = mem_dup(host, strlen(host) + 1);
	memcpy(l->service, service, sizeof service);
	pthread_mutex_init(&l->lock, NULL);
	r->under_way = l;
	int e = begin_thread(l);
	if (!e) return;
	r->under_way = NULL;
	l->refs = 1;
	lookup_unref(l);
	r->done(r, NULL, strerror(e));
}

void resolve_give_up(struct resolve *r)
{
	struct lookup *l = r->under_way;
	if (!l) return;
	r->under_way = NULL;
	l->resolve = NULL;
	pthread_mutex_lock(&l->lock);
	bool posted = l->posted;
	l->reactor = NULL;
	pthread_mutex_unlock(&l->lock);
	if (!posted) lookup_unref(l);
}
