// SPDX-License-Identifier: Apache-2.0
// trigger DEED [ARGUMENT…]: does one harmless thing a rule is about. Linked statically, so that it runs in any root file system;
// under another name it is that program for rules by name. What it does not know it ignores, so that a mark can be among the
// arguments. Exit code: 0, else errno. Each deed stays on the loopback of its network namespace and ends with the process.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int check(long result) { return result < 0 ? errno : 0; }

static struct sockaddr_in address(const char* ip, const char* port) {
  struct sockaddr_in it = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port))};
  inet_pton(AF_INET, ip, &it.sin_addr);
  return it;
}

static int listener(const char* ip, const char* port) {
  const struct sockaddr_in at = address(ip, port);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  return bind(fd, (const struct sockaddr*)&at, sizeof(at)) == 0 && listen(fd, 4) == 0 ? fd : -1;
}

static int connected(const char* ip, const char* port) {
  const struct sockaddr_in at = address(ip, port);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  return connect(fd, (const struct sockaddr*)&at, sizeof(at)) == 0 ? fd : -1;
}

// connect IP PORT: to a listener of its own there.
static int deed_connect(char** a) {
  if (listener(a[0], a[1]) < 0) return errno;
  return check(connected(a[0], a[1]));
}

// try IP PORT: to whoever is there.
static int deed_try(char** a) { return check(connected(a[0], a[1])); }

// listen IP PORT
static int deed_listen(char** a) { return check(listener(a[0], a[1])); }

// accept IP PORT: a connection of its own.
static int deed_accept(char** a) {
  const int fd = listener(a[0], a[1]);
  if (fd < 0 || connected(a[0], a[1]) < 0) return errno;
  return check(accept4(fd, NULL, NULL, SOCK_CLOEXEC));
}

// udp IP PORT: connect without a byte. sendto IP PORT: a datagram from an unconnected socket.
static int deed_udp(char** a) {
  const struct sockaddr_in at = address(a[0], a[1]);
  return check(connect(socket(AF_INET, SOCK_DGRAM, 0), (const struct sockaddr*)&at, sizeof(at)));
}
static int deed_sendto(char** a) {
  const struct sockaddr_in at = address(a[0], a[1]);
  return check(sendto(socket(AF_INET, SOCK_DGRAM, 0), "x", 1, 0, (const struct sockaddr*)&at, sizeof(at)));
}

// receive IP PORT HEX: reads those bytes by recvfrom.
static int deed_receive(char** a) {
  const int fd = listener(a[0], a[1]), from = connected(a[0], a[1]);
  const int to = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
  const unsigned word = htonl((unsigned)strtoul(a[2], NULL, 16));
  char buffer[64];
  if (to < 0 || send(from, &word, sizeof(word), 0) != sizeof(word)) return errno;
  return check(recvfrom(to, buffer, sizeof(buffer), 0, NULL, NULL));
}

// socket packet|raw|stream
static int deed_socket(char** a) {
  if (strcmp(a[0], "packet") == 0) return check(socket(AF_PACKET, SOCK_RAW, 0));
  if (strcmp(a[0], "raw") == 0) return check(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
  return check(socket(AF_INET, SOCK_STREAM, 0));
}

// dup CALL TO [file]: duplicates a connected socket (or a file) onto the number TO.
static int deed_dup(char** a) {
  const int to = atoi(a[1]);
  const int from = a[2] != NULL && strcmp(a[2], "file") == 0
                       ? open("/dev/null", O_RDWR | O_CLOEXEC)
                       : (listener("127.0.0.1", "1") < 0 ? -1 : connected("127.0.0.1", "1"));
  if (from < 0) return errno;
  if (strcmp(a[0], "dup2") == 0) return check(syscall(SYS_dup2, from, to));
  if (strcmp(a[0], "dup3") == 0) return check(syscall(SYS_dup3, from, to, O_CLOEXEC));
  close(to);  // then dup takes it, being the lowest
  return check(syscall(SYS_dup, from));
}

// module finit|init: an image that is none; refused by every kernel.
static int deed_module(char** a) {
  static const char image[] = "no module";
  if (strcmp(a[0], "init") == 0) return check(syscall(SYS_init_module, image, sizeof(image), ""));
  const int fd = memfd_create("no-module", MFD_CLOEXEC);
  if (write(fd, image, sizeof(image)) != sizeof(image)) return errno;
  return check(syscall(SYS_finit_module, fd, "", 0));
}

// setns: into the UTS namespace it is in. unshare: into a new one.
static int deed_setns(char** a) {
  (void)a;
  return check(setns(open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC), CLONE_NEWUTS));
}
static int deed_unshare(char** a) {
  (void)a;
  return check(unshare(CLONE_NEWUTS));
}

