// SPDX-License-Identifier: Apache-2.0
// fork: starts a thread, which is no process (unless there is an argument), and forks a child that ends with 7. The child's pid
// is printed.
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static void* idle(void* unused) { return unused; }

int main(int argc, char** argv) {
  (void)argv;
  pthread_t thread;
  if (argc == 1) {
    if (pthread_create(&thread, NULL, idle, NULL) != 0) return 254;
    pthread_join(thread, NULL);
  }
  const pid_t child = fork();
  if (child == 0) _exit(7);
  printf("%d\n", child);
  int status = 0;
  return waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 7 ? 0 : 1;
}
