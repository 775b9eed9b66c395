#include "edge/signed.h"

#include <string.h>

#include "codec/codec.h"
#include "edge/jwt.h"
#include "store/person.h"

struct str lowered(struct arena *a, struct str name)
{
	char *low = arena_cstr(a, name);
	for (size_t i = 0; i < name.n; i++)
		if (low[i] >= 'A' && low[i] <= 'Z') low[i] = (char)(low[i] - 'A' + 'a');
	return (struct str){ low, name.n };
}

struct session_new signed_session(struct request *q, bool cookie)
{
	return (struct session_new){
		.kind = cookie ? SESSION_COOKIE : SESSION_CLIENT,
		.address = q->address,
		.most_alive = q->pod->config->sessions_per_person,
		.agent = http_header_get(q->head, "user-agent"),
		.now_ms = clock_wall_ms(q->pod->clock),
	};
}

struct credential signed_credential(int64_t user_id, struct str session_id)
{
	struct credential who = { .kind = CREDENTIAL_JWT, .user_id = user_id };
	memcpy(who.session_id, session_id.p, session_id.n < SESSION_ID ? session_id.n : SESSION_ID);
	return who;
}

enum err signed_reply(struct request *q, struct db_conn *c, const struct signed_in *s)
{
	struct user u;
	enum err e = person_read(c, &q->arena, s->user_id, &u);
	if (e) return e;
	struct str token = jwt_sign(q->pod, &q->arena, s->user_id, s->session_id, clock_wall_ms(q->pod->clock));
	struct json_out o = reply_json(q);
	json_open(&o, '{');
	json_key(&o, "user");
	codec_user(&o, &u);
	json_field_str(&o, "access_token", token);
	json_field_text(&o, "token_type", "bearer");
	json_field_i64(&o, "expires_in", JWT_LIFE_S);
	if (s->secret.p && !s->cookie) json_field_str(&o, "refresh_token", s->secret);
	json_close(&o, '}');
	if (s->secret.p && s->cookie) reply_cookie(q, s->secret);
	q->reply.status = s->status;
	return OK;
}

void signed_welcome(struct request *q, struct welcome *w, const struct credential *who,
					void (*done)(struct welcome *w, enum err e))
{
	w->append = q->pod->append;
	w->arena = &q->arena;
	w->home = request_reactor(q);
	w->credential = *who;
	w->address = q->address;
	w->request_id = str_of(q->id);
	w->done = done;
	welcome_start(w);
}
