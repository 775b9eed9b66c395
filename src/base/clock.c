#include "base/clock.h"

#include <string.h>
#include <time.h>

#define MS_A_DAY INT64_C(86400000)
#define LEAST_MS INT64_C(-62167219200000) /* 0000-01-01T00:00:00.000Z */
#define MOST_MS INT64_C(253402300799999)  /* 9999-12-31T23:59:59.999Z */

static int64_t real_wall_ms(const struct clock *c)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t real_monotonic_ns(const struct clock *c)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

const struct clock clock_real = { real_wall_ms, real_monotonic_ns };

/* Days are counted in eras of 400 years (146097 days) with years that begin in March, so that the leap day comes last
 * and a month's first day is a linear function of its number. Day 0 of the count is 1970-01-01, 719468 days after
 * 0000-03-01. */
static int64_t days_of(int64_t year, int month, int day)
{
	year -= month <= 2;
	int64_t era = (year >= 0 ? year : year - 399) / 400, of_era = year - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void date_of(int64_t days, int64_t *year, int *month, int *day)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097, of_era = days - era * 146097;
	int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * y + y / 4 - y / 100), m = (5 * of_year + 2) / 153;
	*day = (int)(of_year - (153 * m + 2) / 5 + 1);
	*month = (int)(m < 10 ? m + 3 : m - 9);
	*year = y + era * 400 + (*month <= 2);
}

static void put_digits(char *out, int64_t v, int digits)
{
	while (digits--) out[digits] = (char)('0' + v % 10), v /= 10;
}

void time_format(int64_t wall_ms, char out[TIME_TEXT])
{
	if (wall_ms < LEAST_MS) wall_ms = LEAST_MS;
	if (wall_ms > MOST_MS) wall_ms = MOST_MS;
	int64_t days = wall_ms / MS_A_DAY, ms = wall_ms % MS_A_DAY, year;
	if (ms < 0) ms += MS_A_DAY, days--;
	int month, day;
	date_of(days, &year, &month, &day);
	memcpy(out, "0000-00-00T00:00:00.000Z", TIME_TEXT);
	put_digits(out, year, 4);
	put_digits(out + 5, month, 2);
	put_digits(out + 8, day, 2);
	put_digits(out + 11, ms / 3600000, 2);
	put_digits(out + 14, ms / 60000 % 60, 2);
	put_digits(out + 17, ms / 1000 % 60, 2);
	put_digits(out + 20, ms % 1000, 3);
}

static bool take_digits(struct str *s, size_t digits, int *out)
{
	if (s->n < digits) return false;
	*out = 0;
	for (size_t i = 0; i < digits; i++) {
		if (s->p[i] < '0' || s->p[i] > '9') return false;
		*out = *out * 10 + (s->p[i] - '0');
	}
	*s = str_from(*s, digits);
	return true;
}

static bool take_char(struct str *s, const char *any_of)
{
	if (!s->n || !s->p[0] || !strchr(any_of, s->p[0])) return false;
	*s = str_from(*s, 1);
	return true;
}

static int days_in(int year, int month)
{
	static const char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	return days[month - 1] + (month == 2 && leap);
}

static bool take_date(struct str *s, int64_t *days)
{
	int year, month, day;
	if (!take_digits(s, 4, &year) || !take_char(s, "-") || !take_digits(s, 2, &month) || !take_char(s, "-") ||
		!take_digits(s, 2, &day))
		return false;
	if (month < 1 || month > 12 || day < 1 || day > days_in(year, month)) return false;
	*days = days_of(year, month, day);
	return true;
}

static bool take_fraction(struct str *s, int64_t *ms)
{
	*ms = 0;
	if (!take_char(s, ".")) return true;
	int digit, n = 0;
	for (int unit = 100; take_digits(s, 1, &digit); n++, unit /= 10) *ms += digit * unit;
	return n >= 1 && n <= 9;
}

/* Z, or how far ahead of UTC the text's clock is. */
static bool take_offset(struct str *s, int64_t *ms)
{
	*ms = 0;
	if (take_char(s, "Zz")) return true;
	bool behind = s->n && s->p[0] == '-';
	int hour, minute;
	if (!take_char(s, "+-") || !take_digits(s, 2, &hour) || !take_char(s, ":") || !take_digits(s, 2, &minute))
		return false;
	if (hour > 23 || minute > 59) return false;
	*ms = (hour * 60 + minute) * INT64_C(60000) * (behind ? -1 : 1);
	return true;
}

bool time_parse(struct str text, int64_t *wall_ms)
{
	int64_t days, fraction, offset;
	int hour, minute, second;
	if (!take_date(&text, &days) || !take_char(&text, "Tt") || !take_digits(&text, 2, &hour) ||
		!take_char(&text, ":") || !take_digits(&text, 2, &minute) || !take_char(&text, ":") ||
		!take_digits(&text, 2, &second))
		return false;
	if (hour > 23 || minute > 59 || second > 60) return false; /* 60: a leap second, read as the next one */
	if (!take_fraction(&text, &fraction) || !take_offset(&text, &offset) || text.n) return false;
	*wall_ms = days * MS_A_DAY + ((hour * 60 + minute) * 60 + second) * INT64_C(1000) + fraction - offset;
	return true;
}
