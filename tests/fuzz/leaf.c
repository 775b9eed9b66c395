/* Any bytes as a leaf of the index: read within their bounds, or refused. The first eight say its first gram. */
#include "store/leaf.h"

#include <string.h>

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	int64_t first;
	struct places all = { 0 }, none = { 0 };
	if (n < sizeof first) return 0;
	memcpy(&first, data, sizeof first);
	struct str leaf = { (const char *)data + sizeof first, n - sizeof first };
	bool whole = leaf_places(leaf, first, (struct gram_range){ INT64_MIN, INT64_MAX }, &all);
	bool passed = leaf_places(leaf, first, (struct gram_range){ INT64_MAX, INT64_MIN }, &none);
	must(!places_any(&none));
	must(!whole || passed);
	for (int last = LEAF_PLACES, place; (place = places_take(&all)) >= 0; last = place) must(place < last);
	return 0;
}
