// SPDX-License-Identifier: Apache-2.0
// storm: many short lives.
//
//   storm exec LEAF SECONDS PER_SECOND WORKERS LOG   each worker, itself a program `storm worker N …`, starts LEAF with the
//                                                    argument WORKER.NUMBER over and over (vfork and exec), at most so many per
//                                                    second in all, and writes "WORKER.NUMBER PID WORKER_PID" of each to
//                                                    LOG.WORKER
//   storm churn LEAF COUNT                           so many processes: nine of ten only begin and end (clone and exit), one
//                                                    runs LEAF
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static pid_t run_leaf(const char* leaf, const char* argument) {
  char *const arguments[] = {"leaf", (char*)argument, NULL}, *const environment[] = {NULL};
  const pid_t pid = vfork();
  if (pid == 0) {
    execve(leaf, arguments, environment);
    _exit(127);
  }
  return pid;
}

static void wait_for(pid_t pid) {
  int status = 0;
  if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    fprintf(stderr, "storm: a process that did not begin, or did not end well\n");
    exit(1);
  }
}

static int work(const char* number, const char* leaf, double seconds, double per_second, const char* log) {
  static char lines[1 << 20], path[4096];
  snprintf(path, sizeof(path), "%s.%s", log, number);
  FILE* file = fopen(path, "w");
  if (file == NULL || setvbuf(file, lines, _IOFBF, sizeof(lines)) != 0) return 1;
  const double start = now();
  for (long i = 0;; i++) {
    const double elapsed = now() - start;
    if (elapsed >= seconds) return fclose(file) == 0 ? 0 : 1;
    const double early = (double)i / per_second - elapsed;
    if (early > 0) usleep((useconds_t)(early * 1e6));
    char argument[64];
    snprintf(argument, sizeof(argument), "%s.%ld", number, i);
    const pid_t pid = run_leaf(leaf, argument);
    wait_for(pid);
    fprintf(file, "%s %d %d\n", argument, pid, getpid());
  }
}

static int end(void* unused) {
  (void)unused;
  return 0;
}

static int churn(const char* leaf, long count) {
  static char stack[65536] __attribute__((aligned(16)));
  for (long i = 0; i < count; i++) {
    wait_for(i % 10 == 0 ? run_leaf(leaf, "churn") : clone(end, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, NULL));
  }
  return 0;
}

int main(int argc, char** argv) {
  if (argc == 7 && strcmp(argv[1], "worker") == 0) return work(argv[2], argv[3], atof(argv[4]), atof(argv[5]), argv[6]);
  if (argc == 4 && strcmp(argv[1], "churn") == 0) return churn(argv[2], atol(argv[3]));
  if (argc != 7 || strcmp(argv[1], "exec") != 0) {
    fprintf(stderr, "usage: storm exec LEAF SECONDS PER_SECOND WORKERS LOG | storm churn LEAF COUNT\n");
    return 2;
  }
  const int workers = atoi(argv[5]);
  char each[32];
  snprintf(each, sizeof(each), "%f", atof(argv[4]) / workers);
  for (int i = 0; i < workers; i++) {
    char number[16];
    snprintf(number, sizeof(number), "%d", i);
    if (fork() != 0) continue;
    execl(argv[0], "storm", "worker", number, argv[2], argv[3], each, argv[6], (char*)NULL);
    _exit(127);
  }
  int status = 0, code = 0;
  while (wait(&status) > 0) {
    if (status != 0) code = 1;
  }
  return code;
}
