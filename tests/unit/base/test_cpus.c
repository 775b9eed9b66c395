#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/cpus.h"

/* A file below a root of the test's own, with the directories above it. */
static void put(const char *root, const char *path, const char *text)
{
	char full[512];
	snprintf(full, sizeof full, "%s%s", root, path);
	for (char *p = full + 1; (p = strchr(p, '/')); p++) {
		*p = 0;
		mkdir(full, 0700);
		*p = '/';
	}
	FILE *f = fopen(full, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static char root[64];
static int make_root(void **state)
{
	strcpy(root, "/tmp/linnet-cpus-XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}
static int drop_root(void **state)
{
	char command[128];
	snprintf(command, sizeof command, "rm -rf %s", root);
	return system(command);
}

static int granted(void)
{
	cpu_set_t set;
	assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
	return CPU_COUNT(&set);
}

static void without_a_quota_all_are_granted(void **state)
{
	assert_int_equal(cpus_granted(root), granted());
	put(root, "/proc/self/cgroup", "0::/app\n");
	put(root, "/sys/fs/cgroup/app/cpu.max", "max 100000\n");
	assert_int_equal(cpus_granted(root), granted());
	put(root, "/sys/fs/cgroup/app/cpu.max", "rubbish\n");
	assert_int_equal(cpus_granted(root), granted());
}

static void the_least_quota_on_the_way_counts(void **state)
{
	put(root, "/proc/self/cgroup", "0::/kube/pod\n");
	put(root, "/sys/fs/cgroup/kube/pod/cpu.max", "900000 100000\n");
	put(root, "/sys/fs/cgroup/kube/cpu.max", "150000 100000\n");
	assert_int_equal(cpus_granted(root), granted() < 2 ? granted() : 2); /* rounded up */
	put(root, "/sys/fs/cgroup/kube/pod/cpu.max", "10000 100000\n");
	assert_int_equal(cpus_granted(root), 1);
}

/* In a container: the path is the host's, the mount the group itself. */
static void a_group_that_cannot_be_seen_is_the_mounts_root(void **state)
{
	put(root, "/proc/self/cgroup", "0::/../../kube/pod\n");
	put(root, "/sys/fs/cgroup/cpu.max", "100000 100000\n");
	assert_int_equal(cpus_granted(root), 1);
}

static void version_1_has_two_files(void **state)
{
	put(root, "/proc/self/cgroup", "5:memory:/m\n4:cpu,cpuacct:/docker/x\n3:cpuset:/y\nnonsense\n");
	put(root, "/sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_quota_us", "-1\n");
	put(root, "/sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_period_us", "100000\n");
	assert_int_equal(cpus_granted(root), granted());
	put(root, "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "50000\n");
	put(root, "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
	assert_int_equal(cpus_granted(root), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(without_a_quota_all_are_granted, make_root, drop_root),
		cmocka_unit_test_setup_teardown(the_least_quota_on_the_way_counts, make_root, drop_root),
		cmocka_unit_test_setup_teardown(a_group_that_cannot_be_seen_is_the_mounts_root, make_root, drop_root),
		cmocka_unit_test_setup_teardown(version_1_has_two_files, make_root, drop_root),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
