/* A private Redis for a test program, on a free port of loopback, without a file of its own; gone however the test
 * ends. */
#ifndef LINNET_TESTS_SUPPORT_REDIS_H
#define LINNET_TESTS_SUPPORT_REDIS_H
struct redis_server;
struct redis_setup {
	const char *password;           /* of the user `default`; NULL: none */
	const char *tls_cert, *tls_key; /* both or none; then there is a port for TLS as well */
};
/* Ready for connections. Ends the program with a message when it cannot. From the main thread. */
struct redis_server *redis_start(const struct redis_setup *setup); /* NULL: plain */
void redis_destroy(struct redis_server *s);
int redis_port(const struct redis_server *s);
int redis_tls_port(const struct redis_server *s);
const char *redis_url(const struct redis_server *s); /* plain, with the password, database 0 */

/* A command's words, blanks between them; `"%s"`s are words as they are. The answer as text, for one call. */
const char *redis_do(struct redis_server *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What can happen to it. All wait until it has happened. */
void redis_kill(struct redis_server *s);
void redis_again(struct redis_server *s); /* after a kill: the same port, empty */
void redis_pause(struct redis_server *s); /* stands still, its sockets stay open */
void redis_resume(struct redis_server *s);
#endif
