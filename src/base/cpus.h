/* How many processors this process may use: its affinity and the quota of its control groups, whichever is less. */
#ifndef LINNET_BASE_CPUS_H
#define LINNET_BASE_CPUS_H

/* 1 at least. `root` is put before /proc and /sys: "" outside of tests. */
int cpus_granted(const char *root);
#endif
