/* Reads the results of a run (lines of JSON, several rounds) and prints tables of medians, held against the targets.
 *
 *   report FILE...
 *
 * Labels are PART/WHO: of fan-out "hub" or "e2e" and "server", "limit" or "each"; of sends "sqlite" or "postgres" and
 * "batch", "single" (one change a commit) or "bare" (batches without a server); of clusters see report_cluster.c. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "options.h"
#include "report_rows.h"

/* ---- fan-out */
struct fan {
	double rate, cpu, p99, wall, server_cpu, reader, payload;
	int rounds;
};
static struct fan fan_of(struct key k, const char *who)
{
	struct fan f = { 0 };
	k.who = who;
	f.rate = median(&k, "deliveries_per_s", &f.rounds);
	f.cpu = median(&k, "server_cpu_us_per_delivery", NULL);
	f.p99 = median(&k, "p99_us", NULL) / 1000;
	f.wall = median(&k, "seconds", NULL);
	f.server_cpu = median(&k, "server_cpu_s", NULL);
	f.reader = median(&k, "reader_cores", NULL);
	f.payload = median(&k, "frame_payload", NULL);
	return f;
}

static void fan_line(const struct key *k, const char *who, const struct fan *f)
{
	printf("%6lld %8lld %9lld  %-7s %7d %7.0f %10.1f %9.3f %9.2f %7.2f %7.2f %7.2f%s\n", (long long)k->subscribers,
		   (long long)k->channels, (long long)k->in_flight, who, f->rounds, f->payload, f->rate / 1000, f->cpu, f->p99,
		   f->wall, f->server_cpu, f->reader, f->reader > 0.9 ? "  bound by the reader" : "");
}

static void fan_verdict(const struct key *k, const struct fan *server, const struct fan *limit)
{
	double cpu = server->cpu / limit->cpu, rate = server->rate / limit->rate;
	bool met = k->in_flight == 1 ? cpu <= 1.2 : rate >= (k->in_flight == 8 ? 0.6 : 0.5);
	const char *target = k->in_flight == 1   ? "CPU at most 1.2 times"
						 : k->in_flight == 8 ? "rate at least 0.6"
											 : "rate at least 0.5";
	if (!server->rounds || !limit->rounds) return;
	printf("%27s of the limit: CPU a delivery %.2f times, rate %.2f; target: %s: %s\n", "", cpu, rate, target,
		   server->reader > 0.9 || limit->reader > 0.9 ? "does not count"
		   : met                                       ? "met"
													   : "MISSED");
}

static void fan_case(struct key k)
{
	static const char *const who[] = { "server", "limit", "each" };
	struct fan f[3];
	for (int i = 0; i < 3; i++) {
		f[i] = fan_of(k, who[i]);
		if (f[i].rounds) fan_line(&k, who[i], &f[i]);
	}
	fan_verdict(&k, &f[0], &f[1]);
}

/* Every combination that is there, in the order of its first result. */
static void fan_part(const char *part, const char *title)
{
	struct key seen[256];
	size_t n = 0;
	for (size_t i = 0; i < results.n; i++) {
		const json_t *row = results.rows[i];
		struct key k = { "fanout",
						 part,
						 "",
						 json_integer_value(json_object_get(row, "subscribers")),
						 json_integer_value(json_object_get(row, "channels")),
						 json_integer_value(json_object_get(row, "in_flight")) };
		bool known =
			strcmp(row_text(row, "bench"), "fanout") != 0 || strncmp(row_text(row, "label"), part, strlen(part)) != 0;
		for (size_t j = 0; j < n && !known; j++)
			known = seen[j].subscribers == k.subscribers && seen[j].channels == k.channels &&
					seen[j].in_flight == k.in_flight;
		if (known || n == 256) continue;
		if (!n)
			printf("\n%s\n%6s %8s %9s  %-7s %7s %7s %10s %9s %9s %7s %7s %7s\n", title, "subs", "channels", "in flight",
				   "", "rounds", "bytes", "1000/s", "CPU us", "p99 ms", "wall s", "CPU s", "reader");
		seen[n++] = k;
		fan_case(k);
	}
}

/* ---- sends */
static double sends_line(const char *part, const char *who)
{
	struct key k = { "sends", part, who, 0, 0, 0 };
	int rounds;
	double rate = median(&k, "messages_per_s", &rounds);
	if (rounds)
		printf("%-9s %-7s %7d %10.0f %10.1f %9.2f %9.2f %8.2f %8.2f %8.2f %8.2f%s\n", part, who, rounds, rate,
			   median(&k, "messages_per_commit", NULL), median(&k, "p50_us", NULL) / 1000,
			   median(&k, "p99_us", NULL) / 1000, median(&k, "seconds", NULL), median(&k, "server_cpu_s", NULL),
			   median(&k, "database_cpu_s", NULL), median(&k, "sender_cpu_s", NULL),
			   median(&k, "sender_cores", NULL) > 0.9 ? "  bound by the sender" : "");
	return rate;
}

static void sends_part(const char *part, double fsyncs)
{
	double batch = sends_line(part, "batch"), single = sends_line(part, "single"), bare = sends_line(part, "bare");
	if (isnan(batch) || isnan(single)) return;
	bool eight = batch >= 8 * single, third = fsyncs > 1000 && batch >= bare / 3;
	printf("%17s %.1f times one change a commit (target: 8), %.2f of the bare batches%s: %s\n", "", batch / single,
		   batch / bare, fsyncs > 1000 ? " (a third will do: the disk syncs over 1000 times a second)" : "",
		   eight || third ? "met" : "MISSED");
}

