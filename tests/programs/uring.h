// SPDX-License-Identifier: Apache-2.0
// One operation through an io_uring made by hand.
#pragma once

#include <errno.h>
#include <linux/io_uring.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { URING_UNAVAILABLE = 200 };  // exit code: no io_uring in this kernel, or not for us

enum { URING_MOST = 8 };

// Runs the operations (at most URING_MOST), in one submission, and returns the last one's result, a negative errno if it failed;
// URING_UNAVAILABLE without a ring. `how`: "" in the caller, "async" by a worker thread, "sqpoll" by the kernel's polling thread,
// "slots" with room for direct descriptors, "direct" into the first of them, "personality" with the caller's credentials,
// registered, "skip" without a completion if it succeeds (0 is returned at once).
static inline int uring_run_all(const struct io_uring_sqe* operations, unsigned count, const char* how) {
  struct io_uring_params params;
  memset(&params, 0, sizeof(params));
  const int poll = strcmp(how, "sqpoll") == 0;
  if (poll) {
    params.flags = IORING_SETUP_SQPOLL;
    params.sq_thread_idle = 1000;
  }
  const int ring = (int)syscall(__NR_io_uring_setup, URING_MOST, &params);
  if (ring < 0) return errno == ENOSYS || errno == EPERM ? URING_UNAVAILABLE : -errno;
  const int empty[] = {-1, -1};
  const int slots = strcmp(how, "slots") == 0 || strcmp(how, "direct") == 0;
  if (slots && syscall(__NR_io_uring_register, ring, IORING_REGISTER_FILES, empty, 2) != 0) return -errno;
  long personality = 0;
  if (strcmp(how, "personality") == 0) {
    personality = syscall(__NR_io_uring_register, ring, IORING_REGISTER_PERSONALITY, NULL, 0);
    if (personality < 0) return -errno;
  }

  const int access = PROT_READ | PROT_WRITE, shared = MAP_SHARED | MAP_POPULATE;
  const size_t sq_size = params.sq_off.array + params.sq_entries * sizeof(unsigned);
  const size_t cq_size = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
  char* sq = mmap(NULL, sq_size, access, shared, ring, IORING_OFF_SQ_RING);
  char* cq = mmap(NULL, cq_size, access, shared, ring, IORING_OFF_CQ_RING);
  struct io_uring_sqe* entries = mmap(NULL, params.sq_entries * sizeof(*entries), access, shared, ring, IORING_OFF_SQES);
  if (sq == MAP_FAILED || cq == MAP_FAILED || entries == MAP_FAILED) return -errno;

  for (unsigned i = 0; i < count; ++i) {
    entries[i] = operations[i];
    entries[i].user_data = i;
    entries[i].personality = (unsigned short)personality;
    if (strcmp(how, "async") == 0) entries[i].flags |= IOSQE_ASYNC;
    if (strcmp(how, "skip") == 0) entries[i].flags |= IOSQE_CQE_SKIP_SUCCESS;
    if (strcmp(how, "direct") == 0) entries[i].file_index = 1;
    ((unsigned*)(sq + params.sq_off.array))[i] = i;
  }
  __atomic_store_n((unsigned*)(sq + params.sq_off.tail), count, __ATOMIC_RELEASE);
  if (strcmp(how, "skip") == 0) return syscall(__NR_io_uring_enter, ring, count, 0, 0, NULL, 0) < 0 ? -errno : 0;
  // A poller that has gone to sleep must be woken; one that has not does not mind.
  const unsigned flags = IORING_ENTER_GETEVENTS | (poll ? IORING_ENTER_SQ_WAKEUP : 0);
  while (__atomic_load_n((unsigned*)(cq + params.cq_off.tail), __ATOMIC_ACQUIRE) < count) {
    const unsigned head = __atomic_load_n((unsigned*)(sq + params.sq_off.head), __ATOMIC_ACQUIRE);
    if (syscall(__NR_io_uring_enter, ring, count - head, count, flags, NULL, 0) < 0 && errno != EINTR) return -errno;
  }
  const struct io_uring_cqe* done = (const struct io_uring_cqe*)(cq + params.cq_off.cqes);
  for (unsigned i = 0; i < count; ++i) {
    if (done[i].user_data == count - 1) return done[i].res;
  }
  return -EIO;
}

static inline int uring_run(const struct io_uring_sqe* operation, const char* how) { return uring_run_all(operation, 1, how); }

// The exit code of a deed that got this result.
static inline int uring_exit_code(int result) {
  if (result == URING_UNAVAILABLE) return result;
  return result < 0 ? -result : 0;
}
