// SPDX-License-Identifier: Apache-2.0
// read_secret WAY SECRET SCRATCH FD, or read_secret --list: reads the file SECRET in that way and prints its first bytes. SCRATCH
// is an empty directory on the same file system, left empty; FD a descriptor of SECRET opened by somebody before, for the ways
// that open nothing. Mounts are made in a mount namespace of its own. Exit code: 0, errno of what failed, or 200 if this kernel
// or file system has no such way.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/programs/uring.h"

enum { UNAVAILABLE = 200, NAME = 4096 };

static const char *secret, *scratch;
static int before;                        // the descriptor from before
static char directory[NAME], base[NAME];  // of the secret

static char* in_scratch(const char* name) {
  static char paths[4][NAME];
  static unsigned next;
  char* path = paths[next++ % 4];
  snprintf(path, NAME, "%s/%s", scratch, name);
  return path;
}

static char* below(const char* prefix, const char* rest) {
  static char path[2 * NAME];
  snprintf(path, sizeof(path), "%s%s", prefix, rest);
  return path;
}

// The secret's name in another directory.
static char* inside(const char* where) {
  static char path[2 * NAME];
  snprintf(path, sizeof(path), "%s/%s", where, base);
  return path;
}

// Prints what a descriptor gives; each way ends here.
static int show(int fd) {
  if (fd < 0) return errno;
  char text[64];
  const ssize_t count = pread(fd, text, sizeof(text), 0);
  if (count < 0) return errno;
  return write(STDOUT_FILENO, text, (size_t)count) == count ? 0 : errno;
}

static int shown_at(int at, const char* name) { return show((int)syscall(SYS_openat, at, name, O_RDONLY | O_CLOEXEC)); }
static int shown(const char* name) { return shown_at(AT_FDCWD, name); }

static int directory_fd(const char* name) { return open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC); }

// Whatever is made is taken away, also when the way failed.
static int then_unlink(int result, const char* name) {
  unlink(name);
  return result;
}

static int own_mounts(void) {
  if (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0) return 0;
  if (errno == EINVAL) errno = UNAVAILABLE; /* in a chroot that is no mount: ours would be seen outside */
  return errno;
}

static int openat2_way(uint64_t resolve, const char* name) {
  struct open_how how = {.flags = O_RDONLY, .resolve = resolve};
  return show((int)syscall(SYS_openat2, directory_fd(directory), name, &how, sizeof(how)));
}
static int resolve_in_root(void) { return openat2_way(RESOLVE_IN_ROOT, inside("")); }
static int resolve_beneath(void) { return openat2_way(RESOLVE_BENEATH, base); }

// io_uring.

static struct io_uring_sqe operation(int opcode, int at, const char* name) {
  struct io_uring_sqe sqe;
  memset(&sqe, 0, sizeof(sqe));
  sqe.opcode = (unsigned char)opcode;
  sqe.fd = at;
  sqe.addr = (uintptr_t)name;
  return sqe;
}

static int uring_shown(int result) {
  if (result == URING_UNAVAILABLE) return UNAVAILABLE;
  errno = -result;
  return show(result);
}

static int uring_way(const char* how) {
  const struct io_uring_sqe sqe = operation(IORING_OP_OPENAT, AT_FDCWD, secret);
  return uring_shown(uring_run(&sqe, how));
}
static int uring_openat(void) { return uring_way(""); }
static int uring_async(void) { return uring_way("async"); }
static int uring_sqpoll(void) { return uring_way("sqpoll"); }
static int uring_personality(void) { return uring_way("personality"); }

static int uring_openat2(void) {
  static const struct open_how how = {.flags = O_RDONLY};
  struct io_uring_sqe sqe = operation(IORING_OP_OPENAT2, AT_FDCWD, secret);
  sqe.len = sizeof(how);
  sqe.addr2 = (uintptr_t)&how;
  return uring_shown(uring_run(&sqe, ""));
}

