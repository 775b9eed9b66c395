/* TLS by OpenSSL: 1.2 and up, certificate and key from files, read again on SIGHUP. */
#ifndef LINNET_LOOP_TLS_H
#define LINNET_LOOP_TLS_H
#include "base/err.h"

struct tls_context;
enum err tls_server_create(const char *cert_file, const char *key_file, struct tls_context **out); /* logs why not */
enum err tls_client_create(const char *ca_file, struct tls_context **out); /* NULL: the system's CAs; verifies */
enum err tls_reload(struct tls_context *t); /* any thread; new connections get the new certificate */
void tls_destroy(struct tls_context *t);
#endif
