#include "model/emoji.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <utf8proc.h>

#include <cmocka.h>

#include "base/buf.h"
#include "model/text.h"

static struct arena arena;

#define VS "\xef\xb8\x8f"          /* U+FE0F */
#define ZWJ "\xe2\x80\x8d"         /* U+200D */
#define KEYCAP "\xe2\x83\xa3"      /* U+20E3 */
#define THUMB "\xf0\x9f\x91\x8d"   /* U+1F44D */
#define MAN "\xf0\x9f\x91\xa8"     /* U+1F468 */
#define WOMAN "\xf0\x9f\x91\xa9"   /* U+1F469 */
#define GIRL "\xf0\x9f\x91\xa7"    /* U+1F467 */
#define LIGHT "\xf0\x9f\x8f\xbb"   /* U+1F3FB */
#define DARK "\xf0\x9f\x8f\xbf"    /* U+1F3FF */
#define HEART "\xe2\x9d\xa4"       /* U+2764 */
#define KISS "\xf0\x9f\x92\x8b"    /* U+1F48B */
#define BLACK "\xf0\x9f\x8f\xb4"   /* U+1F3F4, black flag */
#define WHITE "\xf0\x9f\x8f\xb3"   /* U+1F3F3, white flag */
#define RAINBOW "\xf0\x9f\x8c\x88" /* U+1F308 */
#define RI_D "\xf0\x9f\x87\xa9"    /* U+1F1E9 */
#define RI_E "\xf0\x9f\x87\xaa"    /* U+1F1EA */
#define TAG(c) "\xf3\xa0\x81" c    /* U+E0040 and on */
#define WALES BLACK TAG("\xa7") TAG("\xa2") TAG("\xb7") TAG("\xac") TAG("\xb3") TAG("\xbf")
#define WALES_OPEN BLACK TAG("\xa7") TAG("\xa2")

static const struct {
	struct str given, kept;
} good[] = {
	{ STR(THUMB), STR(THUMB) },
	{ STR(THUMB VS), STR(THUMB) },
	{ STR(THUMB LIGHT), STR(THUMB LIGHT) },
	{ STR(HEART), STR(HEART) },
	{ STR(HEART VS), STR(HEART) },
	{ STR(HEART VS VS), STR(HEART) },
	{ STR("\xc2\xa9" VS), STR("\xc2\xa9") },              /* copyright */
	{ STR("\xe2\x84\xb9" VS), STR("\xe2\x84\xb9") },      /* information: a letter by its category */
	{ STR("\xf0\x9f\xab\xa8"), STR("\xf0\x9f\xab\xa8") }, /* U+1FAE8, of Unicode 15 */
	{ STR("\xf0\x9f\xab\x9f"), STR("\xf0\x9f\xab\x9f") }, /* U+1FADF, of Unicode 16 */
	{ STR("\xf0\x9f\xbf\xbd"), STR("\xf0\x9f\xbf\xbd") }, /* U+1FFFD, set aside */
	{ STR(MAN ZWJ WOMAN ZWJ GIRL), STR(MAN ZWJ WOMAN ZWJ GIRL) },
	{ STR(MAN LIGHT ZWJ HEART VS ZWJ KISS ZWJ MAN DARK), STR(MAN LIGHT ZWJ HEART ZWJ KISS ZWJ MAN DARK) },
	{ STR(WHITE VS ZWJ RAINBOW), STR(WHITE ZWJ RAINBOW) },
	{ STR(RI_D RI_E), STR(RI_D RI_E) },
	{ STR(WALES), STR(WALES) },
	{ STR("1" VS KEYCAP), STR("1" KEYCAP) },
	{ STR("#" KEYCAP), STR("#" KEYCAP) },
	{ STR("*" VS KEYCAP), STR("*" KEYCAP) },
	{ STR("0" KEYCAP VS), STR("0" KEYCAP) },
};

