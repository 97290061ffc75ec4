// SPDX-License-Identifier: Apache-2.0
#include "tests/support/mix.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <random>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/stat.h>

#include "tests/support/wire.h"

namespace shrike::test {
namespace {

constexpr std::uint64_t kSystemCgroup = 11;
constexpr std::uint64_t kUserCgroup = 12;
constexpr std::size_t kClosesAfter = 3;  // so many opens and connects later at most, a descriptor is closed
constexpr std::uint32_t kRead = 1;
constexpr std::uint32_t kWrite = 2;

struct Actor {
  std::uint32_t pid = 0;
  std::uint64_t start_ns = 0;
  std::uint32_t ppid = 0;
  std::uint64_t parent_start_ns = 0;
  std::uint32_t sid = 0;
  std::uint32_t uid = 0;
  std::uint64_t cgroup = kSystemCgroup;
};

// Records one after the other, 8-aligned.
struct Records {
  std::vector<std::byte> bytes;
  std::vector<std::size_t> ends;

  void add(std::span<const std::byte> record) {
    bytes.insert(bytes.end(), record.begin(), record.end());
    bytes.resize((bytes.size() + 7) / 8 * 8);
    ends.push_back(bytes.size());
  }
};

// Everything one activity does, in its own order.
class Stream {
 public:
  Stream(std::mt19937& random, std::uint32_t first_pid) : random_(random), next_pid_(first_pid) {}

  Records records;
  std::size_t closes = 0;  // of them

  std::size_t below(std::size_t n) { return random_() % n; }

  // A process of unknown parents.
  Actor root(std::string_view comm, std::string_view exe, std::vector<std::string_view> argv, std::uint32_t uid,
             std::uint64_t cgroup) {
    Actor actor{.pid = next_pid_++, .start_ns = ++clock_, .ppid = 1, .parent_start_ns = 1, .uid = uid, .cgroup = cgroup};
    actor.sid = actor.pid;
    exec(actor, comm, exe, argv);
    return actor;
  }

  Actor fork(const Actor& parent) {
    Actor child = parent;
    child.pid = next_pid_++;
    child.start_ns = ++clock_;
    child.ppid = parent.pid;
    child.parent_start_ns = parent.start_ns;
    WireRecord<event_process> record(EVENT_KIND_FORK, EVENT_TYPE_NONE);
    fill(record.wire.header, child, HOOK_SCHED_PROCESS_FORK);
    fill(record.wire, child);
    records.add(record.bytes());
    return child;
  }

  void exec(const Actor& actor, std::string_view comm, std::string_view exe, const std::vector<std::string_view>& argv) {
    WireRecord<event_process> record(EVENT_KIND_EXEC, EVENT_TYPE_EXECVE);
    fill(record.wire.header, actor, HOOK_SCHED_PROCESS_EXEC);
    fill(record.wire, actor);
    record.wire.exe = file(exe, S_IFREG | 0755);
    comm.copy(record.wire.comm, sizeof(record.wire.comm) - 1);
    record.wire.exe_path = record.add(exe);
    record.wire.cwd = record.add("/home/build/project");
    std::string args;
    for (const std::string_view argument : argv) (args += argument) += '\0';
    record.wire.args = record.add(args);
    record.wire.args_total = static_cast<std::uint32_t>(args.size());
    records.add(record.bytes());
  }

  // What is still open is closed before.
  void exit(const Actor& actor) {
    close_if([&](const Descriptor& of) { return of.owner.pid == actor.pid; });
    WireRecord<event_exit> record(EVENT_KIND_EXIT, EVENT_TYPE_NONE);
    fill(record.wire.header, actor, HOOK_SCHED_PROCESS_EXIT);
    records.add(record.bytes());
  }

