#include "report_rows.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

#define LINE_MOST 8192
struct results results;

void results_read(const char *path)
{
	char line[LINE_MOST];
	FILE *f = fopen(path, "r");
	if (!f) fail("cannot read %s", path);
	while (fgets(line, sizeof line, f)) {
		json_t *row = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
		if (!json_is_object(row)) fail("%s: no result: %.80s", path, line);
		if (results.n == ROWS_MOST) fail("more than %d results", ROWS_MOST);
		results.rows[results.n++] = row;
	}
	fclose(f);
}

const char *row_text(const json_t *row, const char *name)
{
	const char *s = json_string_value(json_object_get(row, name));
	return s ? s : "";
}

bool row_matches(const json_t *row, const struct key *k)
{
	char label[64];
	snprintf(label, sizeof label, "%s/%s", k->part, k->who);
	return !strcmp(row_text(row, "bench"), k->bench) && !strcmp(row_text(row, "label"), label) &&
		   (!k->subscribers || json_integer_value(json_object_get(row, "subscribers")) == k->subscribers) &&
		   (!k->channels || json_integer_value(json_object_get(row, "channels")) == k->channels) &&
		   (!k->in_flight || json_integer_value(json_object_get(row, "in_flight")) == k->in_flight);
}

static int ascending(const void *a, const void *b)
{
	const double *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

double median(const struct key *k, const char *name, int *rounds)
{
	double v[ROWS_MOST];
	size_t n = 0;
	for (size_t i = 0; i < results.n; i++)
		if (row_matches(results.rows[i], k)) v[n++] = json_number_value(json_object_get(results.rows[i], name));
	if (rounds) *rounds = (int)n;
	if (!n) return NAN;
	qsort(v, n, sizeof *v, ascending);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}
