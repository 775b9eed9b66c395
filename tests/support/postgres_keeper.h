/* Between a test program and the keeper of its Postgres: one byte asks, one answers. */
#ifndef LINNET_TESTS_SUPPORT_POSTGRES_KEEPER_H
#define LINNET_TESTS_SUPPORT_POSTGRES_KEEPER_H
#define KEEPER_KILL 'q'
#define KEEPER_STOP 'f'
#define KEEPER_AGAIN 's'
#define KEEPER_PAUSE 'p'
#define KEEPER_RESUME 'c'
#define KEEPER_OK 'k'
#define KEEPER_FAILED 'e'

struct keeper {
	char dir[256];
	int port;
	int from; /* not 0: the port of the server whose standby this is */
};
/* The keeper's whole life: makes the cluster and starts it, answers on `fd` once it is ready, then obeys, and at the
 * end of `fd` stops the server and removes the directory. Does not return. */
_Noreturn void keeper_run(const struct keeper *k, int fd);
#endif
