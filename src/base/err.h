/* What can go wrong, as one table (errors.def): code and status on the wire, close code, IRC numeric, title. */
#ifndef LINNET_BASE_ERR_H
#define LINNET_BASE_ERR_H
#include "base/str.h"

struct arena;

enum err {
	OK = 0,
#define E(name, code, status, close, numeric, title) ERR_##name,
#include "base/errors.def"
#undef E
	ERR_COUNT
};

struct err_row {
	const char *name, *code;
	int status, close, numeric;
	const char *title;
};
const struct err_row *err_row(enum err e);               /* of OK too (status 200) */
static inline enum err err_first(enum err a, enum err b) /* what went wrong first, where all is looked at */
{
	return a ? a : b;
}
/* True where what comes round fails and did not the last time: so the log has a line an outage. */
static inline bool err_begins(bool *failing, enum err e)
{
	bool begins = e && !*failing;
	*failing = e != OK;
	return begins;
}
/* True where it had failed and works again; asked before err_begins(). */
static inline bool err_ends(bool *failing, enum err e)
{
	bool ends = !e && *failing;
	if (ends) *failing = false;
	return ends;
}

/* What the client should read besides the code. Lives in the request's arena. */
struct problem_field {
	const char *field; /* JSON pointer-like name: "username", "attachments.3" */
	struct str detail;
};
struct problem {
	struct arena *arena;
	struct str detail;
	struct problem_field fields[16];
	size_t n_fields;
	int retry_after_s; /* 0: none */
};
void problem_init(struct problem *p, struct arena *arena);
/* Both return the error they were given, so that a check is one line: return problem_set(p, ERR_INVALID, "...").
 * p may be NULL where nobody reads what is said. The last detail set is the one that counts. */
enum err problem_set(struct problem *p, enum err e, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* ERR_RATE_LIMITED, until then: whole seconds, rounded up. */
enum err problem_wait(struct problem *p, int64_t retry_ms);
/* Adds a field's fault; past the 16th they are left out. Always ERR_INVALID. */
enum err problem_field(struct problem *p, const char *field, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
#endif
