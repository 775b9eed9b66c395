/* Between tls.c and conn_tls.c. */
#ifndef LINNET_LOOP_TLS_PRIVATE_H
#define LINNET_LOOP_TLS_PRIVATE_H
#include <openssl/ssl.h>

#include "loop/tls.h"

/* On this socket; takes a reference to the context, to be given back by tls_destroy(). Any thread. */
SSL *tls_session(struct tls_context *t, int fd);
const char *tls_why(void); /* the last error in OpenSSL's queue, for people */
#endif
