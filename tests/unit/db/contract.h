/* What every database driver must do, written once: each main gives a URL and runs these cases. */
#ifndef LINNET_TESTS_DB_CONTRACT_H
#define LINNET_TESTS_DB_CONTRACT_H
#include "db/db.h"

/* Where the cases work; two URLs may lead to one database. */
extern const char *contract_url;

struct db *contract_open_with(int timeout_ms, int most); /* contract_url */
int contract_run(void);                                  /* all cases; the count of failures */

/* Statements for tests: fails the test on an error. */
void must(enum err e);
int64_t one_i64(struct db_conn *c, const struct sql *q, struct db_args args);
#endif