// Opened into a slot of the ring, never a descriptor of the process, and read from there by the next operation.
static int uring_direct(void) {
  static char text[64];
  struct io_uring_sqe chain[2] = {operation(IORING_OP_OPENAT, AT_FDCWD, secret), operation(IORING_OP_READ, 0, NULL)};
  chain[0].file_index = 1;
  chain[0].flags = IOSQE_IO_LINK;
  chain[1].flags = IOSQE_FIXED_FILE;
  chain[1].addr = (uintptr_t)text;
  chain[1].len = sizeof(text);
  const int count = uring_run_all(chain, 2, "slots");
  if (count == URING_UNAVAILABLE || count == -EINVAL) return UNAVAILABLE;
  if (count < 0) return -count;
  return write(STDOUT_FILENO, text, (size_t)count) == count ? 0 : errno;
}

// The name is made by io_uring too; the opening is an ordinary one.
static int uring_link(void) {
  const char* link = in_scratch("link");
  struct io_uring_sqe sqe = operation(IORING_OP_LINKAT, AT_FDCWD, secret);
  sqe.len = (unsigned)AT_FDCWD;
  sqe.addr2 = (uintptr_t)link;
  const int result = uring_run(&sqe, "");
  if (result == URING_UNAVAILABLE || result == -EINVAL) return UNAVAILABLE;
  return result < 0 ? -result : then_unlink(shown(link), link);
}

// Other names.

static int by_handle(void) {
  union {
    struct file_handle handle;
    char bytes[sizeof(struct file_handle) + MAX_HANDLE_SZ];
  } file = {.handle.handle_bytes = MAX_HANDLE_SZ};
  int mount_id;
  if (name_to_handle_at(AT_FDCWD, secret, &file.handle, &mount_id, 0) != 0) return errno == EOPNOTSUPP ? UNAVAILABLE : errno;
  return show(open_by_handle_at(directory_fd(scratch), &file.handle, O_RDONLY));
}

static int o_path(void) {
  char name[64];
  const int fd = open(secret, O_PATH);
  if (fd < 0) return errno;
  snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
  return shown(name);
}

static int symbolic_link(void) {
  const char* link = in_scratch("link");
  return symlink(secret, link) != 0 ? errno : then_unlink(shown(link), link);
}

// dl leads to a directory below the secret's, so dl/.. is not what the text says.
static int link_and_dots(void) {
  char below_it[2 * NAME];
  snprintf(below_it, sizeof(below_it), "%s/sub", directory);
  const char* link = in_scratch("dl");
  if ((mkdir(below_it, 0700) != 0 && errno != EEXIST) || symlink(below_it, link) != 0) return errno;
  const int result = then_unlink(shown(inside(in_scratch("dl/.."))), link);
  rmdir(below_it);
  return result;
}

static int proc_root(void) { return shown(below("/proc/self/root", secret)); }
static int proc_cwd(void) { return chdir(directory) != 0 ? errno : shown(inside("/proc/self/cwd")); }
static int proc_pid_root(void) {
  char prefix[64];
  snprintf(prefix, sizeof(prefix), "/proc/%d/root", getppid());
  return shown(below(prefix, secret));
}
static int dev_fd(void) {
  char prefix[64];
  snprintf(prefix, sizeof(prefix), "/proc/self/fd/%d", directory_fd(directory));
  return shown(inside(prefix));
}

static int hard_link(void) {
  const char* name = in_scratch("link");
  return link(secret, name) != 0 ? errno : then_unlink(shown(name), name);
}

static int renamed(void) {
  const char* name = in_scratch("other");
  if (rename(secret, name) != 0) return errno;
  const int result = shown(name);
  return rename(name, secret) != 0 ? errno : result;
}
static int renamed_directory(void) {
  const char* name = in_scratch("other");
  if (rename(directory, name) != 0) return errno;
  const int result = shown(inside(name));
  return rename(name, directory) != 0 ? errno : result;
}

static int chrooted(void) { return chroot(directory) != 0 ? errno : shown(inside("")); }
static int chrooted_beside(void) {
  const int outside = directory_fd(directory);
  return chroot(scratch) != 0 || chdir("/") != 0 ? errno : shown_at(outside, base);
}

// Mounts.

static int bound_directory(void) {
  if (own_mounts() != 0 || mount(directory, scratch, NULL, MS_BIND, NULL) != 0) return errno;
  return shown(inside(scratch));
}
static int bound_file(void) {
  const char* name = in_scratch("bound");
  close(open(name, O_WRONLY | O_CREAT, 0600));
  int result = own_mounts();
  if (result == 0) result = mount(secret, name, NULL, MS_BIND, NULL) != 0 ? errno : shown(name);
  umount2(name, MNT_DETACH);
  return then_unlink(result, name);
}

