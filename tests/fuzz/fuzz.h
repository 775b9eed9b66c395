/* A fuzz target: looks at any bytes, and aborts when something is wrong. Each is linked with libFuzzer (-Dfuzz=true,
 * clang) and, as a unit test, with replay.c, which runs it over its corpus. */
#ifndef LINNET_TESTS_FUZZ_H
#define LINNET_TESTS_FUZZ_H
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* assert() that stays in every build. */
#define must(condition)                                                                                                \
	((condition) ? (void)0 : (fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition), abort()))
#endif
