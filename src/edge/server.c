/* GET /server: to anyone what a sign-in page needs, and more to who is signed in. PATCH: for admins. */
#include "app/register.h"
#include "edge/append_call.h"
#include "edge/http_conn.h"
#include "edge/messages.h"
#include "edge/users.h"
#include "edge/ws_gate.h"
#include "hub/watch.h"
#include "model/channel.h"
#include "model/message.h"

/* What clients may use: named when it is there, so that they need not guess from the version. */
static const char *const features[] = {
	"accounts", "blocks",    "edit_history", "edit_if_rev", "guests",   "invites", "mentions", "moderation", "pins",
	"presence", "reactions", "read_markers", "search",      "settings", "threads", "tokens",   "typing",
};

/* Numbers that clients run into, so that they can say so before. */
static void put_limits(struct json_out *o, const struct config *c)
{
	const struct {
		const char *name;
		int64_t value;
	} rows[] = {
		{ "body_bytes", c->message_body },
		{ "mentions", MESSAGE_MENTIONS },
		{ "page", PAGE_MOST },
		{ "changes_page", CHANGES_MOST },
		{ "ids", USER_IDS_MOST },
		{ "topic_bytes", CHANNEL_LINE_MOST },
		{ "reason_bytes", CHANNEL_LINE_MOST },
		{ "channel_name", CHANNEL_NAME_MOST },
		{ "display_name", DISPLAY_NAME_MOST },
		{ "status", STATUS_MOST },
		{ "password_least_bytes", PASSWORD_LEAST },
		{ "password_most_bytes", PASSWORD_MOST },
		{ "dm_people", DM_PEOPLE },
		{ "json_bytes", c->json_body },
		{ "frame_bytes", c->ws_frame },
		{ "cursors", CURSORS_MOST },
		{ "watch", WATCH_MOST },
		{ "connections", c->connections_per_person },
		{ "sessions", c->sessions_per_person },
		{ "tokens", c->tokens_per_person },
		{ "channels", c->channels_per_person },
		{ "invites", c->invites_per_person },
		{ "settings", c->settings_per_person },
		{ "setting_bytes", c->setting_bytes },
		{ "blocks", c->blocks_per_person },
		{ "bans", c->bans },
		{ "pins", c->pins },
		{ "reaction_kinds", c->reaction_kinds },
		{ "reactions", c->reactions_per_person },
		{ "search_bytes", c->search_query },
	};
	json_key(o, "limits");
	json_open(o, '{');
	for (size_t i = 0; i < countof(rows); i++) json_field_i64(o, rows[i].name, rows[i].value);
	json_close(o, '}');
}

static void put_features(struct json_out *o)
{
	json_key(o, "features");
	json_open(o, '[');
	for (size_t i = 0; i < countof(features); i++) json_put_text(o, features[i]);
	json_close(o, ']');
}

static void reply_server(struct request *q, const struct server_row *s, bool signed_in)
{
	bool local = q->pod->local && request_direct(q);
	struct json_out o = reply_json(q);
	json_open(&o, '{');
	json_field_text(&o, "id", q->pod->epoch.uuid);
	json_field_str(&o, "name", s->name);
	json_field_text(&o, "registration", registration_name(registration_mode(q->pod->config, s->registration, local)));
	json_field_bool(&o, "setup", !s->any_account);
	json_key(&o, "login");
	json_open(&o, '[');
	json_put_text(&o, "password");
	json_close(&o, ']');
	if (signed_in) {
		put_limits(&o, q->pod->config);
		put_features(&o);
		json_field_null(&o, "media_url");
	}
	json_close(&o, '}');
}

/* A cookie may have ended without anybody's fault: the page that signs in again asks this first. A token that may not
 * read is answered as nobody is. */
static bool is_nobody(const struct request *q, enum err e)
{
	if (e == ERR_SCOPE_MISSING) return true;
	return q->credential.kind == CREDENTIAL_COOKIE && (e == ERR_UNAUTHENTICATED || e == ERR_SESSION_REVOKED);
}

enum err server_get_run(struct request *q, struct db_conn *c)
{
	struct server_row s;
	bool shown = q->credential.kind != CREDENTIAL_NONE;
	enum err e = shown ? dispatch_session(q, c) : q->core->bad_jwt ? ERR_UNAUTHENTICATED : OK;
	if (is_nobody(q, e)) shown = false, e = OK;
	if (!e) e = server_read(c, &q->arena, &s);
	if (!e) reply_server(q, &s, shown);
	return e;
}

/* ---- changing */

static enum err changed_run(struct request *q, struct db_conn *c)
{
	struct server_row s;
	enum err e = server_read(c, &q->arena, &s);
	if (!e) reply_server(q, &s, true);
	return e;
}

static enum err read_mode(struct json_in *in, struct server_patch *p)
{
	enum registration mode;
	p->registration = STR_NONE;
	p->has_registration =
		json_in_null(in, "registration") || json_in_str(in, "registration", JSON_MAY, &p->registration);
	if (!p->registration.p || registration_parse(p->registration, &mode)) return OK;
	return problem_field(in->problem, "registration", "must be open, invite, closed or null");
}

enum err server_patch_take(struct request *q)
{
	struct append_call *c = append_call(q, CHANGE_SERVER, 0);
	struct server_patch *p = arena_new(&q->arena, struct server_patch);
	struct json_in in;
	enum err e = OK;
	p->name = STR_NONE;
	json_in_open(&in, q->json, &q->problem);
	if (json_in_str(&in, "name", JSON_MAY, &p->name)) e = server_name_check(&q->arena, &p->name, &q->problem);
	e = err_first(e, read_mode(&in, p));
	e = err_first(json_in_close(&in), e);
	if (e) return e;
	c->change.server = p;
	c->run = changed_run;
	return append_call_submit(c);
}
