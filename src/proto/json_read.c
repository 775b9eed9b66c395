/* jansson reads; before it runs, a scan of ours bounds the nesting, since jansson's own limit (2,048) is far from what
 * a request needs. What the client reads about its fault are our words: jansson's quote the input. */
#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/mem.h"
#include "proto/json.h"

#define NAME_SHOWN 64 /* bytes */

/* Brackets and commas outside strings, counted; whether they match is jansson's affair. NULL: within the limits. */
static const char *too_much(struct str text)
{
	int depth = 0, values = 0;
	bool in_string = false;
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		if (in_string) {
			if (c == '\\') i++;
			in_string = c != '"';
		} else if (c == '"') {
			in_string = true;
		} else if (c == '[' || c == '{') {
			values++;
			if (++depth > JSON_DEPTH) return "nested too deeply";
		} else if (c == ']' || c == '}') {
			depth--;
		} else if (c == ',') {
			values++;
		}
		if (values > JSON_VALUES) return "too many values";
	}
	return NULL;
}

static const char *reason(const json_error_t *error)
{
	switch (json_error_code(error)) {
	case json_error_duplicate_key: return "a key stands twice in an object";
	case json_error_invalid_utf8: return "the text is not UTF-8";
	case json_error_null_character:
	case json_error_null_byte_in_key: return "a NUL in a string";
	case json_error_premature_end_of_input: return "the text ends too early";
	case json_error_end_of_input_expected: return "something follows the value";
	case json_error_numeric_overflow: return "a number is too large";
	case json_error_invalid_syntax:
		if (strstr(error->text, "invalid Unicode '")) return "a \\u escape is half of a pair";
		return "this is not JSON";
	default: return "this is not JSON";
	}
}

static enum err malformed(struct problem *fault, const char *why, const json_error_t *error)
{
	if (!fault) return ERR_MALFORMED;
	if (!error) return problem_set(fault, ERR_MALFORMED, "%s", why);
	return problem_set(fault, ERR_MALFORMED, "%s (line %d, byte %d)", why, error->line, error->position);
}