static const struct str bad[] = {
	{ NULL, 0 },
	STR(""),
	STR(VS),
	STR(VS VS VS),
	STR("a"),
	STR("1"),
	STR("#"),
	STR("1" VS),
	STR("12" KEYCAP),
	STR("a" KEYCAP),
	STR("1" KEYCAP KEYCAP),
	STR(KEYCAP),
	STR("\xc3\xa4"),
	STR("\xe4\xb8\xad"), /* a Chinese character */
	STR(" "),
	STR("\n"),
	STR(THUMB " "),
	STR(" " THUMB),
	STR(THUMB "\0"),
	STR("\0"),
	STR(THUMB THUMB),
	STR(THUMB "a"),
	STR("a" VS),
	STR(":thumbsup:"),
	STR(THUMB ",1"),
	STR(LIGHT),            /* a skin tone alone, */
	STR(THUMB LIGHT DARK), /* two, */
	STR(LIGHT THUMB),      /* one in front */
	STR(RI_D),
	STR(RI_D RI_E RI_D),
	STR(RI_D RI_E RI_D RI_E),
	STR(RI_D RI_E ZWJ THUMB),
	STR(RI_D "a"),
	STR(ZWJ),
	STR(THUMB ZWJ),
	STR(ZWJ THUMB),
	STR(THUMB ZWJ ZWJ THUMB),
	STR(THUMB ZWJ "a"),
	STR(WALES_OPEN),              /* tags without their end, */
	STR(BLACK TAG("\xbf")),       /* an end without tags, */
	STR(TAG("\xa7") TAG("\xbf")), /* tags of nothing */
	STR(HEART "\xef\xb8\x8e"),    /* U+FE0E: to be shown as text */
	STR(THUMB "\xcc\x81"),        /* with an accent */
	STR("\xe2\x80\xae" THUMB),    /* turned round */
	STR("\xee\x80\x80"),          /* private use */
	STR("\xf0\x9f\x91"),          /* cut short */
	STR("\xff"),
	STR("\xed\xa0\xbd\xed\xb1\x8d"), /* surrogates */
	STR("\xf0\x9f\xbf\xbf"),         /* U+1FFFF, no character */
};

static void one_emoji(void **state)
{
	for (size_t i = 0; i < countof(good); i++) {
		struct str s = good[i].given;
		if (emoji_check(&arena, &s, NULL)) fail_msg("good %zu was refused", i);
		if (!str_eq(s, good[i].kept)) fail_msg("good %zu became another", i);
		struct str again = s;
		assert_int_equal(emoji_check(&arena, &again, NULL), OK);
		assert_ptr_equal(again.p, s.p);
	}
}

static void anything_else(void **state)
{
	for (size_t i = 0; i < countof(bad); i++) {
		struct problem p;
		struct str s = bad[i];
		problem_init(&p, &arena);
		if (emoji_check(&arena, &s, &p) != ERR_INVALID) fail_msg("bad %zu was taken", i);
		assert_int_equal(p.n_fields, 1);
		assert_string_equal(p.fields[0].field, "emoji");
	}
}

static void lengths(void **state)
{
	struct buf b;
	buf_init(&b);
	buf_add_str(&b, STR(MAN));
	while (b.n + 7 <= EMOJI_BYTES) buf_add_str(&b, STR(ZWJ MAN));
	struct str s = buf_str(&b);
	assert_int_equal(emoji_check(&arena, &s, NULL), OK);
	buf_add_str(&b, STR(ZWJ MAN));
	s = buf_str(&b);
	assert_int_equal(emoji_check(&arena, &s, NULL), ERR_INVALID);
	b.n = 0;
	buf_add_str(&b, STR(THUMB));
	while (b.n + 3 <= 2 * EMOJI_BYTES) buf_add_str(&b, STR(VS));
	s = buf_str(&b);
	assert_int_equal(emoji_check(&arena, &s, NULL), OK);
	assert_true(str_eq(s, STR(THUMB)));
	while (b.n < 70000) buf_add_str(&b, STR(VS));
	s = buf_str(&b);
	assert_int_equal(emoji_check(&arena, &s, NULL), ERR_INVALID);
	buf_release(&b);
}

static size_t clusters(struct str s)
{
	size_t n = 1;
	utf8proc_int32_t state = 0;
	for (int32_t before = text_next(&s), c; (c = text_next(&s)) >= 0; before = c)
		n += utf8proc_grapheme_break_stateful(before, c, &state);
	return n;
}

/* Whatever is taken is one grapheme cluster, and nothing that a normal form would change. */
static void one_cluster(void **state)
{
	for (size_t i = 0; i < countof(good); i++) {
		/* the library cannot join what it does not know yet, but those stand alone */
		assert_int_equal(clusters(good[i].kept), 1);
		assert_true(str_eq(text_nfc(&arena, good[i].kept), good[i].kept));
	}
	size_t n = 0;
	for (int32_t c = 0; c < 0x110000; c++) {
		utf8proc_uint8_t bytes[4];
		if (!text_pictograph(c)) continue;
		struct str s = { (char *)bytes, (size_t)utf8proc_encode_char(c, bytes) };
		assert_int_equal(emoji_check(&arena, &s, NULL), OK);
		if (utf8proc_category(c) != UTF8PROC_CATEGORY_CN) assert_true(str_eq(text_nfc(&arena, s), s));
		n++;
	}
	assert_true(n > 3000 && n < 4000); /* 3,537 in Unicode 15 */
}

static int forget(void **state)
{
	arena_release(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(one_emoji), cmocka_unit_test(anything_else),
										cmocka_unit_test(lengths), cmocka_unit_test(one_cluster) };
	arena_init(&arena);
	return cmocka_run_group_tests(tests, NULL, forget);
}
