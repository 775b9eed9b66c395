/* GET /docs: the contract in a viewer, which is built into the binary and asks nobody but this server. */
#ifndef LINNET_EDGE_DOCS_H
#define LINNET_EDGE_DOCS_H
#include "edge/request.h"

enum err docs_page(struct request *q, struct db_conn *c);
enum err docs_slash(struct request *q, struct db_conn *c); /* /docs/ is /docs */
enum err docs_file(struct request *q, struct db_conn *c);

/* The files as frames that all answers share: frozen, in the order of asset.h. */
struct chunk **docs_files_create(void);
void docs_files_destroy(struct chunk **files);
#endif