static int detached_tree(void) {
  return shown_at((int)syscall(SYS_open_tree, AT_FDCWD, directory, 1 /* OPEN_TREE_CLONE */ | O_CLOEXEC), base);
}
static int moved_mount(void) {
  if (own_mounts() != 0) return errno;
  const int tree = (int)syscall(SYS_open_tree, AT_FDCWD, directory, 1 /* OPEN_TREE_CLONE */ | O_CLOEXEC);
  if (syscall(SYS_move_mount, tree, "", AT_FDCWD, scratch, 4 /* MOVE_MOUNT_F_EMPTY_PATH */) != 0) return errno;
  return shown(inside(scratch));
}

// An overlay of the secret's directory, in a namespace and on a tmpfs of its own. The upper layer is at TMPFS/upper.
static int overlay(void) {
  char options[3 * NAME];
  if (own_mounts() != 0 || mount("secret", scratch, "tmpfs", 0, "mode=700") != 0) return errno;
  for (const char* const* name = (const char* const[]){"upper", "work", "view", NULL}; *name != NULL; ++name) {
    if (mkdir(in_scratch(*name), 0700) != 0) return errno;
  }
  snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s,workdir=%s", directory, in_scratch("upper"), in_scratch("work"));
  if (mount("overlay", in_scratch("view"), "overlay", 0, options) != 0) return errno == ENODEV ? UNAVAILABLE : errno;
  return 0;
}
static int overlay_view(void) {
  const int result = overlay();
  return result != 0 ? result : shown(inside(in_scratch("view")));
}
// Opened for writing, the file is copied to the upper layer: a new inode with the same bytes.
static int overlay_copy(void) {
  const int result = overlay();
  if (result != 0) return result;
  const int fd = open(inside(in_scratch("view")), O_WRONLY | O_CLOEXEC);
  return fd < 0 ? errno : shown(inside(in_scratch("upper")));
}

// Another file under the secret's path, in another mount namespace.
static int other_namespace(void) {
  const char* name = in_scratch("harmless");
  const int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (write(fd, "harmless\n", 9) != 9) return errno;
  int result = own_mounts();
  if (result == 0) result = mount(name, secret, NULL, MS_BIND, NULL) != 0 ? errno : shown(secret);
  umount2(secret, MNT_DETACH);
  return then_unlink(result, name);
}

// Through a path of more than 4,096 bytes.
static int very_deep(void) {
  enum { LEVELS = 25, LENGTH = 200 };
  char name[LENGTH + 1];
  memset(name, 'd', LENGTH);
  name[LENGTH] = 0;
  if (chdir(scratch) != 0) return errno;
  int depth = 0;
  while (depth < LEVELS && mkdir(name, 0700) == 0 && chdir(name) == 0) ++depth;
  const int result = depth < LEVELS || link(secret, "link") != 0 ? errno : shown("link");
  unlink("link");
  while (depth-- > 0) {
    if (chdir("..") != 0 || rmdir(name) != 0) return errno;
  }
  return result;
}

// Descriptors from elsewhere.

static int from_before(void) { return show(before); }

static int send_fd(int to, int fd) {
  char control[CMSG_SPACE(sizeof(int))] = {0}, byte = 0;
  struct iovec part = {&byte, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
  struct cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &fd, sizeof(fd));
  return sendmsg(to, &message, 0) == 1 ? 0 : errno;
}

