// SPDX-License-Identifier: Apache-2.0
// flood COUNT NAME: opens NAME that often by open(2), as fast as it can, on every CPU.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc != 3) return 255;
  const long processes = sysconf(_SC_NPROCESSORS_ONLN), each = atol(argv[1]) / processes;
  for (long i = 0; i < processes; ++i) {
    if (fork() != 0) continue;
    for (long n = 0; n < each; ++n) close((int)syscall(SYS_open, argv[2], O_RDONLY));
    _exit(0);
  }
  while (wait(NULL) > 0) {
  }
  return 0;
}
