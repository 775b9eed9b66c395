/* All of it runs on the reactor and asks nobody: an answer must come also while the database hangs. */
#include "edge/ops.h"

#include "edge/http_conn.h"
#include "edge/openapi.h"

#define DEGRADED_MS 5000

enum err ops_health(struct request *q, struct db_conn *c)
{
	struct json_out o = reply_json(q);
	json_open(&o, '{');
	json_field_text(&o, "status", "ok");
	json_close(&o, '}');
	return OK;
}

enum err ops_version(struct request *q, struct db_conn *c)
{
	struct json_out o = reply_json(q);
	json_open(&o, '{');
	json_field_text(&o, "name", "linnet");
	json_field_text(&o, "version", LINNET_VERSION);
	json_close(&o, '}');
	return OK;
}

enum err ops_openapi(struct request *q, struct db_conn *c)
{
	buf_add(&q->reply.body, openapi_json, openapi_json_n);
	return OK;
}

/* Loopback and private addresses, when no proxy stands between; or anybody with the token. To others there is nothing.
 */
static enum err for_operators(struct request *q)
{
	struct str token = q->pod->config->metrics_token, given = http_header_get(q->head, "authorization");
	if (token.n && given.n > 7 && str_eq_nocase(str_upto(given, 7), STR("Bearer ")) &&
		str_eq_secret(str_trim(str_from(given, 7)), token))
		return OK;
	return !q->forwarded && address_is_private(&q->core->address) ? OK : ERR_NOT_FOUND;
}

/* Writing that waits is the first to show that the database is away or slow. */
static bool database_ok(const struct pod *pod)
{
	return !pod->append || append_state(pod->append).oldest_ms < DEGRADED_MS;
}

enum err ops_ready(struct request *q, struct db_conn *c)
{
	enum err e = for_operators(q);
	if (e) return e;
	bool draining = atomic_load(&q->pod->draining), ready = atomic_load(&q->pod->ready) && !draining;
	bool database = database_ok(q->pod);
	struct json_out o = reply_json(q);
	json_open(&o, '{');
	json_field_text(&o, "status", draining ? "draining" : !ready ? "starting" : database ? "ok" : "degraded");
	json_key(&o, "dependencies");
	json_open(&o, '{');
	json_field_text(&o, "database", database ? "ok" : "degraded");
	json_close(&o, '}');
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
