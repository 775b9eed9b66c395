#include "codec/codec.h"

void codec_user_fields(struct json_out *o, const struct user *u)
{
	json_field_i64(o, "id", u->id);
	json_field_str(o, "username", u->username);
	json_field_str(o, "display_name", u->display_name);
	json_field_str(o, "avatar", u->avatar);
	json_field_text(o, "role", user_role_name(u->role));
	json_field_bool(o, "bot", u->bot);
	json_field_bool(o, "deactivated", u->deactivated);
	json_field_bool(o, "deleted", u->deleted);
	json_field_i64(o, "changed_rev", u->changed_rev);
	json_field_str(o, "status", u->status);
	json_field_bool(o, "do_not_disturb", u->do_not_disturb);
}

void codec_user(struct json_out *o, const struct user *u)
{
	json_open(o, '{');
	codec_user_fields(o, u);
	json_close(o, '}');
}
