/*
 * shim: what the scenarios preload into weft (LD_PRELOAD) to have no memory, another time, or a
 * slow disk.
 *
 *   SHIM_FAIL=N    the N-th allocation fails
 *   SHIM_SIZE=L:N  the first N allocations of exactly L bytes fail
 *   SHIM_OWN=1     only those count that weft itself makes, not those of the libraries it uses
 *   SHIM_COUNT=F   at exit the number of allocations is written to the file F
 *   SHIM_CLOCK=F   F holds two numbers of 8 bytes, seconds by which CLOCK_REALTIME and
 *                  CLOCK_MONOTONIC are ahead of the kernel's, now; a scenario changes them any time
 *   SHIM_DISK=F    F holds four numbers of 8 bytes: how many ms a sync and a write to a place in a
 *                  file take at least, which a scenario changes any time, also for those that wait;
 *                  and how many syncs and writes have begun
 *
 * Short relative waits (poll) are the kernel's and need nothing. The condition variables of the C
 * library wait for an instant on the kernel's clock: the offset is taken off again, and looked at
 * some fifty times a second, as the clock may jump while they wait. weft makes all of them on the
 * monotonic clock.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* The C library's own, under the names by which it lets itself be wrapped. */
void *__libc_malloc(size_t len);
void *__libc_calloc(size_t n, size_t len);
void *__libc_realloc(void *old, size_t len);

enum { SLICE_NS = 20 * 1000 * 1000 };

static atomic_ulong count;
static unsigned long fail_at; /* 0: none */
static size_t size_to_fail;
static atomic_long size_failures; /* how many of that size are still to fail */
static uintptr_t code_from; /* callers that count: [code_from, code_to) */
static uintptr_t code_to = UINTPTR_MAX;

static volatile const int64_t *ahead; /* [0] realtime, [1] monotonic; NULL: neither */

static volatile int64_t *disk; /* ms of [0] a sync, [1] a write; begun [2] syncs, [3] writes */

/* --- memory --- */

static int fails(size_t len, const void *caller) {
  if ((uintptr_t)caller < code_from || (uintptr_t)caller >= code_to) return 0;
  unsigned long n = atomic_fetch_add(&count, 1) + 1;
  int by_size = len == size_to_fail && atomic_fetch_sub(&size_failures, 1) > 0;
  if (!by_size && (fail_at == 0 || n != fail_at)) return 0;
  errno = ENOMEM;
  return 1;
}

void *malloc(size_t len) {
  return fails(len, __builtin_return_address(0)) ? NULL : __libc_malloc(len);
}

void *calloc(size_t n, size_t len) {
  return fails(n * len, __builtin_return_address(0)) ? NULL : __libc_calloc(n, len);
}

void *realloc(void *old, size_t len) {
  return fails(len, __builtin_return_address(0)) ? NULL : __libc_realloc(old, len);
}

/* --- time --- */

int clock_gettime(clockid_t id, struct timespec *t) {
  int rc = (int)syscall(SYS_clock_gettime, id, t);
  if (ahead == NULL) return rc;
  if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE) t->tv_sec += ahead[0];
  if (id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_COARSE) t->tv_sec += ahead[1];
  return rc;
}

int gettimeofday(struct timeval *t, void *zone) {
  struct timespec now;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &now);
  *t = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
  return 0;
}

time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != NULL) *out = now.tv_sec;
  return now.tv_sec;
}

typedef int wait_function(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);

static wait_function *real_wait(void) {
  static wait_function *_Atomic found;
  if (atomic_load(&found) == NULL) {
    void *at = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
    if (at == NULL) at = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
    atomic_store(&found, (wait_function *)at);
  }
  return atomic_load(&found);
}

static int is_before(const struct timespec *a, const struct timespec *b) {
  return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *lock,
                           const struct timespec *until) {
  for (;;) {
    struct timespec t;
    struct timespec slice;
    if (ahead == NULL) return real_wait()(cond, lock, until);
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &slice);
    slice.tv_nsec += SLICE_NS;
    slice.tv_sec += slice.tv_nsec / 1000000000;
    slice.tv_nsec %= 1000000000;
    t = *until;
    t.tv_sec -= ahead[1];
    int is_last = is_before(&t, &slice);
    int rc = real_wait()(cond, lock, is_last ? &t : &slice);
    if (is_last || rc != ETIMEDOUT) return rc;
  }
}

/* --- a slow disk --- */

static int64_t real_ms(void) {
  struct timespec t;
  syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Takes as long as the scenario says: [0] a sync, [1] a write. */
static void take_time(int what) {
  static const struct timespec step = {0, SLICE_NS};
  if (disk == NULL) return;
  __atomic_fetch_add(&disk[2 + what], 1, __ATOMIC_SEQ_CST);
  int64_t begun = real_ms();
  while (real_ms() - begun < disk[what]) syscall(SYS_nanosleep, &step, NULL);
}

int fsync(int fd) {
  take_time(0);
  return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd) {
  take_time(0);
  return (int)syscall(SYS_fdatasync, fd);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at) {
  static ssize_t (*_Atomic real)(int, const void *, size_t, off64_t);
  take_time(1);
  if (atomic_load(&real) == NULL) {
    void *found = dlsym(RTLD_NEXT, "pwrite64");
    ssize_t (*function)(int, const void *, size_t, off64_t);
    memcpy(&function, &found, sizeof found);
    atomic_store(&real, function);
  }
  return atomic_load(&real)(fd, data, len, at);
}

/* --- set-up --- */

/* Where the code of the program itself lies: the first object that is listed. */
static int find_code(struct dl_phdr_info *o, size_t size, void *arg) {
  (void)size;
  (void)arg;
  for (int i = 0; i < o->dlpi_phnum; i++) {
    const ElfW(Phdr) *h = &o->dlpi_phdr[i];
    if (h->p_type != PT_LOAD || !(h->p_flags & PF_X)) continue;
    code_from = o->dlpi_addr + h->p_vaddr;
    code_to = code_from + h->p_memsz;
  }
  return 1;
}

/* The file that a variable names, mapped; NULL when it is not set. */
static void *map_file(const char *variable, size_t len, int protection) {
  const char *path = getenv(variable);
  if (path == NULL) return NULL;
  int fd = open(path, (protection & PROT_WRITE ? O_RDWR : O_RDONLY) | O_CLOEXEC);
  void *map = fd < 0 ? MAP_FAILED : mmap(NULL, len, protection, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED) abort();
  close(fd);
  return map;
}

__attribute__((constructor)) static void begin(void) {
  const char *fail = getenv("SHIM_FAIL");
  const char *size = getenv("SHIM_SIZE");
  ahead = map_file("SHIM_CLOCK", 16, PROT_READ);
  disk = map_file("SHIM_DISK", 32, PROT_READ | PROT_WRITE);
  if (getenv("SHIM_OWN") != NULL) dl_iterate_phdr(find_code, NULL);
  atomic_store(&count, 0);
  if (fail != NULL) fail_at = strtoul(fail, NULL, 10);
  if (size != NULL) {
    char *end = NULL;
    size_to_fail = strtoul(size, &end, 10);
    atomic_store(&size_failures, *end == ':' ? strtol(end + 1, NULL, 10) : 0);
  }
}

__attribute__((destructor)) static void end(void) {
  const char *path = getenv("SHIM_COUNT");
  int fd = path == NULL ? -1 : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  fail_at = 0;
  if (fd < 0) return;
  dprintf(fd, "%lu\n", atomic_load(&count));
  close(fd);
}
