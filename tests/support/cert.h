/* A certificate and its key, made by the test, in files of a directory of its own. */
#ifndef LINNET_TESTS_SUPPORT_CERT_H
#define LINNET_TESTS_SUPPORT_CERT_H
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct cert {
	char dir[64], cert[96], key[96];
};

static inline void cert_extend(X509 *x, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	assert_non_null(e);
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
}

/* Signs itself; a client that trusts it takes the file itself as its CA. */
static inline void cert_write(const struct cert *c, const char *names, const char *passphrase)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, key);
	X509_NAME *name = X509_get_subject_name(x);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"linnet test", -1, -1, 0);
	X509_set_issuer_name(x, name);
	cert_extend(x, NID_basic_constraints, "critical,CA:TRUE");
	cert_extend(x, NID_subject_alt_name, names);
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	FILE *f = fopen(c->cert, "w");
	PEM_write_X509(f, x);
	fclose(f);
	f = fopen(c->key, "w");
	PEM_write_PrivateKey(f, key, passphrase ? EVP_aes_128_cbc() : NULL, NULL, 0, NULL, (void *)passphrase);
	fclose(f);
	X509_free(x);
	EVP_PKEY_free(key);
}

static inline void cert_make(struct cert *c)
{
	strcpy(c->dir, "/tmp/linnet-tls-XXXXXX");
	assert_non_null(mkdtemp(c->dir));
	snprintf(c->cert, sizeof c->cert, "%s/cert.pem", c->dir);
	snprintf(c->key, sizeof c->key, "%s/key.pem", c->dir);
	cert_write(c, "DNS:localhost,IP:127.0.0.1", NULL);
}

static inline void cert_remove(struct cert *c)
{
	unlink(c->cert);
	unlink(c->key);
	rmdir(c->dir);
}
#endif
