/* What stands in the headers of an upgrade (RFC 6455, 4.2 and 9.1; RFC 7692, 7.1). */
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <string.h>

#include "proto/http_parts.h"
#include "proto/ws.h"

#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define KEY_N 24

bool ws_key_valid(struct str key)
{
	if (key.n != KEY_N || !str_ends(key, STR("=="))) return false;
	for (size_t i = 0; i < KEY_N - 2; i++) {
		char c = key.p[i], lower = c | 0x20;
		if (!(lower >= 'a' && lower <= 'z') && !(c >= '0' && c <= '9') && c != '+' && c != '/') return false;
	}
	return true;
}

void ws_accept_key(struct str key, char out[29])
{
	unsigned char text[KEY_N + sizeof GUID - 1], digest[SHA_DIGEST_LENGTH];
	key = str_upto(key, KEY_N);
	memcpy(text, key.p, key.n);
	memcpy(text + key.n, GUID, sizeof GUID - 1);
	SHA1(text, key.n + sizeof GUID - 1, digest);
	EVP_EncodeBlock((unsigned char *)out, digest, sizeof digest);
}

/* ---- Sec-WebSocket-Extensions: names with parameters */
static void skip_blanks(struct str *s)
{
	while (s->n && (s->p[0] == ' ' || s->p[0] == '\t')) *s = str_from(*s, 1);
}

static bool take_byte(struct str *s, char c)
{
	skip_blanks(s);
	if (!s->n || s->p[0] != c) return false;
	*s = str_from(*s, 1);
	return true;
}

static bool take_token(struct str *s, struct str *token)
{
	size_t n = 0;
	skip_blanks(s);
	while (n < s->n && http_is_token((struct str){ s->p + n, 1 })) n++;
	*token = str_upto(*s, n);
	*s = str_from(*s, n);
	return n > 0;
}

/* A token, or one in quotes; what is quoted has to be a token as well (RFC 6455, 9.1). */
static bool take_value(struct str *s, struct str *value)
{
	if (!take_byte(s, '"')) return take_token(s, value);
	const char *end = memchr(s->p, '"', s->n);
	if (!end) return false;
	*value = str_upto(*s, (size_t)(end - s->p));
	*s = str_from(*s, value->n + 1);
	return http_is_token(*value);
}

enum parameter { NO_SERVER_CONTEXT = 1, NO_CLIENT_CONTEXT = 2, CLIENT_BITS = 4 };

/* The parameter's bit; 0 when the offer cannot be accepted with it. The server's window bits would have to be answered
 * in kind (7.1.2.1), and a smaller window would be one for this connection alone. */
static unsigned parameter_bit(struct str name, struct str value)
{
	int64_t bits;
	if (str_eq(name, STR("server_no_context_takeover"))) return value.p ? 0 : NO_SERVER_CONTEXT;
	if (str_eq(name, STR("client_no_context_takeover"))) return value.p ? 0 : NO_CLIENT_CONTEXT;
	if (str_eq(name, STR("client_max_window_bits"))) return !value.p || str_i64(value, 8, 15, &bits) ? CLIENT_BITS : 0;
	return 0;
}

/* Reads one offer; false: the header is malformed. */
static bool take_offer(struct str *s, bool *acceptable)
{
	struct str name;
	unsigned seen = 0;
	if (!take_token(s, &name)) return false;
	*acceptable = str_eq(name, STR("permessage-deflate"));
	while (take_byte(s, ';')) {
		struct str value = STR_NONE;
		if (!take_token(s, &name)) return false;
		if (take_byte(s, '=') && !take_value(s, &value)) return false;
		unsigned bit = parameter_bit(name, value);
		if (!bit || (seen & bit)) *acceptable = false;
		seen |= bit;
	}
	return true;
}

bool ws_offer_deflate(struct str offers)
{
	bool acceptable, found = false;
	do {
		if (!take_offer(&offers, &acceptable)) return false;
		found = found || acceptable;
	} while (take_byte(&offers, ','));
	return found && !offers.n;
}
