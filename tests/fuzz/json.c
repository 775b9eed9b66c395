/* What is read can be written and read again as the same value; and any bytes can be written as a string. */
#include <string.h>

#include "base/arena.h"
#include "fuzz.h"
#include "proto/json.h"

static void write_value(struct json_out *o, json_t *v)
{
	const char *key;
	json_t *item;
	size_t i;
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		json_open(o, '{');
		json_object_foreach(v, key, item) json_key_str(o, str_of(key)), write_value(o, item);
		json_close(o, '}');
		break;
	case JSON_ARRAY:
		json_open(o, '[');
		json_array_foreach(v, i, item) write_value(o, item);
		json_close(o, ']');
		break;
	case JSON_STRING: json_put_str(o, (struct str){ json_string_value(v), json_string_length(v) }); break;
	case JSON_INTEGER: json_put_i64(o, json_integer_value(v)); break;
	case JSON_REAL: {
		char *text = json_dumps(v, JSON_ENCODE_ANY);
		json_put_raw(o, str_of(text));
		free(text);
		break;
	}
	case JSON_TRUE: json_put_bool(o, true); break;
	case JSON_FALSE: json_put_bool(o, false); break;
	case JSON_NULL: json_put_null(o); break;
	}
}

static void there_and_back(json_t *v)
{
	struct buf b;
	struct json_out o;
	json_t *again;
	buf_init(&b);
	json_out_init(&o, &b);
	write_value(&o, v);
	must(json_read(buf_str(&b), &again, NULL) == OK);
	must(json_equal(v, again));
	json_decref(again);
	buf_release(&b);
}

static void take_fields(json_t *v, struct problem *problem)
{
	struct json_in in;
	struct str s = STR_NONE;
	int64_t n = 0;
	bool b;
	json_t *any;
	json_in_open(&in, v, problem);
	bool took = json_in_str(&in, "s", JSON_NEED, &s);
	must(!took || s.p);
	took = json_in_i64(&in, "n", JSON_MAY, -5, 5, &n);
	must(n >= -5 && n <= 5);
	json_in_bool(&in, "b", JSON_MAY, &b);
	json_in_array(&in, "a", JSON_MAY, 3, &any);
	json_in_object(&in, "o", JSON_MAY, &any);
	json_in_null(&in, "null");
	enum err err = json_in_close(&in);
	must(err == OK || err == ERR_INVALID);
	must(err == OK || problem->n_fields || problem->detail.p);
}

static void write_bytes(struct str bytes)
{
	struct buf b;
	struct json_out o;
	buf_init(&b);
	json_out_init(&o, &b);
	json_put_str(&o, bytes);
	json_t *v = NULL;
	if (str_has(bytes, '\0')) {
		must(str_utf8(buf_str(&b)));
	} else {
		must(json_read(buf_str(&b), &v, NULL) == OK);
		must(!str_utf8(bytes) || str_eq((struct str){ json_string_value(v), json_string_length(v) }, bytes));
	}
	json_decref(v);
	buf_release(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct str text = { n ? (const char *)data : "", n };
	struct arena a;
	struct problem problem;
	json_t *v;
	arena_init(&a);
	problem_init(&problem, &a);
	enum err err = json_read(text, &v, &problem);
	must(err == OK ? !!v : err == ERR_MALFORMED && !v && problem.detail.p);
	if (v) {
		there_and_back(v);
		take_fields(v, &problem);
		json_decref(v);
	}
	write_bytes(text);
	arena_release(&a);
	return 0;
}
