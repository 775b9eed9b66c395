/* api/openapi.yaml as JSON, made at build time; served by GET /openapi.json. */
#ifndef LINNET_EDGE_OPENAPI_H
#define LINNET_EDGE_OPENAPI_H
#include <stddef.h>

extern const char openapi_json[]; /* NUL-terminated */
extern const size_t openapi_json_n;
#endif
