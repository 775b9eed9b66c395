/* JSON: reading by jansson (no duplicate keys, depth and size bounded), writing by our own small writer into a buf. */
#ifndef LINNET_PROTO_JSON_H
#define LINNET_PROTO_JSON_H
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define JSON_DEPTH 16
#define JSON_VALUES 16384     /* about, of one text: each costs a hundred times what its bytes do */
#define JSON_MOST (16u << 20) /* bytes of a text; routes set lower limits */

/* ---- reading. ERR_MALFORMED: no JSON, duplicate keys, nesting over 16, not UTF-8, NUL in a string; fault says where.
 * Any value may stand at the top. `fault` and the problem of a json_in may be NULL. */
enum err json_read(struct str text, json_t **out, struct problem *fault);

/* Fields of one object, taken by name; what was not taken is unknown. All faults are gathered in the problem.
 *   struct json_in in; json_in_open(&in, root, &problem);
 *   json_in_str(&in, "name", JSON_NEED, &name); ... ; return json_in_close(&in);   (unknown fields: ERR_INVALID) */
#define JSON_IN_NAMES 32 /* most fields that one object may know */
enum json_need { JSON_NEED, JSON_MAY };
struct json_in {
	json_t *object;
	struct problem *problem;
	enum err err;
	size_t taken;
	bool lenient;                     /* unknown fields are ignored, null is absent (WebSocket) */
	const char *prefix;               /* before the names in faults: "attachments.3."; NULL: nothing */
	const char *names[JSON_IN_NAMES]; /* asked for so far */
};
void json_in_open(struct json_in *in, json_t *value, struct problem *problem); /* no object: ERR_INVALID at close */
/* True when the field was there with the right type. null is a fault, but counts as absent where it is lenient. Strings
 * live as long as the json_t. */
bool json_in_str(struct json_in *in, const char *name, enum json_need need, struct str *out);
bool json_in_i64(struct json_in *in, const char *name, enum json_need need, int64_t min, int64_t max, int64_t *out);
bool json_in_bool(struct json_in *in, const char *name, enum json_need need, bool *out);
bool json_in_array(struct json_in *in, const char *name, enum json_need need, size_t most, json_t **out);
bool json_in_object(struct json_in *in, const char *name, enum json_need need, json_t **out);
bool json_in_time(struct json_in *in, const char *name, bool or_null, int64_t *wall_ms);   /* null: 0 */
bool json_in_any(struct json_in *in, const char *name, enum json_need need, json_t **out); /* null is a value here */
bool json_in_has(const struct json_in *in, const char *name); /* there, also as null; takes nothing */
bool json_in_null(struct json_in *in, const char *name);      /* there and null: taken */
enum err json_in_close(struct json_in *in);

/* ---- writing: commas are put by themselves. Strings are written as UTF-8; what is not is replaced. */
struct json_out {
	struct buf *buf;
	bool comma;
};
static inline void json_out_init(struct json_out *o, struct buf *b)
{
	o->buf = b, o->comma = false;
}
void json_open(struct json_out *o, char bracket);       /* '{' or '[' */
void json_close(struct json_out *o, char bracket);      /* '}' or ']' */
void json_key(struct json_out *o, const char *name);    /* "name": with nothing to escape in it */
void json_key_str(struct json_out *o, struct str name); /* escaped */
void json_put_str(struct json_out *o, struct str v);    /* STR_NONE: null */
void json_put_text(struct json_out *o, const char *z);  /* NULL: null */
void json_put_i64(struct json_out *o, int64_t v);
void json_put_bool(struct json_out *o, bool v);
void json_put_null(struct json_out *o);
void json_put_time(struct json_out *o, int64_t wall_ms); /* RFC 3339; 0: null */
void json_put_raw(struct json_out *o, struct str json);  /* a value written elsewhere */
/* key and value */
void json_field_str(struct json_out *o, const char *name, struct str v);
void json_field_text(struct json_out *o, const char *name, const char *z);
void json_field_i64(struct json_out *o, const char *name, int64_t v);
void json_field_bool(struct json_out *o, const char *name, bool v);
void json_field_null(struct json_out *o, const char *name);
void json_field_time(struct json_out *o, const char *name, int64_t wall_ms);
#endif
