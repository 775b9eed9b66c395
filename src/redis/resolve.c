#include "redis/resolve.h"

#include <stdio.h>

#include "base/mem.h"

static void resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
	struct resolve *r = container_of(request, struct resolve, request);
	r->busy = false;
	r->done(r, status ? NULL : list, status ? uv_strerror(status) : NULL);
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
	hints.ai_flags = AI_NUMERICSERV;
	int e = uv_getaddrinfo(reactor_uv(reactor), &r->request, resolved, host, service, &hints);
	r->busy = e == 0;
	if (e) r->done(r, NULL, uv_strerror(e));
}

void resolve_hurry(struct resolve *r)
{
	if (r->busy) uv_cancel((uv_req_t *)&r->request);
}
