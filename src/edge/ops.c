/* All of it runs on the reactor and asks nobody: an answer must come also while the database hangs. */
#include "edge/ops.h"

#include "edge/http_conn.h"

#define DEGRADED_MS 5000

static enum err answer_word(struct request *q, const char *name, const char *word)
{
	struct json_out o = reply_json(q);
	json_open(&o, '{');
	json_field_text(&o, name, word);
	json_close(&o, '}');
	return OK;
}

enum err ops_health(struct request *q, struct db_conn *c)
{
	return answer_word(q, "status", "ok");
}

enum err ops_version(struct request *q, struct db_conn *c)
{
	return answer_word(q, "version", LINNET_VERSION);
}

/* Loopback and private addresses, when no proxy stands between; or anybody with the token. */
static enum err for_operators(struct request *q)
{
	struct str token = q->pod->config->metrics_token, given = http_header_get(q->head, "authorization");
	if (token.n && given.n > 7 && str_eq_nocase(str_upto(given, 7), STR("Bearer ")) &&
		str_eq_secret(str_trim(str_from(given, 7)), token))
		return OK;
	if (!q->forwarded && address_is_private(&q->core->address)) return OK;
	return problem_set(&q->problem, ERR_NOT_ALLOWED, "Only from a private address, or with LINNET_METRICS_TOKEN");
}

static const char *database_word(const struct pod *pod)
{
	if (!pod->append) return pod->db ? "ok" : "none";
	return append_state(pod->append).oldest_ms > DEGRADED_MS ? "degraded" : "ok";
}

enum err ops_ready(struct request *q, struct db_conn *c)
{
	enum err e = for_operators(q);
	if (e) return e;
	bool draining = atomic_load(&q->pod->draining), ready = atomic_load(&q->pod->ready) && !draining;
	struct json_out o = reply_json(q);
	json_open(&o, '{');
	json_field_text(&o, "status", ready ? "ready" : draining ? "draining" : "starting");
	json_field_text(&o, "database", database_word(q->pod));
	json_close(&o, '}');
	q->reply.status = ready ? 200 : 503;
	return OK;
}

enum err ops_metrics(struct request *q, struct db_conn *c)
{
	enum err e = for_operators(q);
	if (e) return e;
	q->reply.content_type = METRICS_CONTENT_TYPE;
	metrics_write(q->pod->metrics, &q->reply.body);
	return OK;
}
