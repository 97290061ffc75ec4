// SPDX-License-Identifier: Apache-2.0
// as_child COPY PROGRAM [ARGUMENT…]: copies itself to COPY, becomes that, and runs PROGRAM as its child: the child's parent bears
// COPY's name. Exit code: the child's; 128 + signal if one ended it; errno if PROGRAM can't be run.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int become(char** argv) {
  struct stat status;
  const int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC),
            to = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
  if (fstat(from, &status) != 0 || sendfile(to, from, NULL, (size_t)status.st_size) != status.st_size) return 254;
  if (fchmod(to, 0755) != 0 || close(to) != 0) return 254;
  char* copy = argv[1];
  argv[1] = "--";
  execv(copy, argv);
  return 253;
}

int main(int argc, char** argv) {
  if (argc < 3) return 255;
  if (strcmp(argv[1], "--") != 0) return become(argv);
  const pid_t child = fork();
  if (child == 0) {
    execv(argv[2], &argv[2]);
    _exit(errno);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return 252;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
