// SPDX-License-Identifier: Apache-2.0
// chroot ROOT NAME: makes ROOT its root, and opens NAME. With a third argument, first opens that as a directory outside and opens
// NAME there.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc < 3) return 255;
  const int outside = argc > 3 ? open(argv[3], O_RDONLY | O_DIRECTORY) : AT_FDCWD;
  if (chroot(argv[1]) != 0 || chdir("/") != 0) return errno;
  return openat(outside, argv[2], O_RDONLY) < 0 ? errno : 0;
}
