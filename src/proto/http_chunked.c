/* Chunked bodies, byte by byte but for the data: sizes, extensions and trailers are bounded, extensions and trailers
 * dropped. Every line ends in CR LF and nothing else. */
#include "proto/http_parts.h"

#define DIGITS_MOST 16
#define SIZE_MOST 0xFFFFFFFFu
#define EXTENSIONS_MOST 4096 /* of all chunks of a body */
#define TRAILERS_MOST 4096

enum state { SIZE, BLANK, EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF, TRAILER, NAME, VALUE, VALUE_LF, LAST_LF, WHOLE };

static bool text_byte(unsigned char c)
{
	return (c >= ' ' && c != 0x7F) || c == '\t';
}

static bool malformed(struct http_fault *fault)
{
	return http_refuse(fault, ERR_MALFORMED, "the chunked body is malformed");
}

static bool size_byte(struct http_chunked *c, unsigned char b, struct http_fault *fault)
{
	unsigned lower = b | 0x20u;
	bool number = b >= '0' && b <= '9', letter = lower >= 'a' && lower <= 'f';
	if (number || letter) {
		if (c->digits++ == DIGITS_MOST) return malformed(fault);
		c->size = c->size << 4 | (number ? b - (unsigned)'0' : lower - 'a' + 10);
		if (c->size > SIZE_MOST) return http_refuse(fault, ERR_TOO_LARGE, "a chunk is too large");
		return true;
	}
	if (!c->digits) return malformed(fault);
	if (b == '\r')
		c->state = SIZE_LF;
	else if (b == ';')
		c->state = EXTENSION;
	else if (b == ' ' || b == '\t')
		c->state = BLANK;
	else
		return malformed(fault);
	return true;
}

/* Behind the size: blanks are allowed before a semicolon only. */
static bool extension_byte(struct http_chunked *c, unsigned char b, struct http_fault *fault)
{
	if (++c->extensions > EXTENSIONS_MOST)
		return http_refuse(fault, ERR_TOO_LARGE, "the chunk extensions are too long");
	if (c->state == BLANK) {
		if (b == ';') c->state = EXTENSION;
		return b == ';' || b == ' ' || b == '\t' || malformed(fault);
	}
	if (b == '\r') c->state = SIZE_LF;
	return b == '\r' || text_byte(b) || malformed(fault);
}

static bool trailer_byte(struct http_chunked *c, unsigned char b, struct http_fault *fault)
{
	char one = (char)b;
	if (++c->trailers > TRAILERS_MOST) return http_refuse(fault, ERR_HEADERS_TOO_LARGE, "the trailers are too long");
	if (c->state == TRAILER && b == '\r') {
		c->state = LAST_LF;
	} else if (c->state == VALUE) {
		if (b == '\r') c->state = VALUE_LF;
		return b == '\r' || text_byte(b) || malformed(fault);
	} else if (c->state == NAME && b == ':') {
		c->state = VALUE;
	} else {
		c->state = NAME;
		return http_is_token((struct str){ &one, 1 }) || malformed(fault);
	}
	return true;
}

static bool expect(struct http_chunked *c, unsigned char b, char wanted, enum state next, struct http_fault *fault)
{
	c->state = next;
	return b == wanted || malformed(fault);
}

static bool step(struct http_chunked *c, unsigned char b, struct http_fault *fault)
{
	switch ((enum state)c->state) {
	case SIZE: return size_byte(c, b, fault);
	case BLANK:
	case EXTENSION: return extension_byte(c, b, fault);
	case SIZE_LF: return expect(c, b, '\n', c->size ? DATA : TRAILER, fault);
	case DATA_CR: return expect(c, b, '\r', DATA_LF, fault);
	case DATA_LF: c->digits = 0; return expect(c, b, '\n', SIZE, fault);
	case TRAILER:
	case NAME:
	case VALUE: return trailer_byte(c, b, fault);
	case VALUE_LF: return expect(c, b, '\n', TRAILER, fault);
	case LAST_LF: return expect(c, b, '\n', WHOLE, fault);
	case DATA:
	case WHOLE: break;
	}
	return true;
}

enum http_event http_chunked_feed(struct http_chunked *c, const char *data, size_t n, size_t *used, struct str *body,
								  struct http_fault *fault)
{
	size_t i = 0;
	enum http_event event = HTTP_NEED_MORE;
	while (i < n && c->state != DATA && c->state != WHOLE) {
		if (!step(c, (unsigned char)data[i], fault)) {
			event = HTTP_FAILED;
			break;
		}
		i++;
	}
	if (event == HTTP_NEED_MORE && c->state == WHOLE) event = HTTP_DONE;
	if (event == HTTP_NEED_MORE && i < n) {
		size_t piece = c->size < n - i ? (size_t)c->size : n - i;
		*body = (struct str){ data + i, piece };
		c->size -= piece;
		i += piece;
		if (!c->size) c->state = DATA_CR;
		event = HTTP_BODY;
	}
	*used = i;
	return event;
}
