/* Of several pods. Labels of fan-out: "pods/saturated" and "pods/half" through Redis, "pods/dead-saturated" and
 * "pods/dead-half" without it, "pods/N-light" and "pods/N-half" with N pods under the same load. Of reads "peace" and
 * "death"; of head checks "idle" and "busy"; of tables "heads" and "moves". */
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

static double of(const struct key *k, const char *name)
{
	return median(k, name, NULL);
}

static const char *reader_remark(const struct key *k)
{
	return of(k, "reader_cores") > BOUND ? "  bound by the reader" : "";
}

static void reads_line(const struct key *k, const char *title)
{
	printf("%-20s %9.0f %9.0f %9.0f %9.1f %11.5f %7.2f %7.2f %7.2f %7.3f %7.2f%s\n", title, of(k, "deliveries"),
		   of(k, "reads"), of(k, "read_rows"), of(k, "read_ms"), of(k, "reads_per_delivery"), of(k, "seconds"),
		   of(k, "server_cpu_s"), of(k, "database_cpu_s"), of(k, "redis_cpu_s"), of(k, "reader_cores"),
		   reader_remark(k));
}

static void reads_report(void)
{
	struct key peace = { "reads", "reads", "peace", 0, 0, 0 }, death = { "reads", "reads", "death", 0, 0, 0 };
	int rounds;
	double clients = median(&death, "clients", &rounds);
	if (!rounds) return;
	printf(
		"\nDatabase reads with %.0f clients of %.0f channels each, %d rounds\n%-20s %9s %9s %9s %9s %11s %7s %7s %7s "
		"%7s %7s\n",
		clients, of(&death, "client_channels"), rounds, "", "deliver.", "reads", "rows", "read ms", "a delivery",
		"wall s", "pods s", "DB s", "Redis s", "reader");
	reads_line(&peace, "in peace");
	reads_line(&death, "after a pod's death");
	printf("%20s from the kill: the last is ready after %.0f ms, has caught up after %.0f; from its connection on p50 "
		   "%.0f, "
		   "p99 %.0f ms; the largest pod %.0f MB, before %.0f\n",
		   "", of(&death, "ready_ms"), of(&death, "synced_ms"), of(&death, "ready_p50_ms"), of(&death, "ready_p99_ms"),
		   of(&death, "peak_mb"), of(&death, "before_mb"));
}

static void check_line(const struct key *k, const char *title)
{
	bool slow = of(k, "rate") > 0 && of(k, "changes_per_s") < 0.95 * of(k, "rate");
	printf("%-12s %8.0f %9.2f %9.2f %9.2f %9.0f %8.0f %7.2f %7.2f %7.2f%s%s\n", title, of(k, "changes_per_s"),
		   of(k, "check_ms"), of(k, "database_ms"), of(k, "database_cpu_ms"), of(k, "rows"), of(k, "blocks"),
		   of(k, "seconds"), of(k, "server_cpu_s"), of(k, "database_cpu_s"), reader_remark(k),
		   slow ? "  overloaded: fewer changes than were asked for" : "");
}

static void table_line(const char *who)
{
	struct key k = { "table", "heads", who, 0, 0, 0 };
	printf("%-8s %8.1f %8.1f %8.1f %8.1f %9.0f %9.0f %9.0f %9.0f %7.3f %7.0f\n", who, of(&k, "before_bytes") / 1e6,
		   of(&k, "bytes") / 1e6, of(&k, "before_index_bytes") / 1e6, of(&k, "index_bytes") / 1e6, of(&k, "rows"),
		   of(&k, "dead"), of(&k, "inserts"), of(&k, "updates"), of(&k, "hot_share"), of(&k, "vacuums"));
}

static void heads_report(void)
{
	struct key idle = { "heads", "heads", "idle", 0, 0, 0 }, busy = { "heads", "heads", "busy", 0, 0, 0 };
	struct key table = { "table", "heads", "heads", 0, 0, 0 };
	int rounds;
	double channels = median(&idle, "channels", &rounds);
	if (!rounds) return;
	printf("\nA head check of a pod that serves %.0f channels, %d rounds\n%-12s %8s %9s %9s %9s %9s %8s %7s %7s %7s\n",
		   channels, rounds, "", "chang./s", "pod ms", "DB ms", "DB CPU ms", "rows", "blocks", "wall s", "pod s",
		   "DB s");
	check_line(&idle, "idle");
	check_line(&busy, "changing");
	printf("\nAfter %.0f changes more, %.0f a second, and autovacuum as it comes; MB\n%-8s %8s %8s %8s %8s %9s %9s %9s "
		   "%9s "
		   "%7s %7s\n",
		   of(&table, "changes"), of(&table, "changes") / of(&table, "seconds"), "", "before", "after", "index",
		   "after", "rows", "dead", "inserts", "updates", "HOT", "vacuums");
	table_line("heads");
	table_line("moves");
}

/* ---- what it costs to come */
static void cold_line(const char *database, int64_t channels)
{
	static const struct {
		const char *what, *title;
	} rows[] = { { "start", "cold start" }, { "back", "back, none missed" }, { "missed", "back, 100 missed" } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char who[64];
		snprintf(who, sizeof who, "%lld/%s", (long long)channels, rows[i].what);
		struct key k = { "cold", database, who, 0, 0, 0 };
		double pages = of(&k, "page_bytes");
		printf("%-9s %8lld  %-18s %9.1f %9.1f %9.1f %9.1f\n", database, (long long)channels, rows[i].title,
			   of(&k, "bytes") / 1e3, i ? 0 : pages / 1e3, of(&k, "ready_ms"), of(&k, "ms"));
	}
}

static void cold_report(void)
{
	static const char *const databases[] = { "sqlite", "postgres" };
	static const int64_t channels[] = { 10, 200, 2000 };
	for (size_t d = 0; d < 2; d++) {
		struct key start = { "cold", databases[d], "10/start", 0, 0, 0 };
		struct key storm = { "storm", databases[d], "storm", 0, 0, 0 };
		int rounds;
		median(&start, "ms", &rounds);
		if (!rounds) continue;
		printf("\nTo come, %d rounds; kB and ms, from the connect to `ready`, and to the page or the last `synced`\n"
			   "%-9s %8s  %-18s %9s %9s %9s %9s\n",
			   rounds, "", "channels", "", "socket", "page", "ready", "all");
		for (size_t i = 0; i < 3; i++) cold_line(databases[d], channels[i]);
		printf("%-9s %.0f joins of a channel that has %.0f members then: %.0f a second, p50 %.1f ms, p99 %.1f ms\n",
			   databases[d], of(&storm, "joins"), of(&storm, "member_count"), of(&storm, "joins_per_s"),
			   of(&storm, "p50_ms"), of(&storm, "p99_ms"));
	}
}

void cluster_report(void)
{
	pods_report();
	reads_report();
	heads_report();
	cold_report();
}
