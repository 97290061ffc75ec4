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

// Runs `operation` and returns its result, a negative errno if it failed; URING_UNAVAILABLE without a ring.
// `how`: "" in the caller, "async" by a worker thread, "sqpoll" by the kernel's polling thread, "direct" into the first place of
// the ring's own table, "skip" without a completion if it succeeds (0 is returned at once).
static inline int uring_run(const struct io_uring_sqe* operation, const char* how) {
  struct io_uring_params params;
  memset(&params, 0, sizeof(params));
  const int poll = strcmp(how, "sqpoll") == 0;
  if (poll) {
    params.flags = IORING_SETUP_SQPOLL;
    params.sq_thread_idle = 1000;
  }
  const int ring = (int)syscall(__NR_io_uring_setup, 4, &params);
  if (ring < 0) return errno == ENOSYS || errno == EPERM ? URING_UNAVAILABLE : -errno;

  const int access = PROT_READ | PROT_WRITE, shared = MAP_SHARED | MAP_POPULATE;
  const size_t sq_size = params.sq_off.array + params.sq_entries * sizeof(unsigned);
  const size_t cq_size = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
  char* sq = mmap(NULL, sq_size, access, shared, ring, IORING_OFF_SQ_RING);
  char* cq = mmap(NULL, cq_size, access, shared, ring, IORING_OFF_CQ_RING);
  struct io_uring_sqe* entries = mmap(NULL, params.sq_entries * sizeof(*entries), access, shared, ring, IORING_OFF_SQES);
  if (sq == MAP_FAILED || cq == MAP_FAILED || entries == MAP_FAILED) return -errno;

  entries[0] = *operation;
  if (strcmp(how, "async") == 0) entries[0].flags |= IOSQE_ASYNC;
  if (strcmp(how, "skip") == 0) entries[0].flags |= IOSQE_CQE_SKIP_SUCCESS;
  if (strcmp(how, "direct") == 0) {
    const int places[2] = {-1, -1};
    if (syscall(__NR_io_uring_register, ring, IORING_REGISTER_FILES, places, 2) != 0) return -errno;
    entries[0].file_index = 1;
  }
  ((unsigned*)(sq + params.sq_off.array))[0] = 0;
  __atomic_store_n((unsigned*)(sq + params.sq_off.tail), 1, __ATOMIC_RELEASE);
  if (strcmp(how, "skip") == 0) return syscall(__NR_io_uring_enter, ring, 1, 0, 0, NULL, 0) < 0 ? -errno : 0;
  // A poller that has gone to sleep must be woken; one that has not does not mind.
  const unsigned flags = IORING_ENTER_GETEVENTS | (poll ? IORING_ENTER_SQ_WAKEUP : 0);
  while (__atomic_load_n((unsigned*)(cq + params.cq_off.tail), __ATOMIC_ACQUIRE) == 0) {
    const unsigned head = __atomic_load_n((unsigned*)(sq + params.sq_off.head), __ATOMIC_ACQUIRE);
    if (syscall(__NR_io_uring_enter, ring, head == 0 ? 1 : 0, 1, flags, NULL, 0) < 0 && errno != EINTR) return -errno;
  }
  return ((struct io_uring_cqe*)(cq + params.cq_off.cqes))[0].res;
}

// The exit code of a deed that got this result.
static inline int uring_exit_code(int result) {
  if (result == URING_UNAVAILABLE) return result;
  return result < 0 ? -result : 0;
}
