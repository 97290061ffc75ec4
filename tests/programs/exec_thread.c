// SPDX-License-Identifier: Apache-2.0
// exec_thread: a thread that is not the leader runs the program anew; the kernel gives it the leader's pid.
#include <pthread.h>
#include <unistd.h>

static char* self;

static void* run(void* unused) {
  char *const arguments[] = {"from a thread", "again", NULL}, *const environment[] = {NULL};
  execve(self, arguments, environment);
  return unused;
}

int main(int argc, char** argv) {
  if (argc > 1) return 0;
  self = argv[0];
  pthread_t thread;
  if (pthread_create(&thread, NULL, run, NULL) != 0) return 254;
  pause();
  return 253;
}
