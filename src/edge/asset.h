/* Files that the binary carries, compressed at build time (tools/assets.c). */
#ifndef LINNET_EDGE_ASSET_H
#define LINNET_EDGE_ASSET_H
#include <stddef.h>

struct asset {
	const char *name;
	const char *tag; /* its ETag, by its content */
	size_t plain_n, gzip_n;
	const char *gzip;
};
extern const struct asset assets[];
extern const size_t n_assets;
#endif
