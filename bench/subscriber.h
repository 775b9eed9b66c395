/* WebSockets of the load generator: opened in windows (upgrade, hello, ready) with blocking reads, then read without
 * blocking. */
#ifndef LINNET_BENCH_SUBSCRIBER_H
#define LINNET_BENCH_SUBSCRIBER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "proto/ws.h"

struct subscriber {
	int fd;
	bool upgraded, ready;
	uint32_t kept_n; /* bytes of a frame that came in part */
	char *kept;
};

struct subscribers {
	struct subscriber *all;
	size_t n;
	int port;
	bool offer_deflate; /* then it must be agreed */
};
void subscribers_init(struct subscribers *s, int port, bool offer_deflate, size_t most);
void subscribers_release(struct subscribers *s);
/* Opens `n` more, each with its own token (NULL: none), until each is ready; then they do not block. */
void subscribers_open(struct subscribers *s, const char *const *tokens, size_t n);
/* One more connection, to `path`, upgraded; its socket. */
int subscriber_upgrade(int port, const char *path);

/* The two halves of an upgrade: the request, and what the answer must say; or ends the program. */
struct answer;
void upgrade_ask(int fd, const char *path, const char *token, bool deflate);
void upgrade_judge(const struct answer *a, bool deflate);

/* One frame from a server at p: 1, or 0 when it is not whole yet. Ends the program when it is none. */
struct frame {
	enum ws_opcode opcode;
	bool compressed;
	struct str payload;
	size_t n; /* of the whole frame */
};
int frame_parse(const char *p, size_t n, struct frame *f);
void frame_send(int fd, enum ws_opcode opcode, struct str payload); /* masked */
void subscriber_pong(struct subscriber *s, struct str payload);
#endif
