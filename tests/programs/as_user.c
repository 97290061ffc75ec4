// SPDX-License-Identifier: Apache-2.0
// as_user UID PROGRAM [ARGUMENT…]: gives up root for UID, its group included, and runs PROGRAM. Exit code: errno if it can't.
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc < 3) return 255;
  const unsigned id = (unsigned)atoi(argv[1]);
  if (setgroups(0, NULL) != 0 || setresgid(id, id, id) != 0 || setresuid(id, id, id) != 0) return 254;
  execv(argv[2], &argv[2]);
  return errno;
}
