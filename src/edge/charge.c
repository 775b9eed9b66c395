/* From whose bucket a request takes its token. A credential that this reactor has not met yet is judged on the lane, by
 * the session's row and before anything is done for it, so that neither a made-up credential nor a new one of somebody
 * who has many is a way around the limits. */
#include "edge/http_conn.h"
#include "store/session.h"

static const char *const names[] = { "requests", "login", "register", "messages", "search", "people", "profile" };
static const char *const refusals[] = {
	"Too many requests: a limit of all that one person, or address, asks for",
	"Too many tries to sign in, or to prove who one is, from this address",
	"Too many new accounts from this address",
	"Too many messages: a limit of what one person sends, edits and reacts",
	"Too many searches of one person",
	"Too many joins, leaves, invites, bans and the like of one person",
	"Too many changes of one's profile",
};

static const struct rate *rate_of(const struct request *q, enum route_rate rate)
{
	const struct config *c = q->pod->config;
	const struct rate *const rates[] = { &c->rate_requests, &c->rate_login,  &c->rate_register, &c->rate_messages,
										 &c->rate_search,   &c->rate_people, &c->rate_profile };
	return rates[rate];
}

static struct limit_ask ask_of(struct request *q, enum route_rate rate)
{
	return (struct limit_ask){ .eph = q->pod->eph,
							   .rate = rate_of(q, rate),
							   .what = names[rate],
							   .credential = &q->credential,
							   .address = &q->core->address,
							   .by_address = rate == RATE_login || rate == RATE_register,
							   .now_ms = reactor_now_ms(request_reactor(q)) };
}

static enum err too_often(struct request *q, enum route_rate rate, int64_t retry_ms)
{
	return problem_set(&q->problem, problem_wait(&q->problem, retry_ms), "%s", refusals[rate]);
}

enum err charge_head(struct request *q)
{
	int64_t retry_ms = 0;
	if (q->route->rate == RATE_none) return OK;
	struct limit_ask ask = ask_of(q, q->route->rate);
	return limiter_take(&q->core->here->limiter, &ask, &q->core->owes, &retry_ms)
			   ? OK
			   : too_often(q, q->route->rate, retry_ms);
}

enum err charge_person(struct request *q)
{
	enum route_rate rate = q->route->rate;
	int64_t retry_ms = 0;
	if (!q->core->owes) return OK;
	q->core->owes = false;
	return limit_person(q->pod->eph, rate_of(q, rate), names[rate], q->actor.user_id, &retry_ms)
			   ? OK
			   : too_often(q, rate, retry_ms);
}

enum err charge_end(struct request *q, enum err e)
{
	struct limiter *l = &q->core->here->limiter;
	int64_t now = reactor_now_ms(request_reactor(q)), retry_ms = 0;
	if (q->actor.user_id)
		limiter_learn(l, &q->credential, q->actor.user_id, q->actor.session_id[0] ? now + SESSION_TOUCH_MS : 0);
	if (!q->core->owes) return e;
	q->core->owes = false;
	struct limit_ask ask = ask_of(q, RATE_requests);
	/* What was done is answered as it is; the address is refused from the next one on. */
	return limiter_stranger(l, &ask, &retry_ms) || e != ERR_UNAUTHENTICATED ? e : too_often(q, RATE_requests, retry_ms);
}

bool charge_proven(const struct request *q)
{
	struct limiter *l = &q->core->here->limiter;
	if (q->actor.session_id[0]) return true;
	return !q->core->owes && limiter_proven(l, &q->credential, reactor_now_ms(q->core->here->reactor));
}