enum err json_read(struct str text, json_t **out, struct problem *fault)
{
	*out = NULL;
	if (text.n > JSON_MOST) return malformed(fault, "the text is too long", NULL);
	const char *much = too_much(text);
	if (much) return malformed(fault, much, NULL);
	json_error_t error;
	json_t *value = json_loadb(text.n ? text.p : "", text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (!value) return malformed(fault, reason(&error), &error);
	*out = value;
	return OK;
}

/* A name may be the client's own, of any length: it is cut, between two characters. */
static const char *fault_name(struct json_in *in, const char *name)
{
	size_t n = strnlen(name, NAME_SHOWN);
	while (name[n] && (name[n] & 0xC0) == 0x80) n--;
	return arena_printf(in->problem->arena, "%s%.*s", in->prefix ? in->prefix : "", (int)n, name).p;
}

#define FAULT(in, name, ...)                                                                                           \
	((in)->err = ERR_INVALID,                                                                                          \
	 (in)->problem ? (void)problem_field((in)->problem, fault_name(in, name), __VA_ARGS__) : (void)0)

void json_in_open(struct json_in *in, json_t *value, struct problem *problem)
{
	*in = (struct json_in){ .object = json_is_object(value) ? value : NULL, .problem = problem };
	if (in->object) return;
	in->err = ERR_INVALID;
	if (problem) problem_set(problem, ERR_INVALID, "an object is expected");
}

static void remember(struct json_in *in, const char *name)
{
	for (size_t i = 0; i < in->taken; i++)
		if (!strcmp(in->names[i], name)) return;
	assert(in->taken < JSON_IN_NAMES);
	if (in->taken < JSON_IN_NAMES) in->names[in->taken++] = name;
}

/* The field, known from now on; NULL when it is absent or null, and which of that is a fault. */
static json_t *field(struct json_in *in, const char *name, enum json_need need)
{
	if (!in->object) return NULL;
	remember(in, name);
	json_t *value = json_object_get(in->object, name);
	if (value && !json_is_null(value)) return value;
	if (need == JSON_NEED)
		FAULT(in, name, "is needed");
	else if (value && !in->lenient)
		FAULT(in, name, "must not be null");
	return NULL;
}

bool json_in_str(struct json_in *in, const char *name, enum json_need need, struct str *out)
{
	json_t *value = field(in, name, need);
	if (!value) return false;
	if (!json_is_string(value)) {
		FAULT(in, name, "must be a string");
		return false;
	}
	*out = (struct str){ json_string_value(value), json_string_length(value) };
	return true;
}

bool json_in_i64(struct json_in *in, const char *name, enum json_need need, int64_t min, int64_t max, int64_t *out)
{
	json_t *value = field(in, name, need);
	if (!value) return false;
	if (!json_is_integer(value)) {
		FAULT(in, name, "must be a whole number");
		return false;
	}
	int64_t n = json_integer_value(value);
	if (n < min || n > max) {
		FAULT(in, name, "must be between %lld and %lld", (long long)min, (long long)max);
		return false;
	}
	*out = n;
	return true;
}

bool json_in_bool(struct json_in *in, const char *name, enum json_need need, bool *out)
{
	json_t *value = field(in, name, need);
	if (!value) return false;
	if (!json_is_boolean(value)) {
		FAULT(in, name, "must be true or false");
		return false;
	}
	*out = json_is_true(value);
	return true;
}

bool json_in_array(struct json_in *in, const char *name, enum json_need need, size_t most, json_t **out)
{
	json_t *value = field(in, name, need);
	if (!value) return false;
	if (!json_is_array(value)) {
		FAULT(in, name, "must be an array");
		return false;
	}
	if (json_array_size(value) > most) {
		FAULT(in, name, "must not have more than %zu items", most);
		return false;
	}
	*out = value;
	return true;
}

bool json_in_object(struct json_in *in, const char *name, enum json_need need, json_t **out)
{
	json_t *value = field(in, name, need);
	if (!value) return false;
	if (!json_is_object(value)) {
		FAULT(in, name, "must be an object");
		return false;
	}
	*out = value;
	return true;
}

bool json_in_time(struct json_in *in, const char *name, bool or_null, int64_t *wall_ms)
{
	bool none = or_null && json_in_null(in, name);
	if (none) *wall_ms = 0;
	json_t *value = none ? NULL : field(in, name, JSON_MAY);
	if (!value) return none;
	struct str text = { json_string_value(value), json_string_length(value) };
	if (!text.p || !time_parse(text, wall_ms)) {
		FAULT(in, name, "must be a time as 2030-01-31T12:00:00Z%s", or_null ? ", or null" : "");
		return false;
	}
	if (or_null && !*wall_ms) *wall_ms = 1; /* the first moment of 1970 is no null */
	return true;
}

bool json_in_any(struct json_in *in, const char *name, enum json_need need, json_t **out)
{
	if (!json_in_has(in, name)) return field(in, name, need) != NULL;
	remember(in, name);
	*out = json_object_get(in->object, name);
	return true;
}

bool json_in_has(const struct json_in *in, const char *name)
{
	return in->object && json_object_get(in->object, name);
}

bool json_in_null(struct json_in *in, const char *name)
{
	if (!in->object || !json_is_null(json_object_get(in->object, name))) return false;
	remember(in, name);
	return true;
}

static bool known(const struct json_in *in, const char *key)
{
	for (size_t i = 0; i < in->taken; i++)
		if (!strcmp(in->names[i], key)) return true;
	return false;
}

enum err json_in_close(struct json_in *in)
{
	if (!in->object || in->lenient) return in->err;
	const char *key;
	json_t *value;
	size_t faults = 0;
	json_object_foreach(in->object, key, value)
	{
		if (known(in, key)) continue;
		FAULT(in, key, "is not known");
		if (++faults >= countof(in->problem->fields)) break;
	}
	return in->err;
}