  void open(const Actor& actor, std::string_view path, std::uint64_t flags = O_RDONLY | O_CLOEXEC,
            std::uint32_t mode = S_IFREG | 0644, std::uint16_t type = EVENT_TYPE_OPENAT) {
    WireRecord<event_open> record(EVENT_KIND_OPEN, type);
    fill(record.wire.header, actor, HOOK_SYS_EXIT);
    record.wire.ret = 3;
    record.wire.open_flags = flags;
    record.wire.dirfd = AT_FDCWD;
    const std::uint64_t access = flags & O_ACCMODE;
    record.wire.fmode = access == O_RDWR ? kRead | kWrite : access == O_WRONLY ? kWrite : kRead;
    record.wire.file = file(path, mode);
    if ((flags & O_CREAT) != 0) record.wire.open_mode = 0644;
    record.wire.path = record.add(path);
    record.wire.name = record.add(path);
    records.add(record.bytes());
    made(actor, 3);
  }

  void open_fails(const Actor& actor, std::string_view name, std::string_view base = {}, int error = ENOENT) {
    WireRecord<event_open> record(EVENT_KIND_OPEN, EVENT_TYPE_OPENAT);
    fill(record.wire.header, actor, HOOK_SYS_EXIT);
    record.wire.ret = -error;
    record.wire.open_flags = O_RDONLY | O_CLOEXEC;
    record.wire.dirfd = AT_FDCWD;
    record.wire.name = record.add(name);
    record.wire.base = record.add(base);
    records.add(record.bytes());
  }

  void connect(const Actor& actor, std::array<std::uint8_t, 4> ip, std::uint16_t port, std::int64_t ret,
               std::uint16_t protocol = IPPROTO_TCP) {
    WireRecord<event_socket> record(EVENT_KIND_SOCKET, EVENT_TYPE_CONNECT);
    fill(record.wire.header, actor, HOOK_SYS_EXIT);
    record.wire.ret = ret;
    record.wire.fd = 5;
    record.wire.sock.family = record.wire.sock.remote_family = AF_INET;
    record.wire.sock.protocol = protocol;
    record.wire.sock.socket_type = protocol == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM;
    std::ranges::copy(ip, record.wire.sock.remote_ip);
    record.wire.sock.local_ip[0] = 10;
    record.wire.sock.local_ip[3] = 5;
    record.wire.sock.local_port = static_cast<std::uint16_t>(32'768 + below(28'000));
    record.wire.sock.remote_port = port;
    records.add(record.bytes());
    if (ret == 0 || ret == -EINPROGRESS) made(actor, 5);
  }

  void connect_unix(const Actor& actor, std::string_view path, std::int64_t ret) {
    WireRecord<event_socket> record(EVENT_KIND_SOCKET, EVENT_TYPE_CONNECT);
    fill(record.wire.header, actor, HOOK_SYS_EXIT);
    record.wire.ret = ret;
    record.wire.fd = 4;
    record.wire.sock.family = AF_UNIX;
    record.wire.sock.socket_type = SOCK_STREAM;
    record.wire.sock.unix_path = record.add(path);
    records.add(record.bytes());
    if (ret == 0) made(actor, 4);
  }

  // What nobody who exits has closed.
  void finish() {
    close_if([](const Descriptor&) { return true; });
  }

  // What the dynamic loader opens.
  void load(const Actor& actor, std::initializer_list<std::string_view> libraries) {
    open(actor, "/etc/ld.so.cache");
    for (const std::string_view library : libraries) open(actor, "/usr/lib/x86_64-linux-gnu/" + std::string(library));
  }

  // fork, exec, loader; the caller goes on and ends it.
  Actor spawn(const Actor& parent, std::string_view comm, std::string_view exe, const std::vector<std::string_view>& argv,
              std::initializer_list<std::string_view> libraries = {"libc.so.6"}) {
    const Actor child = fork(parent);
    exec(child, comm, exe, argv);
    load(child, libraries);
    return child;
  }

 private:
  struct Descriptor {
    Actor owner;
    std::int32_t fd = -1;
  };

