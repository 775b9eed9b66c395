/* Text is copied in runs: plain_run() finds how much needs no change, eight bytes at a time while it is plain ASCII. */
#include <string.h>

#include "base/clock.h"
#include "proto/json.h"
#include "proto/utf8.h"

#define ONES 0x0101010101010101u
#define HIGHS 0x8080808080808080u

/* Not zero when one of the eight bytes is a control, a quote, a backslash or no ASCII. A byte next to such a one may
 * show up as well; the caller looks again, byte by byte. */
static uint64_t special(uint64_t w)
{
	uint64_t quote = w ^ ONES * '"', backslash = w ^ ONES * '\\';
	return ((w - ONES * 0x20) | (quote - ONES) | (backslash - ONES) | w) & HIGHS;
}

static size_t plain_run(const char *p, size_t n)
{
	size_t i = 0;
	while (i < n) {
		uint64_t w;
		if (i + 8 <= n && (memcpy(&w, p + i, 8), !special(w))) {
			i += 8;
			continue;
		}
		unsigned char c = (unsigned char)p[i];
		if (c < 0x20 || c == '"' || c == '\\') break;
		size_t width = c < 0x80 ? 1 : utf8_char(p + i, n - i);
		if (!width) break;
		i += width;
	}
	return i;
}

static void add_escaped(struct buf *b, unsigned char c)
{
	static const char hex[] = "0123456789abcdef", raw[] = "\"\\\b\f\n\r\t", letter[] = "\"\\bfnrt";
	if (c >= 0x80) {
		buf_add_str(b, STR("\xEF\xBF\xBD")); /* U+FFFD stands for a byte that is not UTF-8 */
		return;
	}
	char out[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };
	const char *at = memchr(raw, c, sizeof raw - 1);
	if (at) out[1] = letter[at - raw];
	buf_add(b, out, at ? 2 : 6);
}

static void add_quoted(struct buf *b, struct str v)
{
	buf_reserve(b, v.n + 2);
	buf_add_byte(b, '"');
	for (size_t i = 0; i < v.n;) {
		size_t run = plain_run(v.p + i, v.n - i);
		if (run) buf_add(b, v.p + i, run);
		i += run;
		if (i < v.n) add_escaped(b, (unsigned char)v.p[i++]);
	}
	buf_add_byte(b, '"');
}

/* Before each value or key; what comes next is parted from it by a comma. */
static struct buf *begin(struct json_out *o)
{
	if (o->comma) buf_add_byte(o->buf, ',');
	o->comma = true;
	return o->buf;
}

void json_open(struct json_out *o, char bracket)
{
	buf_add_byte(begin(o), bracket);
	o->comma = false;
}

void json_close(struct json_out *o, char bracket)
{
	buf_add_byte(o->buf, bracket);
	o->comma = true;
}

void json_key(struct json_out *o, const char *name)
{
	size_t n = strlen(name);
	char *p = buf_reserve(o->buf, n + 4), *start = p;
	if (o->comma) *p++ = ',';
	*p++ = '"';
	memcpy(p, name, n), p += n;
	*p++ = '"', *p++ = ':';
	o->buf->n += (size_t)(p - start);
	o->comma = false;
}

void json_key_str(struct json_out *o, struct str name)
{
	add_quoted(begin(o), name);
	buf_add_byte(o->buf, ':');
	o->comma = false;
}

void json_put_raw(struct json_out *o, struct str json)
{
	buf_add_str(begin(o), json);
}

void json_put_null(struct json_out *o)
{
	json_put_raw(o, STR("null"));
}

void json_put_str(struct json_out *o, struct str v)
{
	if (!v.p)
		json_put_null(o);
	else
		add_quoted(begin(o), v);
}

void json_put_text(struct json_out *o, const char *z)
{
	json_put_str(o, str_of(z));
}

void json_put_i64(struct json_out *o, int64_t v)
{
	buf_add_i64(begin(o), v);
}

void json_put_bool(struct json_out *o, bool v)
{
	json_put_raw(o, v ? STR("true") : STR("false"));
}

void json_put_time(struct json_out *o, int64_t wall_ms)
{
	char text[TIME_TEXT];
	if (!wall_ms) {
		json_put_null(o);
		return;
	}
	time_format(wall_ms, text);
	add_quoted(begin(o), (struct str){ text, sizeof text });
}

void json_field_str(struct json_out *o, const char *name, struct str v)
{
	json_key(o, name);
	json_put_str(o, v);
}

void json_field_text(struct json_out *o, const char *name, const char *z)
{
	json_key(o, name);
	json_put_text(o, z);
}

void json_field_i64(struct json_out *o, const char *name, int64_t v)
{
	json_key(o, name);
	json_put_i64(o, v);
}

void json_field_bool(struct json_out *o, const char *name, bool v)
{
	json_key(o, name);
	json_put_bool(o, v);
}

void json_field_null(struct json_out *o, const char *name)
{
	json_key(o, name);
	json_put_null(o);
}

void json_field_time(struct json_out *o, const char *name, int64_t wall_ms)
{
	json_key(o, name);
	json_put_time(o, wall_ms);
}
