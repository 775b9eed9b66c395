/* Of several pods. Labels of fan-out: "pods/saturated" and "pods/half" through Redis, "pods/dead-saturated" and
 * "pods/dead-half" without it, "pods/N-light" and "pods/N-half" with N pods under the same load. */
#include <math.h>
#include <stdio.h>

#include "report_rows.h"

#define BOUND 0.9 /* of a processor */

static const char *remark(const struct key *k, bool saturated)
{
	double wall = median(k, "seconds", NULL);
	double servers =
		median(k, "server_cpu_s", NULL) + median(k, "database_cpu_s", NULL) + median(k, "redis_cpu_s", NULL);
	if (median(k, "reader_cores", NULL) > BOUND) return "  bound by the reader";
	if (saturated && servers / wall < BOUND) return "  not saturated: bound by what may be on its way";
	if (!saturated &&
		(median(k, "held", NULL) > 0 || median(k, "messages_per_s", NULL) < 0.85 * median(k, "rate", NULL)))
		return "  overloaded: less than was asked for";
	return "";
}

static void fan_line(const char *who, const char *title, bool saturated)
{
	struct key k = { "fanout", "pods", who, 0, 0, 0 };
	int rounds;
	double rate = median(&k, "messages_per_s", &rounds);
	if (!rounds) return;
	printf("%-34s %6d %8.0f %9.1f %8.3f %8.1f %8.1f %7.2f %7.2f %7.2f %7.3f %7.2f%s\n", title, rounds, rate,
		   median(&k, "deliveries_per_s", NULL) / 1000, median(&k, "server_cpu_us_per_delivery", NULL),
		   median(&k, "last_p50_us", NULL) / 1000, median(&k, "last_p99_us", NULL) / 1000, median(&k, "seconds", NULL),
		   median(&k, "server_cpu_s", NULL), median(&k, "database_cpu_s", NULL), median(&k, "redis_cpu_s", NULL),
		   median(&k, "reader_cores", NULL), remark(&k, saturated));
}

static void pods_report(void)
{
	static const struct {
		const char *who, *title;
		bool saturated;
	} lines[] = {
		{ "saturated", "to another pod, saturated", true },
		{ "half", "to another pod, half of that", false },
		{ "dead-saturated", "the same, Redis dead, saturated", true },
		{ "dead-half", "the same, Redis dead, half of that", false },
		{ "1-light", "1 pod, 100 a second", false },
		{ "2-light", "2 pods, 100 a second", false },
		{ "4-light", "4 pods, 100 a second", false },
		{ "1-half", "1 pod, half of saturation", false },
		{ "2-half", "2 pods, half of saturation", false },
		{ "4-half", "4 pods, half of saturation", false },
	};
	struct key k = { "fanout", "pods", "half", 0, 0, 0 };
	double subscribers = median(&k, "subscribers", NULL);
	if (isnan(subscribers)) return;
	printf(
		"\nOne channel, %.0f subscribers; p50 and p99 until the last of them has a message\n%-34s %6s %8s %9s %8s %8s "
		"%8s %7s %7s %7s %7s %7s\n",
		subscribers, "", "rounds", "mess./s", "1000 d./s", "CPU us/d", "p50 ms", "p99 ms", "wall s", "pods s", "DB s",
		"Redis s", "reader");
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		fan_line(lines[i].who, lines[i].title, lines[i].saturated);
}

void cluster_report(void)
{
	pods_report();
}
