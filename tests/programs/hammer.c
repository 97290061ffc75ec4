// SPDX-License-Identifier: Apache-2.0
// hammer PATH COUNT THREADS: the threads together open PATH for reading COUNT times, or fewer if SIGTERM comes before.
// Prints "<allowed> <refused>"; refused is EPERM. Any other errno is printed to stderr and makes the exit code 250.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char* path;
static long left, allowed, refused, other;
static volatile sig_atomic_t stopped;

static void stop(int signal) {
  (void)signal;
  stopped = 1;
}

static void* hammer(void* unused) {
  while (!stopped && __atomic_fetch_sub(&left, 1, __ATOMIC_RELAXED) > 0) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
      close(fd);
      __atomic_fetch_add(&allowed, 1, __ATOMIC_RELAXED);
    } else if (errno == EPERM) {
      __atomic_fetch_add(&refused, 1, __ATOMIC_RELAXED);
    } else {
      __atomic_store_n(&other, errno, __ATOMIC_RELAXED);
    }
  }
  return unused;
}

int main(int argc, char** argv) {
  if (argc != 4) return 255;
  path = argv[1];
  left = atol(argv[2]);
  const int count = atoi(argv[3]);
  pthread_t threads[64];
  if (count < 1 || count > 64) return 255;
  signal(SIGTERM, stop);
  for (int i = 0; i < count; ++i) {
    if (pthread_create(&threads[i], NULL, hammer, NULL) != 0) return 254;
  }
  for (int i = 0; i < count; ++i) pthread_join(threads[i], NULL);
  printf("%ld %ld\n", allowed, refused);
  if (other == 0) return 0;
  fprintf(stderr, "errno %ld\n", other);
  return 250;
}
