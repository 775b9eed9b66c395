#include "result.h"

#include <stdio.h>

void result_open(struct result *r, const char *bench, const char *label)
{
	buf_init(&r->buf);
	json_out_init(&r->out, &r->buf);
	json_open(&r->out, '{');
	json_field_text(&r->out, "bench", bench);
	json_field_text(&r->out, "label", label);
}

void result_int(struct result *r, const char *name, int64_t v)
{
	json_field_i64(&r->out, name, v);
}
void result_bool(struct result *r, const char *name, bool v)
{
	json_field_bool(&r->out, name, v);
}
void result_text(struct result *r, const char *name, const char *v)
{
	json_field_text(&r->out, name, v);
}

void result_real(struct result *r, const char *name, double v)
{
	char text[40];
	int n = snprintf(text, sizeof text, "%.6g", v);
	json_key(&r->out, name);
	json_put_raw(&r->out, (struct str){ text, (size_t)n });
}

void result_close(struct result *r)
{
	json_close(&r->out, '}');
	printf(STR_FMT "\n", STR_ARG(buf_str(&r->buf)));
	fflush(stdout);
	buf_release(&r->buf);
}
