/* All of it runs on the reactor and asks nobody: an answer must come also while the database hangs. */
#include "edge/ops.h"

#include "edge/http_conn.h"

#define DEGRADED_MS 5000

enum err ops_health(struct request *q, struct db_conn *c)
{
	struct json_out o = reply_json(q);
	json_open(&o, '{');
	json_field_text(&o, "status", "ok");
	json_close(&o, '}');
	return OK;
}

/* By /api, since that is how the cluster's ingress passes these on. */
static const char front[] =
	"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">"
	"<title>Linnet</title><h1>Linnet is running</h1>"
	"<p>This is the chat server. It speaks <a href=/api/docs>HTTP and JSON</a>, and WebSocket at "
	"<code>/ws</code>."
	"<p>Register, then talk. The first account becomes the owner; where the server is not for its own machine alone, "
	"it "
	"shows the setup code as well: <code>\"setup_code\":\"...\"</code>, which <code>./dev cluster</code> and the "
	"line <code>server.setup_code_made</code> of the server's first log tell."
	"<pre>curl -d '{\"username\":\"ann\",\"password\":\"a long password\",\"cookie\":false}' \\\n"
	"     -H 'Content-Type: application/json' HOST/api/auth/register\n"
	"curl -H 'Authorization: Bearer ACCESS_TOKEN' HOST/api/channels\n"
	"curl -H 'Authorization: Bearer ACCESS_TOKEN' -H 'Content-Type: application/json' \\\n"
	"     -d \"{\\\"nonce\\\":\\\"$(cat /proc/sys/kernel/random/uuid)\\\",\\\"body\\\":\\\"hello\\\"}\" "
	"HOST/api/channels/1/messages</pre>"
	"<p><a href=/api/health>health</a> &middot; <a href=/api/version>version</a>";

enum err ops_front(struct request *q, struct db_conn *c)
{
	q->reply.content_type = "text/html; charset=utf-8";
	buf_add(&q->reply.body, front, sizeof front - 1);
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
	const struct edge *e = q->core->here->edge;
	reply_shared(q, e->openapi, e->openapi_gzip);
	return OK;
}

/* Loopback and private addresses, when no proxy stands between and no page can have been led here; or anybody with the
 * token. To others there is nothing.
 */
static enum err for_operators(struct request *q)
{
	struct str token = q->pod->config->metrics_token, given = http_header_get(q->head, "authorization");
	if (token.n && given.n > 7 && str_eq_nocase(str_upto(given, 7), STR("Bearer ")) &&
		str_eq_secret(str_trim(str_from(given, 7)), token))
		return OK;
	return request_direct(q) && address_is_private(&q->core->address) ? OK : ERR_NOT_FOUND;
}

/* As connections met it last (app/pulse.h sees to it that one does), and by writing that waits: a commit may hang. */
static bool database_ok(const struct pod *pod)
{
	if (pod->db && (db_away_ms(pod->db, DB_READING) || db_away_ms(pod->db, DB_WRITING))) return false;
	return !pod->append || append_state(pod->append).oldest_ms < DEGRADED_MS;
}

/* Nothing is lost without it, but news between pods are late, and limits are each pod's own. */
static bool redis_ok(const struct pod *pod)
{
	return !(pod->bus && bus_away(pod->bus)) && !(pod->eph && eph_away(pod->eph));
}

static const char *health(bool ok)
{
	return ok ? "ok" : "degraded";
}

enum err ops_ready(struct request *q, struct db_conn *c)
{
	const struct pod *pod = q->pod;
	enum err e = for_operators(q);
	if (e) return e;
	bool draining = atomic_load(&pod->draining), ready = atomic_load(&pod->ready) && !draining;
	bool database = database_ok(pod), redis = redis_ok(pod);
	struct json_out o = reply_json(q);
	json_open(&o, '{');
	json_field_text(&o, "status", draining ? "draining" : !ready ? "starting" : health(database && redis));
	json_key(&o, "dependencies");
	json_open(&o, '{');
	json_field_text(&o, "database", health(database));
	if (pod->config->redis_url.n) json_field_text(&o, "redis", health(redis));
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
