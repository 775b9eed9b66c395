/* Bytes with a length: what came from outside, never NUL-terminated, not owned. */
#ifndef LINNET_BASE_STR_H
#define LINNET_BASE_STR_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str {
	const char *p;
	size_t n;
};

#define STR(literal) ((struct str){ "" literal, sizeof(literal) - 1 })
#define STR_NONE ((struct str){ NULL, 0 }) /* absent, which is not the empty string */
#define STR_FMT "%.*s"
#define STR_ARG(s) (int)(s).n, (s).p

struct str str_of(const char *z);               /* a NUL-terminated string's bytes; NULL gives STR_NONE */
bool str_eq(struct str a, struct str b);        /* the bytes only: absent equals empty, ask .p for absence */
bool str_eq_nocase(struct str a, struct str b); /* ASCII only */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
int str_cmp(struct str a, struct str b);      /* bytewise */
struct str str_from(struct str s, size_t at); /* the rest; empty past the end */
struct str str_upto(struct str s, size_t n);
struct str str_trim(struct str s); /* blanks and tabs at both ends (HTTP's OWS) */
/* Takes the part before `sep` off *rest; false when *rest was STR_NONE. The last part leaves STR_NONE. */
bool str_split(struct str *rest, char sep, struct str *part);
/* The whole of s as a decimal number within [min, max]: no blanks, no plus, no leading zeros but "0". */
bool str_i64(struct str s, int64_t min, int64_t max, int64_t *out);
bool str_has(struct str s, char c);
bool str_utf8(struct str s);         /* well-formed UTF-8 (RFC 3629): no surrogates, no overlong forms */
size_t str_utf8_step(struct str s);  /* bytes of the well-formed sequence at its start; 0: none there */
size_t str_codepoints(struct str s); /* of well-formed UTF-8 */
/* Same length compared in constant time, for secrets. */
bool str_eq_secret(struct str a, struct str b);
#endif
