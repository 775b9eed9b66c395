/* Turns files into a C file, compressed, at build time: assets OUTPUT NAME=PATH... They are what edge/docs.c serves.
 * Each has a tag by its content. Runs at build time, so it depends on nothing of the project. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define LINE 32 /* bytes a line of the literal */

struct bytes {
	unsigned char *p;
	size_t n;
};

static void fail(const char *path, const char *why)
{
	fprintf(stderr, "assets: %s: %s\n", path, why);
	exit(1);
}

static struct bytes read_file(const char *path)
{
	struct bytes b = { NULL, 0 };
	FILE *f = fopen(path, "rb");
	if (!f || fseek(f, 0, SEEK_END) != 0) fail(path, "cannot be read");
	long n = ftell(f);
	b.p = malloc((size_t)n + 1);
	rewind(f);
	if (n < 0 || !b.p || fread(b.p, 1, (size_t)n, f) != (size_t)n) fail(path, "cannot be read");
	b.n = (size_t)n;
	fclose(f);
	return b;
}

static struct bytes compress_all(struct bytes in, const char *path)
{
	z_stream z = { 0 };
	if (deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK) fail(path, "zlib");
	struct bytes out = { NULL, deflateBound(&z, in.n) + 64 };
	out.p = malloc(out.n);
	if (!out.p) fail(path, "no memory");
	z.next_in = in.p, z.avail_in = (unsigned)in.n;
	z.next_out = out.p, z.avail_out = (unsigned)out.n;
	if (deflate(&z, Z_FINISH) != Z_STREAM_END) fail(path, "zlib");
	out.n = z.total_out;
	deflateEnd(&z);
	return out;
}

/* FNV-1a: it tells versions apart, no more. */
static uint64_t tag_of(struct bytes b)
{
	uint64_t h = 14695981039346656037u;
	for (size_t i = 0; i < b.n; i++) h = (h ^ b.p[i]) * 1099511628211u;
	return h;
}

static void put(FILE *out, struct bytes b)
{
	for (size_t i = 0; i < b.n; i++)
		fprintf(out, "%s\\%03o%s", i % LINE == 0 ? "\t\"" : "", b.p[i], i % LINE == LINE - 1 ? "\"\n" : "");
	if (b.n % LINE) fputs("\"\n", out);
}

static void put_asset(FILE *out, char *spec)
{
	char *path = strchr(spec, '=');
	if (!path) fail(spec, "is not NAME=PATH");
	*path++ = 0;
	struct bytes plain = read_file(path), packed = compress_all(plain, path);
	fprintf(out, "\t{ \"%s\", \"W/\\\"%016" PRIx64 "\\\"\", %zu, %zu,\n", spec, tag_of(plain), plain.n, packed.n);
	put(out, packed);
	fputs("\t},\n", out);
	free(plain.p);
	free(packed.p);
}

int main(int argc, char **argv)
{
	if (argc < 3) fail("usage", "assets OUTPUT NAME=PATH...");
	FILE *out = fopen(argv[1], "w");
	if (!out) fail(argv[1], "cannot be written");
	fputs("#include \"edge/asset.h\"\n\nconst struct asset assets[] = {\n", out);
	for (int i = 2; i < argc; i++) put_asset(out, argv[i]);
	fprintf(out, "};\nconst size_t n_assets = %d;\n", argc - 2);
	if (fclose(out) != 0) fail(argv[1], "cannot be written");
	return 0;
}
