/* What a request shows of itself, and whether the page that it comes from may speak in somebody's name. */
#include <sodium.h>
#include <string.h>

#include "base/log.h"
#include "edge/http_conn.h"
#include "edge/jwt.h"

static void hashed(struct request *q, enum credential_kind kind, struct str secret)
{
	q->credential.kind = kind;
	crypto_hash_sha256(q->credential.hash, (const unsigned char *)secret.p, secret.n);
}

static void bearer(struct request *q, struct str token)
{
	if (str_starts(token, STR("linnet_"))) {
		hashed(q, CREDENTIAL_TOKEN, token);
		return;
	}
	enum err e = jwt_verify(q->pod, token, clock_wall_ms(q->pod->clock), &q->credential);
	if (!e) return;
	q->credential = (struct credential){ .kind = CREDENTIAL_NONE };
	q->core->bad_jwt = true;
}

struct str credential_cookie(const struct request *q)
{
	return http_cookie_get(q->head, q->https ? "__Host-linnet_session" : "linnet_session");
}

void credential_read(struct request *q, struct str subprotocol)
{
	struct str authorization = http_header_get(q->head, "authorization"), cookie = credential_cookie(q);
	if (authorization.n > 7 && str_eq_nocase(str_upto(authorization, 7), STR("Bearer ")))
		bearer(q, str_trim(str_from(authorization, 7)));
	else if (subprotocol.n)
		bearer(q, subprotocol);
	else if (cookie.n)
		hashed(q, CREDENTIAL_COOKIE, cookie);
}

bool request_direct(const struct request *q)
{
	return !q->forwarded && host_is_direct(q->head->host);
}

static enum err refused(struct request *q, struct str origin)
{
	const struct config *c = q->pod->config;
	log_event(LOG_WARN, "edge.origin_refused", LOG_STR("origin", origin), LOG_STR("host", q->head->host),
			  LOG_STR("public_url", c->public_url), LOG_STR("allowed_origins", c->allowed_origins),
			  LOG_TEXT("request_id", q->id));
	if (!origin.p)
		return problem_set(&q->problem, ERR_BAD_ORIGIN, "A request with the session cookie must say its Origin");
	return problem_set(&q->problem, ERR_BAD_ORIGIN,
					   "The origin is neither this server's own, nor PUBLIC_URL's, nor one of ALLOWED_ORIGINS");
}

enum err origin_check(struct request *q, bool always)
{
	enum http_method m = q->head->method;
	if (!always && (m == HTTP_GET || m == HTTP_HEAD || m == HTTP_OPTIONS)) return OK;
	struct str origin = http_header_get(q->head, "origin");
	if (origin.p) {
		if (origin_is_own(origin, q->head->host, q->https)) return OK;
		return origins_have(&q->core->here->edge->origins, origin) ? OK : refused(q, origin);
	}
	bool by_bearer = q->credential.kind == CREDENTIAL_TOKEN || q->credential.kind == CREDENTIAL_JWT;
	return !by_bearer && credential_cookie(q).p ? refused(q, origin) : OK;
}
