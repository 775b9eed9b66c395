#include "model/invite.h"

#include <string.h>

#include "base/random.h"

static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

void invite_code_make(char out[INVITE_CODE + 1])
{
	uint8_t random[INVITE_CODE];
	random_kernel.bytes(&random_kernel, random, sizeof random);
	for (size_t i = 0; i < INVITE_CODE; i++) out[i] = alphabet[random[i] & 31];
	out[INVITE_CODE] = 0;
}

bool invite_code_valid(struct str code)
{
	for (size_t i = 0; i < code.n; i++)
		if (!code.p[i] || !strchr(alphabet, code.p[i])) return false;
	return code.n == INVITE_CODE;
}

enum err invite_judge(const struct invite *i, int64_t user_id, int64_t now_ms)
{
	if (i->user_id && i->user_id != user_id) return ERR_NOT_FOUND;
	if (i->uses >= i->max_uses) return ERR_INVITE_USED_UP;
	return i->expires_at <= now_ms ? ERR_INVITE_EXPIRED : OK;
}