  // A descriptor to be closed some calls later; the oldest one's turn comes with the next.
  void made(const Actor& actor, std::int32_t fd) {
    open_.push_back({actor, fd});
    while (open_.size() > 1 + below(kClosesAfter)) {
      close(open_.front());
      open_.erase(open_.begin());
    }
  }

  template <class Test>
  void close_if(Test test) {
    for (const Descriptor& of : open_) {
      if (test(of)) close(of);
    }
    std::erase_if(open_, test);
  }

  void close(const Descriptor& of) {
    WireRecord<event_call> record(EVENT_KIND_CALL, EVENT_TYPE_CLOSE);
    fill(record.wire.header, of.owner, HOOK_SYS_EXIT);
    record.wire.args[0] = static_cast<std::uint64_t>(of.fd);
    record.wire.fd = of.fd;
    records.add(record.bytes());
    ++closes;
  }

  static event_file file(std::string_view path, std::uint32_t mode) {
    event_file found{};
    found.ino = 1'000 + std::hash<std::string_view>()(path) % 1'000'000;
    found.ctime_ns = found.mtime_ns = 1'700'000'000'000'000'000;
    found.dev = 8U << 20U | 1U;
    found.mode = mode;
    return found;
  }

  void fill(event_header& header, const Actor& actor, std::uint8_t hook) {
    header.start_ns = actor.start_ns;
    header.cgroup_id = actor.cgroup;
    header.hook = hook;
    header.tgid = header.tid = actor.pid;
    header.ppid = actor.ppid;
    header.sid = actor.sid;
    header.creds.uid = header.creds.gid = actor.uid;
    header.creds.loginuid = actor.uid;
    header.creds.tty = actor.cgroup == kUserCgroup ? 0x8801U : 0U;
  }

  static void fill(event_process& process, const Actor& actor) {
    process.parent_start_ns = process.forker_start_ns = actor.parent_start_ns;
    process.forker_tgid = actor.ppid;
    process.pgid = process.vpid = process.vpgid = actor.pid;
  }

