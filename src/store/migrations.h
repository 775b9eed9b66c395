/* The migrations in this binary: src/store/migrations/NNNN_name.sql, embedded at build time. A released one never
 * changes. */
#ifndef LINNET_STORE_MIGRATIONS_H
#define LINNET_STORE_MIGRATIONS_H
#include "db/migrate.h"

extern const struct migration migration_list[];
extern const size_t migration_count;
#endif
