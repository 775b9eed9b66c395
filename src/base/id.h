/* Identifiers: numbers, and as text ULIDs (sessions, media, pods), UUIDs (nonces, uploads), and hex. */
#ifndef LINNET_BASE_ID_H
#define LINNET_BASE_ID_H
#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"
#include "base/str.h"

#define ID_MOST ((INT64_C(1) << 53) - 1) /* of a number that names something: what JSON keeps whole everywhere */
#define ULID_TEXT 26
#define UUID_TEXT 36
void ulid_make(struct random *r, int64_t wall_ms, char out[ULID_TEXT + 1]); /* Crockford base 32, NUL-terminated */
bool ulid_valid(struct str s); /* as ulid_make writes it: upper case, no aliases, fits 128 bits */
void uuid_make(struct random *r, char out[UUID_TEXT + 1]); /* version 4 (RFC 9562, 5.4), lower case */
bool uuid_parse(struct str s, uint8_t out[16]);            /* any version, either case */
void uuid_format(const uint8_t in[16], char out[UUID_TEXT + 1]);
void hex_encode(const void *p, size_t n, char *out); /* 2n characters and a NUL */
bool hex_decode(struct str s, void *out, size_t n);  /* exactly 2n digits */
#endif
