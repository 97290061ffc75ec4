// SPDX-License-Identifier: Apache-2.0
// call 64|32 NUMBER [ARGUMENT…]: one system call, through the 64-bit entry or int 0x80. An ARGUMENT is a number, =TEXT (its
// address),
// @PATH (the file or directory, opened to read), or %pipe, %event, %tcp, %net (a descriptor of such an object). Prints the return
// value, negative errno for failures, and the descriptors it was given. Exit code: 0, or 255 for other words.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/programs/ia32.h"

static int descriptor(const char* word) {
  int ends[2] = {-1, -1};
  if (word[0] == '@') return open(word + 1, O_RDONLY);
  if (strcmp(word, "%pipe") == 0) return pipe(ends) == 0 ? ends[0] : -1;
  if (strcmp(word, "%event") == 0) return eventfd(0, 0);
  if (strcmp(word, "%tcp") == 0) return socket(AF_INET, SOCK_STREAM, 0);
  if (strcmp(word, "%net") == 0) return open("/proc/self/ns/net", O_RDONLY);
  return -1;
}

int main(int argc, char** argv) {
  if (argc < 3 || argc > 9) return 255;
  uintptr_t arguments[6] = {0};
  char descriptors[128] = "";
  char* low = low_memory(64 * 1024);
  if (!low) return 255;
  for (int i = 3; i < argc; ++i) {
    const char* word = argv[i];
    if (word[0] == '=') {
      arguments[i - 3] = (uintptr_t)strcpy(low, word + 1);
      low += strlen(word);
    } else if (word[0] == '@' || word[0] == '%') {
      const int fd = descriptor(word);
      if (fd < 0) return 255;
      arguments[i - 3] = (uintptr_t)fd;
      sprintf(descriptors + strlen(descriptors), " %d", fd);
    } else {
      arguments[i - 3] = (uintptr_t)strtoll(word, NULL, 0);
    }
  }
  const long number = atol(argv[2]);
  long ret;
  if (strcmp(argv[1], "32") == 0) {
    ret = ia32_call(number, arguments);
  } else {
    ret = syscall(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
    if (ret == -1) ret = -errno;
  }
  char line[192];
  const int size = snprintf(line, sizeof(line), "%ld%s\n", ret, descriptors);
  return write(STDOUT_FILENO, line, (size_t)size) == size ? 0 : 254;
}
