/* A result: one line of JSON on stdout, flushed at once. */
#ifndef LINNET_BENCH_RESULT_H
#define LINNET_BENCH_RESULT_H
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "proto/json.h"

struct result {
	struct buf buf;
	struct json_out out;
};
void result_open(struct result *r, const char *bench, const char *label);
void result_int(struct result *r, const char *name, int64_t v);
void result_real(struct result *r, const char *name, double v);
void result_bool(struct result *r, const char *name, bool v);
void result_text(struct result *r, const char *name, const char *v);
void result_close(struct result *r); /* prints and frees */
#endif
