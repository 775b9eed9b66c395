#include "edge/list.h"

struct json_out list_open(struct request *q)
{
	struct json_out o = reply_json(q);
	json_open(&o, '{');
	json_key(&o, "items");
	json_open(&o, '[');
	return o;
}

void list_more(struct json_out *o, const char *name)
{
	json_close(o, ']');
	json_key(o, name);
	json_open(o, '[');
}

void list_close(struct json_out *o, struct str next)
{
	json_close(o, ']');
	json_field_str(o, "next", next);
	json_close(o, '}');
}