static int deed_setuid(char** a) { return check(syscall(SYS_setuid, atoi(a[0]))); }

// as UID DEED…: a deed without root.
static int run(char** a);
static int deed_as(char** a) {
  const int uid = atoi(a[0]);
  if (setresgid((gid_t)uid, (gid_t)uid, (gid_t)uid) != 0 || setresuid((uid_t)uid, (uid_t)uid, (uid_t)uid) != 0) return errno;
  return run(a + 1);
}

// open PATH FLAGS [MODE]: by openat; mode 0600.
static int deed_open(char** a) {
  const int mode = a[2] != NULL && a[2][0] == '0' ? (int)strtol(a[2], NULL, 8) : 0600;
  return check(syscall(SYS_openat, AT_FDCWD, a[0], (int)strtol(a[1], NULL, 0), mode));
}

static int deed_userfaultfd(char** a) {
  const int flags = O_CLOEXEC | (a[0] != NULL && strcmp(a[0], "user") == 0 ? 1 /* UFFD_USER_MODE_ONLY */ : 0);
  return check(syscall(SYS_userfaultfd, flags));
}

// bpf load|map: an empty program is refused; a map goes with the process.
static int deed_bpf(char** a) {
  union bpf_attr attr;
  memset(&attr, 0, sizeof(attr));
  if (strcmp(a[0], "load") == 0) return check(syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr)));
  attr.map_type = BPF_MAP_TYPE_ARRAY;
  attr.key_size = attr.value_size = 4;
  attr.max_entries = 1;
  return check(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr)));
}

static int deed_chmod(char** a) { return check(syscall(SYS_chmod, a[0], (int)strtol(a[1], NULL, 8))); }
static int deed_rename(char** a) { return check(syscall(SYS_rename, a[0], a[1])); }
static int deed_unlink(char** a) { return check(syscall(SYS_unlink, a[0])); }
static int deed_mkdir(char** a) { return check(syscall(SYS_mkdir, a[0], 0700)); }

// run PROGRAM [ARGUMENT…]: as its child. wait SECONDS DEED…
static int deed_run(char** a) {
  const pid_t child = fork();
  if (child == 0) {
    execv(a[0], a);
    _exit(127);
  }
  int status;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}
static int deed_wait(char** a) {
  usleep((useconds_t)(atof(a[0]) * 1e6));
  return run(a + 1);
}

// hold: until somebody ends it.
static int deed_hold(char** a) {
  (void)a;
  while (pause() != 0) continue;
  return 0;
}

static const struct {
  const char* name;
  int arguments;
  int (*deed)(char**);
} kDeeds[] = {
    {"connect", 2, deed_connect}, {"try", 2, deed_try},       {"listen", 2, deed_listen},   {"accept", 2, deed_accept},
    {"udp", 2, deed_udp},         {"sendto", 2, deed_sendto}, {"receive", 3, deed_receive}, {"socket", 1, deed_socket},
    {"dup", 2, deed_dup},         {"module", 1, deed_module}, {"setns", 0, deed_setns},     {"unshare", 0, deed_unshare},
    {"setuid", 1, deed_setuid},   {"as", 2, deed_as},         {"open", 2, deed_open},       {"userfaultfd", 0, deed_userfaultfd},
    {"bpf", 1, deed_bpf},         {"chmod", 2, deed_chmod},   {"rename", 2, deed_rename},   {"unlink", 1, deed_unlink},
    {"mkdir", 1, deed_mkdir},     {"run", 1, deed_run},       {"wait", 2, deed_wait},       {"hold", 0, deed_hold},
};

static int run(char** a) {
  int count = 0;
  while (a[0] != NULL && a[1 + count] != NULL) ++count;
  for (size_t i = 0; a[0] != NULL && i < sizeof(kDeeds) / sizeof(kDeeds[0]); ++i) {
    if (strcmp(a[0], kDeeds[i].name) == 0) return count < kDeeds[i].arguments ? 255 : kDeeds[i].deed(a + 1);
  }
  return 0;
}

int main(int argc, char** argv) { return argc < 2 ? 0 : run(argv + 1); }