// A child receives and reads it, having closed what it inherited.
static int passed(int fd) {
  int pair[2];
  if (fd < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return errno;
  const pid_t child = fork();
  if (child == 0) {
    char control[CMSG_SPACE(sizeof(int))], byte;
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    close(fd);
    if (recvmsg(pair[1], &message, 0) != 1 || CMSG_FIRSTHDR(&message) == NULL) _exit(EIO);
    int received;
    memcpy(&received, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(received));
    _exit(show(received));
  }
  const int result = send_fd(pair[0], fd);
  int status;
  if (waitpid(child, &status, 0) != child) return errno;
  return result != 0 ? result : WEXITSTATUS(status);
}
static int passed_from_before(void) { return passed(before); }
static int passed_after_opening(void) { return passed(open(secret, O_RDONLY)); }

// A child takes it out of this process.
static int stolen(int fd) {
  if (fd < 0) return errno;
  const pid_t self = getpid(), child = fork();
  if (child == 0) {
    close(fd);
    const int pidfd = (int)syscall(SYS_pidfd_open, self, 0);
    _exit(show((int)syscall(SYS_pidfd_getfd, pidfd, fd, 0)));
  }
  int status;
  return waitpid(child, &status, 0) != child ? errno : WEXITSTATUS(status);
}
static int stolen_from_before(void) { return stolen(before); }
static int stolen_after_opening(void) { return stolen(open(secret, O_RDONLY)); }

// Reading without read.

static int mapped_of(int fd) {
  struct stat status;
  if (fd < 0 || fstat(fd, &status) != 0) return errno;
  const char* text = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (text == MAP_FAILED) return errno;
  return write(STDOUT_FILENO, text, (size_t)status.st_size) == status.st_size ? 0 : errno;
}
static int mapped(void) { return mapped_of(open(secret, O_RDONLY)); }
static int mapped_from_before(void) { return mapped_of(before); }

static int copy_of(void) { return memfd_create("copy", MFD_CLOEXEC); }
static int sent(void) {
  const int fd = open(secret, O_RDONLY), copy = copy_of();
  off_t at = 0;
  return fd < 0 || sendfile(copy, fd, &at, 64) < 0 ? errno : show(copy);
}
static int spliced(void) {
  const int fd = open(secret, O_RDONLY), copy = copy_of();
  int ends[2];
  if (fd < 0 || pipe(ends) != 0) return errno;
  const ssize_t count = splice(fd, NULL, ends[1], NULL, 64, 0);
  return count < 0 || splice(ends[0], NULL, copy, NULL, (size_t)count, 0) < 0 ? errno : show(copy);
}
static int copied_to(int (*copy)(int from, int to)) {
  const char* name = in_scratch("copy");
  const int from = open(secret, O_RDONLY | O_CLOEXEC), to = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  return then_unlink(from < 0 || to < 0 ? errno : copy(from, to), name);
}
static int by_range(int from, int to) { return copy_file_range(from, NULL, to, NULL, 64, 0) < 0 ? errno : show(to); }
// Most file systems can't; what matters is that it needs the opening.
static int by_clone(int from, int to) {
  if (ioctl(to, FICLONE, from) != 0) return errno == EOPNOTSUPP || errno == ENOTTY || errno == EINVAL ? show(from) : errno;
  return show(to);
}
static int copied(void) { return copied_to(by_range); }
static int cloned(void) { return copied_to(by_clone); }

// Names that change, or are not there, while the kernel reads them.

static _Atomic int flipping = 1;
static char flipped[NAME];
static void* flip(void* harmless) {
  for (unsigned i = 0; flipping; ++i) strcpy(flipped, i & 1 ? secret : (const char*)harmless);
  return NULL;
}
// Opens until it has had the secret some times; ends the output with how many.
static int time_of_use(void) {
  enum { TRIES = 50000, ENOUGH = 20 };
  const char* harmless = in_scratch("harmless");
  close(open(harmless, O_WRONLY | O_CREAT, 0600));
  struct stat wanted, got;
  if (stat(secret, &wanted) != 0) return errno;
  strcpy(flipped, harmless);
  pthread_t thread;
  pthread_create(&thread, NULL, flip, (void*)harmless);
  int times = 0, fd = -1;
  for (int i = 0; i < TRIES && times < ENOUGH; ++i) {
    fd = (int)syscall(SYS_openat, AT_FDCWD, flipped, O_RDONLY | O_CLOEXEC);
    if (fd < 0) continue;
    if (fstat(fd, &got) == 0 && got.st_ino == wanted.st_ino && ++times == ENOUGH) show(fd);
    close(fd);
  }
  flipping = 0;
  pthread_join(thread, NULL);
  printf("times=%d\n", times);
  return then_unlink(times > 0 ? 0 : ENOENT, harmless);
}

static int faults;
static void* hand_over(void* page) {
  struct uffd_msg message;
  if (read(faults, &message, sizeof(message)) != sizeof(message)) return NULL;
  usleep(100000);  // the opener waits in the kernel
  static char content[NAME] __attribute__((aligned(4096)));
  strcpy(content, secret);
  struct uffdio_copy copy = {.dst = (uintptr_t)page, .src = (uintptr_t)content, .len = NAME};
  ioctl(faults, UFFDIO_COPY, &copy);
  return NULL;
}
// The page of the name comes when the kernel asks for it.
static int slowed(void) {
  faults = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
  if (faults < 0) return errno == ENOSYS || errno == EPERM ? UNAVAILABLE : errno;
  struct uffdio_api api = {.api = UFFD_API};
  char* page = mmap(NULL, NAME, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  struct uffdio_register range = {.range = {(uintptr_t)page, NAME}, .mode = UFFDIO_REGISTER_MODE_MISSING};
  if (page == MAP_FAILED || ioctl(faults, UFFDIO_API, &api) != 0 || ioctl(faults, UFFDIO_REGISTER, &range) != 0) return errno;
  pthread_t thread;
  pthread_create(&thread, NULL, hand_over, page);
  const int result = shown(page);
  pthread_join(thread, NULL);
  return result;
}

// The name lies in a mapped file none of whose pages is mapped.
static int not_resident(void) {
  const char* name = in_scratch("name");
  const int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || pwrite(fd, secret, strlen(secret) + 1, 0) < 0 || fsync(fd) != 0) return errno;
  char* page = mmap(NULL, NAME, PROT_READ, MAP_SHARED, fd, 0);
  if (page == MAP_FAILED || madvise(page, NAME, MADV_DONTNEED) != 0) return errno;
  posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  return then_unlink(shown(page), name);
}

static const struct {
  const char* name;
  int (*way)(void);
} kWays[] = {
    {"resolve_in_root", resolve_in_root},
    {"resolve_beneath", resolve_beneath},
    {"uring_openat", uring_openat},
    {"uring_openat2", uring_openat2},
    {"uring_async", uring_async},
    {"uring_sqpoll", uring_sqpoll},
    {"uring_direct", uring_direct},
    {"uring_link", uring_link},
    {"uring_personality", uring_personality},
    {"by_handle", by_handle},
    {"o_path", o_path},
    {"symbolic_link", symbolic_link},
    {"link_and_dots", link_and_dots},
    {"proc_root", proc_root},
    {"proc_cwd", proc_cwd},
    {"proc_pid_root", proc_pid_root},
    {"dev_fd", dev_fd},
    {"hard_link", hard_link},
    {"renamed", renamed},
    {"renamed_directory", renamed_directory},
    {"chrooted", chrooted},
    {"chrooted_beside", chrooted_beside},
    {"bound_directory", bound_directory},
    {"bound_file", bound_file},
    {"detached_tree", detached_tree},
    {"moved_mount", moved_mount},
    {"overlay_view", overlay_view},
    {"overlay_copy", overlay_copy},
    {"other_namespace", other_namespace},
    {"very_deep", very_deep},
    {"from_before", from_before},
    {"passed_from_before", passed_from_before},
    {"passed_after_opening", passed_after_opening},
    {"stolen_from_before", stolen_from_before},
    {"stolen_after_opening", stolen_after_opening},
    {"mapped", mapped},
    {"mapped_from_before", mapped_from_before},
    {"sent", sent},
    {"spliced", spliced},
    {"copied", copied},
    {"cloned", cloned},
    {"time_of_use", time_of_use},
    {"slowed", slowed},
    {"not_resident", not_resident},
};

int main(int argc, char** argv) {
  const size_t count = sizeof(kWays) / sizeof(kWays[0]);
  for (size_t i = 0; argc == 2 && i < count; ++i) puts(kWays[i].name);
  if (argc != 5) return argc == 2 ? 0 : 255;
  secret = argv[2];
  scratch = argv[3];
  before = atoi(argv[4]);
  const char* slash = strrchr(secret, '/');
  snprintf(directory, sizeof(directory), "%.*s", (int)(slash - secret), secret);
  snprintf(base, sizeof(base), "%s", slash + 1);
  for (size_t i = 0; i < count; ++i) {
    if (strcmp(argv[1], kWays[i].name) == 0) return kWays[i].way();
  }
  return 255;
}
