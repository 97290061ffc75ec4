// SPDX-License-Identifier: Apache-2.0
// family: a process comes to be in an unusual way, and then runs this program as `leaf`. family HOW [DIRECTORY]; prints the pids
// from the leaf up to the child of this process, and waits for all of them to end.
//
//   vfork         a child that shares our memory until it runs its program
//   clone_parent  a child that is our parent's
//   orphan        our child forks and ends; the grandchild goes on when it has another parent
//   reaped        likewise, but orphans come to us
//   session       a child that begins a session, and then forks
//   renamed       a child that calls itself `harmless`, and then forks
//   group         after its program began it makes a group of its own, changes to DIRECTORY and opens the file `here` there
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char* self;

static void run_leaf(void) {
  char *const arguments[] = {self, "leaf", NULL}, *const environment[] = {"FAMILY=leaf", "EMPTY=", NULL};
  execve(self, arguments, environment);
  _exit(254);
}

static pid_t clone_parent(void) {
  struct clone_args how = {.flags = CLONE_PARENT};
  return (pid_t)syscall(SYS_clone3, &how, sizeof(how));
}

// The middle one forks the leaf and ends.
static pid_t middle(const char* how) {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  if (strcmp(how, "session") == 0) setsid();
  if (strcmp(how, "renamed") == 0) prctl(PR_SET_NAME, "harmless");
  const pid_t me = getpid();
  const pid_t leaf = fork();
  if (leaf != 0) _exit(0);
  while (getppid() == me) usleep(1000);
  printf("%d %d\n", getpid(), me);
  fflush(stdout);
  run_leaf();
  return -1;
}

int main(int argc, char** argv) {
  if (argc < 2) return 251;
  self = argv[0];
  if (strcmp(argv[1], "leaf") == 0) return 0;
  if (strcmp(argv[1], "group") == 0) {
    if (setpgid(0, 0) != 0 || argc < 3 || chdir(argv[2]) != 0) return 253;
    const int fd = open("here", O_RDONLY | O_CREAT, 0600);
    return fd < 0 ? 252 : 0;
  }
  int ends[2];  // closed when the last of the family is gone
  if (pipe(ends) != 0) return 250;
  if (strcmp(argv[1], "reaped") == 0) prctl(PR_SET_CHILD_SUBREAPER, 1);
  pid_t child;
  if (strcmp(argv[1], "vfork") == 0) {
    child = vfork();
    if (child == 0) run_leaf();
    printf("%d\n", child);
  } else if (strcmp(argv[1], "clone_parent") == 0) {
    child = clone_parent();
    if (child == 0) run_leaf();
    printf("%d\n", child);
  } else {
    child = middle(argv[1]);
  }
  if (child < 0) return 249;
  close(ends[1]);
  char byte;
  while (read(ends[0], &byte, 1) > 0) {
  }
  while (wait(NULL) > 0) {
  }
  return 0;
}