static void sends_report(void)
{
	struct key k = { "fsync", "disk", "fdatasync", 0, 0, 0 };
	double fsyncs = median(&k, "writes_per_s", NULL);
	if (!isnan(fsyncs)) printf("\nwrite and fdatasync of 512 bytes, one after the other: %.0f a second\n", fsyncs);
	k = (struct key){ "sends", "sqlite", "batch", 0, 0, 0 };
	bool any = !isnan(median(&k, "seconds", NULL));
	k.part = "postgres";
	if (!any && isnan(median(&k, "seconds", NULL))) return;
	printf("\nDurable sends over HTTP\n%-9s %-7s %7s %10s %10s %9s %9s %8s %8s %8s %8s\n", "", "", "rounds",
		   "messages/s", "per commit", "p50 ms", "p99 ms", "wall s", "CPU s", "DB CPU s", "load s");
	sends_part("sqlite", fsyncs);
	sends_part("postgres", fsyncs);
}

/* ---- memory */
static void idle_report(void)
{
	for (int channels = 1; channels <= 50; channels += 49) {
		char part[32];
		int rounds;
		snprintf(part, sizeof part, "%d", channels);
		struct key k = { "idle", part, "server", 0, 0, 0 };
		double bytes = median(&k, "bytes_per_connection", &rounds);
		if (!rounds) continue;
		printf("\nan idle WebSocket in %d channel%s: %.0f bytes resident (slope from %.0f to %.0f connections, %d "
			   "rounds)%s\n",
			   channels, channels > 1 ? "s" : "", bytes, median(&k, "from", NULL), median(&k, "to", NULL), rounds,
			   channels > 1    ? ""
			   : bytes <= 1200 ? "; target 1.2 KB: met"
							   : "; target 1.2 KB: MISSED");
	}
}

/* ---- search */
static double search_line(const char *part, const char *kind)
{
	struct key k = { "search", part, kind, 0, 0, 0 };
	int rounds;
	double p95 = median(&k, "p95_ms", &rounds);
	if (rounds)
		printf("%-9s %-10s %7d %9.0f %10.0f %9.1f %9.1f %9.1f\n", part, kind, rounds, median(&k, "queries", NULL),
			   median(&k, "with_hits", NULL), median(&k, "p50_ms", NULL), p95, median(&k, "most_ms", NULL));
	return rounds ? p95 : 0;
}

static void search_part(const char *part, bool *titled)
{
	static const char *const kinds[] = { "frequent", "rare", "substring", "short", "absent" };
	struct key k = { "search", part, "index", 0, 0, 0 };
	double worst = 0, index_s = median(&k, "index_s", NULL);
	if (isnan(index_s)) return;
	if (!*titled)
		printf("\nSearches over HTTP, one at a time\n%-9s %-10s %7s %9s %10s %9s %9s %9s\n", "", "", "rounds",
			   "queries", "with hits", "p50 ms", "p95 ms", "most ms");
	*titled = true;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) worst = fmax(worst, search_line(part, kinds[i]));
	printf("%20s the worst p95 %.1f ms; target: 100: %s. The index: made in %.0f s, %.0f bytes a message\n", "", worst,
		   worst <= 100 ? "met" : "MISSED", index_s, median(&k, "bytes_per_message", NULL));
}

static void search_report(void)
{
	bool titled = false;
	search_part("sqlite", &titled);
	search_part("postgres", &titled);
}

/* ---- history */
static void history_line(const char *part, const char *kind, bool *titled)
{
	struct key k = { "history", part, kind, 0, 0, 0 };
	int rounds;
	double p99 = median(&k, "p99_ms", &rounds);
	if (!rounds) return;
	if (!*titled)
		printf("\nPages of 50 messages over HTTP, one at a time\n%-9s %-10s %7s %9s %10s %9s %9s %9s\n", "", "",
			   "rounds", "pages", "bytes", "p50 ms", "p99 ms", "most ms");
	*titled = true;
	printf("%-9s %-10s %7d %9.0f %10.0f %9.1f %9.1f %9.1f\n", part, kind, rounds, median(&k, "queries", NULL),
		   median(&k, "page_bytes", NULL), median(&k, "p50_ms", NULL), p99, median(&k, "most_ms", NULL));
}

static void history_report(void)
{
	static const char *const parts[] = { "sqlite", "postgres" }, *const kinds[] = { "newest", "around", "before",
																					"time" };
	bool titled = false;
	for (size_t i = 0; i < 2; i++)
		for (size_t k = 0; k < 4; k++) history_line(parts[i], kinds[k], &titled);
}

int main(int argc, char **argv)
{
	if (argc < 2) fail("report FILE...");
	for (int i = 1; i < argc; i++) results_read(argv[i]);
	fan_part("hub", "Fan-out, injected at the hub as committed events");
	fan_part("e2e", "Fan-out, end to end from HTTP senders");
	sends_report();
	idle_report();
	cluster_report();
	search_report();
	history_report();
	for (size_t i = 0; i < results.n; i++) json_decref(results.rows[i]);
	return 0;
}
