/* A quota may be set on the group itself or on any above it (cpu.max in version 2, cpu.cfs_*_us in version 1). Inside a
 * container the group's path as /proc tells it need not exist below /sys/fs/cgroup: then its root is the group. */
#include "base/cpus.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define PATH_MOST 4096

static bool read_line(const char *path, char *out, size_t size)
{
	FILE *f = fopen(path, "re");
	if (!f) return false;
	bool ok = fgets(out, (int)size, f) != NULL;
	fclose(f);
	return ok;
}

/* Processors of a quota, rounded up; 0: none is set. */
static int quota_of(long long quota, long long period)
{
	if (quota <= 0 || period <= 0) return 0;
	long long n = (quota + period - 1) / period;
	return n > 4096 ? 4096 : (int)n;
}

static int quota_at(const char *root, const char *mount, const char *group, bool v2)
{
	char path[PATH_MOST + 64], line[128];
	long long quota = 0, period = 0;
	if (v2) {
		snprintf(path, sizeof path, "%s/sys/fs/cgroup%s/cpu.max", root, group);
		if (!read_line(path, line, sizeof line) || sscanf(line, "%lld %lld", &quota, &period) != 2) return 0;
		return quota_of(quota, period);
	}
	snprintf(path, sizeof path, "%s/sys/fs/cgroup/%s%s/cpu.cfs_quota_us", root, mount, group);
	if (!read_line(path, line, sizeof line) || sscanf(line, "%lld", &quota) != 1) return 0;
	snprintf(path, sizeof path, "%s/sys/fs/cgroup/%s%s/cpu.cfs_period_us", root, mount, group);
	if (!read_line(path, line, sizeof line) || sscanf(line, "%lld", &period) != 1) return 0;
	return quota_of(quota, period);
}

/* The least quota on the way from the group to the root. */
static int least_quota(const char *root, const char *mount, char *group, bool v2)
{
	int least = 0;
	for (;;) {
		int n = quota_at(root, mount, group, v2);
		if (n && (!least || n < least)) least = n;
		char *slash = strrchr(group, '/');
		if (!slash) return least;
		*slash = 0;
	}
}

static bool controls_cpu(struct str controllers)
{
	struct str one;
	while (str_split(&controllers, ',', &one))
		if (str_eq(one, STR("cpu"))) return true;
	return false;
}

/* "0::/group" is version 2, "4:cpu,cpuacct:/group" version 1. */
static int quota_of_line(const char *root, char *line)
{
	line[strcspn(line, "\n")] = 0;
	char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
	if (!group) return 0;
	*group++ = 0;
	controllers++;
	bool v2 = *controllers == 0;
	if (!v2 && !controls_cpu(str_of(controllers))) return 0;
	return least_quota(root, controllers, group, v2);
}

static int group_quota(const char *root)
{
	char path[PATH_MOST], line[PATH_MOST];
	int least = 0;
	snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
	FILE *f = fopen(path, "re");
	if (!f) return 0;
	while (fgets(line, sizeof line, f)) {
		int n = quota_of_line(root, line);
		if (n && (!least || n < least)) least = n;
	}
	fclose(f);
	return least;
}

int cpus_granted(const char *root)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
	int quota = group_quota(root);
	if (quota && quota < n) n = quota;
	return n < 1 ? 1 : n;
}
