/* The load generator's sockets: loopback only, and only what a client of our own server needs. */
#ifndef LINNET_BENCH_WIRE_H
#define LINNET_BENCH_WIRE_H
#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

int wire_connect(int port);    /* 127.0.0.1, blocking, reads wait 20 s at most; or ends the program */
int wire_connecting(int port); /* does not block: connected once it can be written */
void wire_nonblocking(int fd);
void wire_send(int fd, const char *p, size_t n); /* all of it; or ends the program */

/* ---- HTTP/1.1 answers with a Content-Length */
struct answer {
	int status;
	struct str head, body;
	size_t n; /* of the whole answer */
};
/* 1: whole; 0: more is needed. Ends the program when it is no answer that we understand. 1xx but 101 is an error. */
int answer_parse(const char *p, size_t n, struct answer *a);
struct str answer_header(const struct answer *a, const char *name); /* STR_NONE: absent */

/* A kept-alive connection with one request on its way at most. */
struct http {
	int fd;
	bool busy;
	char *in;
	size_t n, cap;
};
void http_open(struct http *h, int port);
void http_close(struct http *h);
void http_ask(struct http *h, const char *method, const char *path, const char *token, struct str json);
/* Reads what is there: true when the answer is whole; its strings live until the next http_ask(). */
bool http_read(struct http *h, struct answer *a);
void http_wait(struct http *h, struct answer *a); /* blocking */

/* ---- members: lines `name token` */
struct members {
	char *text;
	const char **tokens;
	size_t n;
};
void members_read(struct members *m, const char *path, size_t skip, size_t need); /* or ends the program */
void members_release(struct members *m);
#endif
