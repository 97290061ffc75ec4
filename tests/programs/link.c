// SPDX-License-Identifier: Apache-2.0
// link CALL DIRECTORY FIRST SECOND: CALL is symlink, symlinkat, link or linkat; the at-forms name SECOND (linkat: both) in
// DIRECTORY.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc != 5) return 255;
  const char *call = argv[1], *first = argv[3], *second = argv[4];
  const int directory = strcmp(argv[2], "-") == 0 ? AT_FDCWD : open(argv[2], O_RDONLY | O_DIRECTORY);
  long ret = -1;
  if (strcmp(call, "symlink") == 0) ret = syscall(SYS_symlink, first, second);
  if (strcmp(call, "symlinkat") == 0) ret = syscall(SYS_symlinkat, first, directory, second);
  if (strcmp(call, "link") == 0) ret = syscall(SYS_link, first, second);
  if (strcmp(call, "linkat") == 0) ret = syscall(SYS_linkat, directory, first, directory, second, AT_SYMLINK_FOLLOW);
  return ret < 0 ? errno : 0;
}
