#include "model/message.h"

#include <sodium.h>
#include <string.h>

#include "model/text.h"

static const char *const kinds[MESSAGE_KINDS] = { "text", "action", "notice" };

const char *message_kind_name(enum message_kind k)
{
	return k >= 0 && k < MESSAGE_KINDS ? kinds[k] : kinds[MESSAGE_TEXT];
}

bool message_kind_parse(struct str s, enum message_kind *out)
{
	for (int i = 0; i < MESSAGE_KINDS; i++)
		if (str_eq(s, str_of(kinds[i]))) {
			*out = (enum message_kind)i;
			return true;
		}
	return false;
}

/* CRLF becomes LF; a copy is made only where there is one. */
static struct str newlines(struct arena *a, struct str s)
{
	if (!s.n || !memmem(s.p, s.n, "\r\n", 2)) return s;
	char *out = arena_alloc(a, s.n);
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != '\r' || i + 1 == s.n || s.p[i + 1] != '\n') out[n++] = s.p[i];
	return (struct str){ out, n };
}

enum err message_body_check(struct arena *a, struct str *body, size_t most, struct problem *p)
{
	struct str s = newlines(a, *body), rest = s;
	if (s.n > most) {
		problem_field(p, "body", "at most %zu bytes", most);
		return problem_set(p, ERR_TOO_LARGE, "a message has at most %zu bytes", most);
	}
	bool ink = false;
	while (rest.n > 0) {
		unsigned char first = (unsigned char)*rest.p;
		if (first > 0x20 && first < 0x7f) { /* most text: no need to ask for categories */
			ink = true, rest.p++, rest.n--;
			continue;
		}
		int32_t c = text_next(&rest);
		if (c < 0) return problem_field(p, "body", "is no UTF-8");
		if (text_control(c) && c != '\t' && c != '\n')
			return problem_field(p, "body", "control character U+%04X: only tab and newline are allowed", (unsigned)c);
		ink = ink || (!text_space(c) && !text_hidden(c));
	}
	if (!ink) return problem_field(p, "body", "must not be blank");
	*body = s;
	return OK;
}

static void put_i64(uint8_t *out, int64_t v)
{
	for (int i = 0; i < 8; i++) out[i] = (uint8_t)((uint64_t)v >> (8 * i));
}

void send_hash(struct send *s)
{
	uint8_t head[26];
	put_i64(head, s->channel_id);
	put_i64(head + 8, s->reply_to);
	put_i64(head + 16, s->thread_id);
	head[24] = (uint8_t)s->kind;
	head[25] = s->in_channel;
	crypto_generichash_state state;
	crypto_generichash_init(&state, NULL, 0, sizeof s->request_hash);
	crypto_generichash_update(&state, head, sizeof head);
	crypto_generichash_update(&state, (const unsigned char *)s->body.p, s->body.n);
	crypto_generichash_final(&state, s->request_hash, sizeof s->request_hash);
}
