// SPDX-License-Identifier: Apache-2.0
// The workloads the overhead is measured with, one per name: workload NAME [COUNT].
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

static void die(const char* what) {
  perror(what);
  exit(1);
}

static void open_close(long count) {
  for (long i = 0; i < count; i++) {
    int fd = open("/etc/hostname", O_RDONLY);
    if (fd < 0) die("open /etc/hostname");
    close(fd);
  }
}

static void spawn(long count) {
  char* argv[] = {"true", NULL};
  for (long i = 0; i < count; i++) {
    pid_t pid;
    if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ) != 0) die("posix_spawn");
    waitpid(pid, NULL, 0);
  }
}

static void connect_accept(long count) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof(address);
  int server = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(server, (struct sockaddr*)&address, size) != 0 || listen(server, 16) != 0) die("listen");
  getsockname(server, (struct sockaddr*)&address, &size);
  struct linger reset = {.l_onoff = 1, .l_linger = 0}; /* no TIME_WAIT: ports must not run out */
  for (long i = 0; i < count; i++) {
    int client = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(client, (struct sockaddr*)&address, size) != 0) die("connect");
    int peer = accept(server, NULL, NULL);
    if (peer < 0) die("accept");
    setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(client);
    close(peer);
  }
}

static void getppid_loop(long count) {
  for (long i = 0; i < count; i++) syscall(SYS_getppid);
}

int main(int argc, char** argv) {
  static const struct {
    const char* name;
    void (*run)(long);
    long count;
  } all[] = {{"open", open_close, 1000000},
             {"spawn", spawn, 5000},
             {"connect", connect_accept, 50000},
             {"getppid", getppid_loop, 10000000}};
  for (size_t i = 0; argc > 1 && i < sizeof(all) / sizeof(all[0]); i++) {
    if (strcmp(argv[1], all[i].name) != 0) continue;
    all[i].run(argc > 2 ? atol(argv[2]) : all[i].count);
    return 0;
  }
  fprintf(stderr, "usage: workload open|spawn|connect|getppid [count]\n");
  return 2;
}
