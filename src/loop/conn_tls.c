#include "loop/conn_private.h"
#include <stdlib.h>
void tls_conn_attach(struct conn *c, struct tls_context *t, const char *name, bool server)
{
	abort();
}
enum tls_step tls_conn_handshake(struct conn *c)
{
	return TLS_REFUSED;
}
bool tls_conn_wants_write(const struct conn *c)
{
	return false;
}
const struct transport transport_tls;
