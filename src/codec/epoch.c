#include "base/id.h"
#include "codec/codec.h"

void codec_epoch(char out[17], uint64_t epoch)
{
	uint8_t bytes[8];
	for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(epoch >> (56 - 8 * i));
	hex_encode(bytes, sizeof bytes, out);
}

bool codec_epoch_parse(struct str s, uint64_t *out)
{
	uint8_t bytes[8];
	if (!hex_decode(s, bytes, sizeof bytes)) return false;
	uint64_t epoch = 0;
	for (int i = 0; i < 8; i++) epoch = epoch << 8 | bytes[i];
	*out = epoch;
	return true;
}