  static inline std::uint64_t clock_ = 1'000;
  std::vector<Descriptor> open_;
  std::mt19937& random_;
  std::uint32_t next_pid_;
};

Actor shell(Stream& to) {
  const Actor sshd = to.root("sshd", "/usr/sbin/sshd", {"sshd: build [priv]"}, 0, kSystemCgroup);
  Actor bash = to.spawn(sshd, "bash", "/usr/bin/bash", {"-bash"}, {"libtinfo.so.6", "libc.so.6"});
  bash.uid = 1000;
  bash.cgroup = kUserCgroup;
  bash.sid = bash.pid;
  for (const std::string_view name : {"/etc/bash.bashrc", "/home/build/.inputrc", "/etc/inputrc"}) to.open(bash, name);
  return bash;
}

void spawns(Stream& to, std::size_t count) {
  const Actor bash = shell(to);
  static constexpr std::string_view kTools[] = {"true", "date", "ls", "cat", "sleep", "id", "uname", "expr"};
  for (std::size_t i = 0; i < count; ++i) {
    const std::string tool(kTools[to.below(std::size(kTools))]);
    const std::string number = std::to_string(i);
    const Actor child = to.spawn(bash, tool, "/usr/bin/" + tool, {tool, "-n", number});
    if (tool == "ls") to.open(child, "/home/build/project", O_RDONLY | O_DIRECTORY | O_CLOEXEC, S_IFDIR | 0755);
    if (tool == "id") to.open(child, "/etc/passwd");
    if (tool == "date") to.open(child, "/etc/localtime");
    to.exit(child);
  }
}

void opens(Stream& to, std::size_t count) {
  const Actor bash = shell(to);
  const Actor worker = to.spawn(bash, "workload", "/home/build/project/build/workload", {"./workload", "open", "200000"});
  for (std::size_t i = 0; i < count; ++i) {
    switch (to.below(10)) {
      case 0:
        to.open_fails(worker, "/var/cache/app/missing-" + std::to_string(to.below(1'000)));
        break;
      case 1:
        to.open(worker, "/tmp/workload." + std::to_string(to.below(64)), O_RDWR | O_CREAT | O_CLOEXEC);
        break;
      case 2:
      case 3:
      case 4:
        to.open(worker, "/home/build/data/table-" + std::to_string(to.below(5'000)) + ".bin");
        break;
      default:
        to.open(worker, "/home/build/project/build/workload.conf");
        break;
    }
  }
  to.exit(worker);
}

void connects(Stream& to, std::size_t count) {
  const Actor systemd = to.root("systemd", "/usr/lib/systemd/systemd", {"/sbin/init"}, 0, kSystemCgroup);
  const Actor nginx = to.spawn(systemd, "nginx", "/usr/sbin/nginx", {"nginx: worker process"}, {"libssl.so.3", "libc.so.6"});
  const Actor curl =
      to.spawn(systemd, "curl", "/usr/bin/curl", {"curl", "-s", "https://mirror.example.org/"}, {"libcurl.so.4", "libc.so.6"});
  const auto byte = [&](std::size_t n) { return static_cast<std::uint8_t>(to.below(n)); };
  for (std::size_t i = 0; i < count; ++i) {
    switch (to.below(8)) {
      case 0:
        to.connect_unix(nginx, "/run/systemd/journal/socket", 0);
        break;
      case 1:
        to.connect_unix(curl, "/var/run/nscd/socket", -ENOENT);
        break;
      case 2:
        to.connect(curl, {10, 0, 0, 53}, 53, 0, IPPROTO_UDP);
        break;
      case 3:
        to.connect(curl, {93, byte(250), byte(250), byte(250)}, 443, -EINPROGRESS);
        break;
      case 4:
        to.connect(nginx, {127, 0, 0, 1}, static_cast<std::uint16_t>(9'000 + to.below(16)), -ECONNREFUSED);
        break;
      default:
        to.connect(nginx, {10, 0, byte(16), byte(250)}, static_cast<std::uint16_t>(8'080 + to.below(4)), -EINPROGRESS);
        break;
    }
  }
}

void compile_unit(Stream& to, const Actor& make, std::size_t unit) {
  const std::string base = "/home/build/project";
  const std::string source = "src/module" + std::to_string(unit % 40) + "/file" + std::to_string(unit) + ".cc";
  const std::string object = base + "/build/file" + std::to_string(unit) + ".o";
  const std::string assembly = "/tmp/cc" + std::to_string(100'000 + unit) + ".s";
  const Actor sh = to.spawn(make, "sh", "/usr/bin/dash", {"/bin/sh", "-c", "g++ -O2 -c " + source});
  const Actor driver =
      to.spawn(sh, "g++", "/usr/bin/x86_64-linux-gnu-g++-12", {"g++", "-O2", "-Iinclude", "-c", source, "-o", object});
  to.open(driver, assembly, O_RDWR | O_CREAT | O_EXCL, S_IFREG | 0600);
  const Actor cc1 =
      to.spawn(driver, "cc1plus", "/usr/lib/gcc/x86_64-linux-gnu/12/cc1plus",
               {"/usr/lib/gcc/x86_64-linux-gnu/12/cc1plus", "-quiet", "-I", "include", source, "-quiet", "-O2", "-o", assembly},
               {"libisl.so.23", "libmpc.so.3", "libmpfr.so.6", "libgmp.so.10", "libz.so.1", "libc.so.6"});
  to.open(cc1, base + "/" + source, O_RDONLY | O_NOCTTY);
  static constexpr std::string_view kDirectories[] = {"/usr/include/c++/12", "/usr/include/x86_64-linux-gnu/c++/12",
                                                      "/usr/lib/gcc/x86_64-linux-gnu/12/include", "/usr/include"};
  for (std::size_t header = 0; header < 120; ++header) {
    const std::string name = (header % 3 == 0 ? "bits/header" : "sys/header") + std::to_string(to.below(400)) + ".h";
    if (header % 2 == 0) to.open_fails(cc1, "include/" + name, base);
    const std::size_t found = to.below(std::size(kDirectories));
    for (std::size_t i = 0; i < found; ++i) to.open_fails(cc1, std::string(kDirectories[i]) + "/" + name);
    to.open(cc1, std::string(kDirectories[found]) + "/" + name, O_RDONLY | O_NOCTTY);
  }
  to.open(cc1, assembly, O_WRONLY | O_CREAT | O_TRUNC);
  to.exit(cc1);
  const Actor as = to.spawn(driver, "as", "/usr/bin/x86_64-linux-gnu-as", {"as", "--64", "-o", object, assembly},
                            {"libopcodes.so", "libbfd.so", "libc.so.6"});
  to.open(as, object, O_RDWR | O_CREAT | O_TRUNC);
  to.open(as, assembly);
  to.exit(as);
  to.exit(driver);
  to.exit(sh);
}

void compiles(Stream& to, std::size_t units) {
  const Actor bash = shell(to);
  const Actor make = to.spawn(bash, "make", "/usr/bin/make", {"make", "-j2"});
  to.open_fails(make, "GNUmakefile", "/home/build/project");
  to.open_fails(make, "makefile", "/home/build/project");
  to.open(make, "/home/build/project/Makefile");
  for (std::size_t unit = 0; unit < units; ++unit) compile_unit(to, make, unit);
  to.exit(make);
}

void documents(Stream& to, std::size_t count) {
  const Actor bash = shell(to);
  const Actor find = to.spawn(bash, "find", "/usr/bin/find", {"find", "/usr/share/doc", "-name", "copyright"});
  const Actor tar = to.spawn(bash, "tar", "/usr/bin/tar", {"tar", "-cf", "/tmp/doc.tar", "/usr/share/doc"});
  to.open(tar, "/tmp/doc.tar", O_WRONLY | O_CREAT | O_TRUNC);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string directory = "/usr/share/doc/package-" + std::to_string(i / 4);
    switch (i % 4) {
      case 0:
        to.open(find, directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, S_IFDIR | 0755);
        break;
      case 1:
        to.open(tar, directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, S_IFDIR | 0755);
        break;
      case 2:
        to.open(tar, directory + "/copyright", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        break;
      default:
        to.open(tar, directory + "/changelog.Debian.gz", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        break;
    }
  }
  to.exit(find);
  to.exit(tar);
}

void scripts(Stream& to, std::size_t count) {
  const Actor systemd = to.root("systemd", "/usr/lib/systemd/systemd", {"/sbin/init"}, 0, kSystemCgroup);
  const Actor cron = to.spawn(systemd, "cron", "/usr/sbin/cron", {"/usr/sbin/cron", "-f"});
  for (std::size_t i = 0; i < count; ++i) {
    const Actor python =
        to.spawn(cron, "python3", "/usr/bin/python3.11", {"python3", "/opt/jobs/report.py", "--day", std::to_string(i)},
                 {"libm.so.6", "libexpat.so.1", "libz.so.1", "libc.so.6"});
    to.open_fails(python, "/usr/bin/pyvenv.cfg");
    to.open(python, "/usr/lib/python3.11", O_RDONLY | O_DIRECTORY | O_CLOEXEC, S_IFDIR | 0755);
    for (std::size_t module = 0; module < 60; ++module) {
      const std::string name = "module" + std::to_string((module * 7 + i) % 200);
      if (module % 4 == 0) to.open_fails(python, "/opt/jobs/" + name + ".cpython-311-x86_64-linux-gnu.so");
      to.open(python, "/usr/lib/python3.11/__pycache__/" + name + ".cpython-311.pyc");
      if (module % 3 == 0) to.open(python, "/usr/lib/python3.11/" + name, O_RDONLY | O_DIRECTORY | O_CLOEXEC, S_IFDIR | 0755);
    }
    to.open(python, "/var/lib/jobs/report-" + std::to_string(i) + ".csv", O_WRONLY | O_CREAT | O_TRUNC);
    to.open(python, "/var/log/jobs.log", O_WRONLY | O_APPEND | O_CREAT);
    to.exit(python);
  }
}

void commits(Stream& to, std::size_t count) {
  const Actor bash = shell(to);
  const std::string repository = "/home/build/project/.git/";
  for (std::size_t i = 0; i < count; ++i) {
    const Actor git = to.spawn(bash, "git", "/usr/bin/git", {"git", "commit", "-m", "change " + std::to_string(i)},
                               {"libpcre2-8.so.0", "libz.so.1", "libc.so.6"});
    to.open_fails(git, "/etc/gitconfig");
    for (const std::string_view name : {"config", "HEAD", "index", "packed-refs", "info/exclude", "refs/heads/main"})
      to.open(git, repository + std::string(name));
    to.open(git, repository + "index.lock", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC);
    for (std::size_t object = 0; object < 36; ++object) {
      const std::size_t number = to.below(4'096);
      const std::string name =
          repository + "objects/" + std::to_string(10 + number % 90) + "/" + std::string(30, 'a') + std::to_string(number);
      if (object % 4 == 0) {
        to.open_fails(git, name);
      } else {
        to.open(git, name);
      }
    }
    to.open(git, repository + "objects/tmp_obj_" + std::to_string(i), O_RDWR | O_CREAT | O_EXCL, S_IFREG | 0444);
    to.exit(git);
  }
}

}  // namespace

Mix::Mix(const Size& size, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<Stream> streams;
  const auto stream = [&](auto make, std::size_t count) {
    Stream& added = streams.emplace_back(random, static_cast<std::uint32_t>(1'000 + 100'000 * streams.size()));
    make(added, count);
    added.finish();
    closes_ += added.closes;
  };
  stream(spawns, size.spawns);
  stream(opens, size.opens);
  stream(connects, size.connects);
  stream(compiles, size.units);
  stream(documents, size.documents);
  stream(scripts, size.scripts);
  stream(commits, size.commits);

  // Interleaved so that all end at about the same time: the next burst is of a stream drawn by how much it has left.
  std::vector<std::size_t> next(streams.size());
  std::size_t left = 0;
  for (const Stream& s : streams) left += s.records.ends.size();
  std::uint64_t time_ns = 1'000'000'000'000;
  while (left > 0) {
    std::size_t draw = random() % left;
    std::size_t of = 0;
    for (; draw >= streams[of].records.ends.size() - next[of]; ++of) draw -= streams[of].records.ends.size() - next[of];
    const Records& from = streams[of].records;
    for (std::size_t burst = 1 + random() % 40; burst > 0 && next[of] < from.ends.size(); --burst, --left, ++next[of]) {
      const std::size_t begin = next[of] == 0 ? 0 : from.ends[next[of] - 1];
      event_header header;
      std::memcpy(&header, from.bytes.data() + begin, sizeof(header));
      header.time_ns = time_ns += 1'000 + random() % 4'000;
      header.seq = places_.size();
      header.cpu = static_cast<__u16>(of % 2);
      places_.push_back({bytes_.size(), header.size});
      bytes_.insert(bytes_.end(), from.bytes.begin() + static_cast<std::ptrdiff_t>(begin),
                    from.bytes.begin() + static_cast<std::ptrdiff_t>(from.ends[next[of]]));
      std::memcpy(bytes_.data() + places_.back().offset, &header, sizeof(header));
    }
  }
}

}  // namespace shrike::test
