/* linnet admin check. */
#include <stdio.h>

#include "base/buf.h"
#include "bin/admin.h"
#include "proto/json.h"
#include "store/verify.h"

#define COMMAND "check"

struct check_job {
	struct admin_job job;
	bool json;
	struct verify verify;
};

static void print_text(const struct finding *f)
{
	if (f->channel_id >= 0)
		printf("%s: channel %lld: " STR_FMT "\n", f->check, (long long)f->channel_id, STR_ARG(f->text));
	else
		printf("%s: " STR_FMT "\n", f->check, STR_ARG(f->text));
}

static void print_json(struct buf *b)
{
	printf(STR_FMT "\n", STR_ARG(buf_str(b)));
	buf_release(b);
}

static void found(void *arg, const struct finding *f)
{
	const struct check_job *k = arg;
	struct json_out o;
	struct buf b;
	if (!k->json) {
		print_text(f);
		return;
	}
	buf_init(&b);
	json_out_init(&o, &b);
	json_open(&o, '{');
	json_field_text(&o, "check", f->check);
	if (f->channel_id >= 0) json_field_i64(&o, "channel_id", f->channel_id);
	json_field_str(&o, "text", f->text);
	json_close(&o, '}');
	print_json(&b);
}

/* The last line: that it came to its end, and what it has seen. */
static void summary(const struct check_job *k)
{
	const struct verify *v = &k->verify;
	struct json_out o;
	struct buf b;
	if (!k->json) {
		printf("%s: %lld channels, %lld revs, %lld people%s\n", v->findings ? "NOT WELL" : "well",
			   (long long)v->channels, (long long)v->revs, (long long)v->people,
			   v->given_up ? "; given up, there may be more" : "");
		return;
	}
	buf_init(&b);
	json_out_init(&o, &b);
	json_open(&o, '{');
	json_field_bool(&o, "well", !v->findings);
	json_field_i64(&o, "findings", v->findings);
	json_field_bool(&o, "given_up", v->given_up);
	json_field_i64(&o, "channels", v->channels);
	json_field_i64(&o, "revs", v->revs);
	json_field_i64(&o, "people", v->people);
	json_close(&o, '}');
	print_json(&b);
}

static enum err run(struct admin_job *j, struct process *p, struct db_conn *c, struct problem *problem)
{
	struct check_job *k = container_of(j, struct check_job, job);
	k->verify = (struct verify){ .found = found, .arg = k };
	db_conn_patient(c);
	enum err e = db_begin_snapshot(c);
	if (!e) e = verify_run(c, &k->verify);
	db_rollback(c);
	if (!e) summary(k);
	return e;
}

int admin_check(int argc, char **argv)
{
	struct check_job k = { .job = { .command = COMMAND, .use = PROCESS_READS, .run = run } };
	k.json = admin_flag(&argc, argv, "--json");
	int status = admin_run(&k.job, argc, argv);
	return status ? status : k.verify.findings > 0;
}
