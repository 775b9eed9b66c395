/* Turns migrations into a C file: embed OUTPUT NNNN_name.sql... Each file is written in Postgres's words and gives two
 * texts. For SQLite the words BIGINT and BYTEA become INTEGER and BLOB. A line that ends in --pg or --sqlite stands in
 * that text alone, without the mark; so does what stands between the lines --pg{ and --pg}. Runs at build time, so it
 * depends on nothing of the project. */
#include <ctype.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST 200

struct migration_file {
	int number;
	char name[64];
	const char *path;
};

static void fail(const char *path, const char *why)
{
	fprintf(stderr, "embed: %s: %s\n", path, why);
	exit(1);
}

static bool cut_mark(char *line, const char *mark)
{
	size_t n = strlen(line), m = strlen(mark);
	if (n < m || strcmp(line + n - m, mark) != 0) return false;
	line[n - m] = 0;
	return true;
}

static bool word_at(const char *line, size_t i, const char *word)
{
	size_t n = strlen(word);
	if (strncmp(line + i, word, n) != 0 || (i > 0 && (isalnum((unsigned char)line[i - 1]) || line[i - 1] == '_')))
		return false;
	return !isalnum((unsigned char)line[i + n]) && line[i + n] != '_';
}

static void put_char(FILE *out, char c)
{
	if (c == '"' || c == '\\') fputc('\\', out);
	fputc(c, out);
}

static void put_line(FILE *out, const char *line, bool sqlite)
{
	static const char *const words[][2] = { { "BIGINT", "INTEGER" }, { "BYTEA", "BLOB" } };
	fputs("\t\"", out);
	for (size_t i = 0; line[i]; i++) {
		bool replaced = false;
		for (size_t w = 0; sqlite && w < 2 && !replaced; w++) {
			if (!word_at(line, i, words[w][0])) continue;
			fputs(words[w][1], out);
			i += strlen(words[w][0]) - 1;
			replaced = true;
		}
		if (!replaced) put_char(out, line[i]);
	}
	fputs("\\n\"\n", out);
}

static void put_text(FILE *out, const char *path, bool sqlite)
{
	char line[4096];
	bool pg_block = false;
	FILE *in = fopen(path, "r");
	if (!in) fail(path, "cannot be read");
	while (fgets(line, sizeof line, in)) {
		size_t n = strlen(line);
		if (n == 0 || line[n - 1] != '\n') fail(path, "a line is too long or has no end");
		line[n - 1] = 0;
		if (!strcmp(line, "--pg{") || !strcmp(line, "--pg}")) {
			pg_block = line[4] == '{';
			continue;
		}
		if (pg_block && sqlite) continue;
		bool pg_only = cut_mark(line, "--pg"), sqlite_only = cut_mark(line, "--sqlite");
		if (!(sqlite ? pg_only : sqlite_only)) put_line(out, line, sqlite);
	}
	fclose(in);
}

static struct migration_file parse_name(const char *path)
{
	struct migration_file m = { 0, "", path };
	char copy[1024];
	snprintf(copy, sizeof copy, "%s", path);
	const char *base = basename(copy);
	if (sscanf(base, "%4d_%63[a-z0-9_].sql", &m.number, m.name) != 2 || m.number < 1 || !strstr(base, ".sql"))
		fail(path, "the name is not NNNN_name.sql");
	return m;
}

int main(int argc, char **argv)
{
	struct migration_file files[MOST];
	if (argc < 3 || argc - 2 > MOST) fail("usage", "embed OUTPUT NNNN_name.sql...");
	FILE *out = fopen(argv[1], "w");
	if (!out) fail(argv[1], "cannot be written");
	fputs("#include \"store/migrations.h\"\n\nconst struct migration migration_list[] = {\n", out);
	for (int i = 2; i < argc; i++) {
		files[i - 2] = parse_name(argv[i]);
		if (files[i - 2].number != i - 1) fail(argv[i], "numbers go 1, 2, 3 in the order given");
		fprintf(out, "{ %d, \"%s\",\n", files[i - 2].number, files[i - 2].name);
		put_text(out, argv[i], false);
		fputs("\t,\n", out);
		put_text(out, argv[i], true);
		fputs("},\n", out);
	}
	fprintf(out, "};\nconst size_t migration_count = %d;\n", argc - 2);
	if (fclose(out) != 0) fail(argv[1], "cannot be written");
	return 0;
}
