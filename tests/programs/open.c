// SPDX-License-Identifier: Apache-2.0
// open CALL DIRECTORY NAME FLAGS [MODE [read|write]]: opens NAME by that very system call; DIRECTORY, unless "-", becomes the
// dirfd. CALL: open, openat, openat2, creat, ia32. MODE is octal, 0640 by default. Then reads or writes a byte, if told to. Exit
// code: 0, else errno of what failed. Prints the fd's number.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/programs/ia32.h"

static long ia32_open(const char* name, int flags, int mode) {
  char* low = low_memory(4096);
  if (!low) return -errno;
  strncpy(low, name, 4095);
  return ia32_call(5, (uintptr_t[5]){(uintptr_t)low, (uintptr_t)flags, (uintptr_t)mode});
}

int main(int argc, char** argv) {
  if (argc < 5 || argc > 7) return 255;
  const char *call = argv[1], *name = argv[3];
  const int directory = strcmp(argv[2], "-") == 0 ? AT_FDCWD : open(argv[2], O_RDONLY | O_DIRECTORY);
  const int flags = (int)strtol(argv[4], NULL, 0);
  const int mode = argc > 5 ? (int)strtol(argv[5], NULL, 8) : 0640;
  long fd;
  if (strcmp(call, "open") == 0) {
    fd = syscall(SYS_open, name, flags, mode);
  } else if (strcmp(call, "openat") == 0) {
    fd = syscall(SYS_openat, directory, name, flags, mode);
  } else if (strcmp(call, "openat2") == 0) {
    struct open_how how = {
        .flags = (unsigned)flags, .mode = flags & O_CREAT ? (unsigned)mode : 0, .resolve = RESOLVE_NO_MAGICLINKS};
    fd = syscall(SYS_openat2, directory, name, &how, sizeof(how));
  } else if (strcmp(call, "creat") == 0) {
    fd = syscall(SYS_creat, name, mode);
  } else if (strcmp(call, "ia32") == 0) {
    fd = ia32_open(name, flags, mode);
    if (fd < 0) return (int)-fd;
  } else {
    return 255;
  }
  if (fd < 0) return errno;
  printf("%ld\n", fd);
  char byte = 'x';
  if (argc > 6) return (argv[6][0] == 'r' ? read((int)fd, &byte, 1) : write((int)fd, &byte, 1)) == 1 ? 0 : errno;
  return 0;
}
