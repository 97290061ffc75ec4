// SPDX-License-Identifier: Apache-2.0
// exec_fail execve|execveat DIRECTORY NAME: an exec that is to fail. Exit code: errno.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc != 4) return 255;
  char *const arguments[] = {"none", NULL}, *const environment[] = {NULL};
  if (strcmp(argv[1], "execve") == 0)
    syscall(SYS_execve, argv[3], arguments, environment);
  else
    syscall(SYS_execveat, open(argv[2], O_RDONLY | O_DIRECTORY), argv[3], arguments, environment, AT_SYMLINK_NOFOLLOW);
  return errno;
}
