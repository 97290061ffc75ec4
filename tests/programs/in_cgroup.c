// SPDX-License-Identifier: Apache-2.0
// in_cgroup DIRECTORY PROGRAM [ARGUMENT…]: moves itself into that cgroup and runs PROGRAM. Exit code: errno if it can't be run.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc < 3) return 255;
  char file[4096];
  if (snprintf(file, sizeof(file), "%s/cgroup.procs", argv[1]) >= (int)sizeof(file)) return 255;
  const int procs = open(file, O_WRONLY | O_CLOEXEC);
  if (procs < 0 || write(procs, "0", 1) != 1) return 254;
  close(procs);
  execv(argv[2], &argv[2]);
  return errno;
}
