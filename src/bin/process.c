/* Settings, log, data and database: what every command that touches a server's data begins with. */
#include "bin/process.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/id.h"
#include "base/log.h"
#include "base/map.h"
#include "base/setting.h"
#include "edge/jwt.h"
#include "store/migrations.h"

extern char **environ;

static int usage(const char *why)
{
	fprintf(stderr, "linnet: %s\n", why);
	return 2;
}

static void open_log(struct process *p)
{
	enum log_level least = LOG_INFO;
	log_level_parse(p->config.log_level, &least);
	log_setup(least, role_name(p->pod.role), p->pod.id);
}

/* NULL: it is no SQLite file. */
const char *process_file(struct process *p)
{
	struct str url = p->database_url;
	return str_starts(url, STR("sqlite:")) ? arena_cstr(&p->config.arena, str_from(url, 7)) : NULL;
}

/* A mistyped path must not become a new database. An SQLite file that is there is opened beside whoever serves it. */
static bool find_file(struct process *p, enum process_use use)
{
	const char *file = process_file(p);
	bool there = !file || access(file, F_OK) == 0, must = use == PROCESS_CHANGES || use == PROCESS_READS;
	p->beside = file && there && (must || use == PROCESS_MAKES);
	if (there || !must) return true;
	fprintf(stderr, "linnet: %s: there is no such database\n", file);
	return false;
}

/* serve without a URL has a file of its own. (Whoever serves an SQLite file has it alone: src/db sees to that.) */
static bool open_data(struct process *p, enum process_use use)
{
	struct config *c = &p->config;
	const char *dir = arena_cstr(&c->arena, c->data);
	p->database_url = c->database_url;
	if (!c->database_url.n) p->database_url = arena_printf(&c->arena, "sqlite:%s/linnet.db", dir);
	if (!find_file(p, use)) return false;
	if (p->pod.role != ROLE_SERVE || p->beside || (use != PROCESS_SERVES && c->database_url.n)) return true;
	p->lock = data_lock(dir);
	return p->lock >= 0;
}

static bool open_keys(struct process *p)
{
	struct config *c = &p->config;
	struct pod *pod = &p->pod;
	struct str secret = c->jwt_secret;
	if (!secret.n && pod->role == ROLE_SERVE &&
		data_secret(arena_cstr(&c->arena, c->data), "jwt-secret", &c->arena, &secret))
		return false;
	if (!secret.n && pod->role == ROLE_SERVE) {
		fprintf(stderr,
				"linnet: " STR_FMT
				"/jwt-secret is empty: remove it, and a new one is made (people sign in again), or restore it\n",
				STR_ARG(c->data));
		return false;
	}
	if (secret.n && !jwt_key(secret, pod->jwt_key, &pod->jwt_key_n)) {
		fprintf(stderr, "linnet: the secret for access tokens has fewer than %d bytes\n", JWT_SECRET_LEAST);
		return false;
	}
	if (c->jwt_secret_previous.n) jwt_key(c->jwt_secret_previous, pod->jwt_key_previous, &pod->jwt_key_previous_n);
	return true;
}

static bool read_redis(struct process *p)
{
	struct config *c = &p->config;
	if (!c->redis_url.n || redis_address_parse(c->redis_url, &c->arena, &p->redis)) return true;
	struct str shown = setting_show(&settings[CONFIG_redis_url], c, &c->arena);
	fprintf(stderr, "linnet: --redis-url (REDIS_URL): \"" STR_FMT "\" is not allowed; give %s\n", STR_ARG(shown),
			REDIS_ADDRESS_FORM);
	return false;
}

static int db_most(const struct config *c)
{
	return (int)(1 + 1 + c->read_threads + c->sync_threads + c->slow_threads +
				 1); /* append, write, read, sync, slow, an operator's */
}

static bool open_database(struct process *p)
{
	struct config *c = &p->config;
	const struct db_options o = {
		.url = arena_cstr(&c->arena, p->database_url),
		.statement_timeout_ms = (int)c->statement_timeout_ms,
		.connect_timeout_ms = (int)c->connect_timeout_ms,
		.lock_timeout_ms = (int)c->migration_lock_ms,
		.most_connections = db_most(c),
		.fsync = true,
		.beside = p->beside,
	};
	return db_create(&o, &p->pod.db) == OK;
}

int process_open(struct process *p, enum role role, enum process_use use, int argc, char **argv)
{
	const char *why = "";
	struct pod *pod = &p->pod;
	memset(p, 0, sizeof *p);
	p->lock = -1;
	pod->config = &p->config;
	pod->clock = &clock_real;
	pod->random = &random_kernel;
	pod->role = role;
	if (!config_load(&p->config, role, argc, argv, environ, &why)) return usage(why);
	if (!read_redis(p)) return 2;
	if (use == PROCESS_SERVES && !pod_check(&p->config, &why)) return usage(why);
	if (sodium_init() < 0) return usage("libsodium cannot be used");
	map_seed(random_u64(pod->random));
	pod->started_ms = clock_wall_ms(pod->clock);
	ulid_make(pod->random, pod->started_ms, pod->id);
	open_log(p);
	if (!open_data(p, use) || (use == PROCESS_SERVES && !open_keys(p))) return 1;
	return use == PROCESS_RESTORES || open_database(p) ? 0 : 1;
}

void process_close(struct process *p)
{
	db_destroy(p->pod.db);
	if (p->lock >= 0) close(p->lock);
	sodium_memzero(p->pod.jwt_key, sizeof p->pod.jwt_key);
	sodium_memzero(p->pod.jwt_key_previous, sizeof p->pod.jwt_key_previous);
	config_release(&p->config);
}

struct db_conn *process_conn(struct process *p)
{
	return db_conn_create(p->pod.db, DB_WRITE);
}

enum err process_migrate(struct process *p, bool contract, bool tell)
{
	struct db_conn *c = process_conn(p);
	int applied = 0;
	enum err e = (contract ? migrate_contract : migrate_up)(c, migration_list, migration_count, &applied);
	struct str where = setting_show_text(&settings[CONFIG_database_url], p->database_url, &p->config.arena);
	if (!e && (applied || tell))
		log_event(LOG_INFO, "process.migrated", LOG_INT("applied", applied), LOG_STR("database", where));
	db_conn_destroy(c);
	return e;
}
