/*
 * cores: how many processors we may use.
 *
 * Whoever spreads a long computation over threads (io/check, io/tree_hash) starts one per core of
 * those that this process is allowed on: taskset, cgroup cpusets and containers are honoured that
 * way. The count is taken anew each time.
 */
#ifndef WEFT_BASE_CORES_H
#define WEFT_BASE_CORES_H

/* Returns the number of cores in the calling thread's affinity mask, 1 if it can't be told. Never
 * waits. */
unsigned cores_usable(void);

#endif
