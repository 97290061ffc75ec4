// SPDX-License-Identifier: Apache-2.0
// From record to text: one event of each type the packs name (rule-language.md 3.5), every parameter and fd.* spelled out, and
// what comes near it.
#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <memory>
#include <netinet/in.h>
#include <set>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <vector>

#include "engine/base/clock.h"
#include "engine/decode/decode.h"
#include "engine/event/field.h"
#include "engine/event/params.h"
#include "engine/event/container.h"
#include "tests/support/wire.h"
#include "tests/support/world.h"

namespace shrike::event {
namespace {

using test::WireRecord;
using test::World;

constexpr const char* kAbsent = "(absent)";

struct Row {
  const char* field;
  const char* want;
};

class Events : public testing::Test {
 protected:
  Events() {
    cat_ = &world_.process(7, "cat", {"cat", "/etc/x"}, nullptr, "/usr/bin/cat");
    Usage usage;
    usage.known = true;
    usage.fd_limit = 1024;
    usage.major_faults = 1;
    usage.minor_faults = 2;
    usage.vm_size_kib = 3;
    usage.vm_rss_kib = 4;
    usage.vm_swap_kib = 5;
    cat_->image = std::make_shared<const Image>("cat", "/usr/bin/cat", std::string("cat\0/etc/x\0", 11), 11, "/", FileIdentity(),
                                                std::vector<std::string>(), Environment{true, std::string("A=b\0", 4), 4}, usage);
  }

  template <class Wire>
  Event decoded(WireRecord<Wire>& record) {
    record.wire.header.hook = HOOK_SYS_EXIT;
    const auto bytes = record.bytes();
    kept_.emplace_back(bytes.begin(), bytes.end());
    auto event = decode::decode(kept_.back(), WallClock());
    EXPECT_TRUE(event) << event.error().message;
    event->process = cat_;
    return *event;
  }

  static std::string get(const World& world, const Event& event, const std::string& name) {
    Arena arena;
    const auto use = resolve_field(name, std::nullopt);
    EXPECT_TRUE(use) << name;
    const Value value = extract(*use, event, world.context, arena);
    return value.absent() ? kAbsent : field_text(*use, value);
  }

  // `args`: evt.args, which has every parameter, raw and as text.
  void check(const Event& event, const char* args, std::initializer_list<Row> rows) {
    SCOPED_TRACE(name(event.type));
    EXPECT_EQ(get(world_, event, "evt.args"), args);
    for (const Row& row : rows) EXPECT_EQ(get(world_, event, row.field), row.want) << row.field;
    for (const Param& param : event_types()[index(event.type)].params) {
      const std::string raw = get(world_, event, "evt.rawarg." + std::string(param.name));
      EXPECT_EQ(raw != kAbsent, is_captured(event.type, param)) << param.name;
      EXPECT_NE(get(world_, event, "evt.arg." + std::string(param.name)) == kAbsent, is_captured(event.type, param))
          << param.name;
    }
    seen_.insert(event.type);
  }

  static event_file file(std::uint32_t mode) {
    event_file made{};
    made.ino = 42;
    made.dev = 8U << 20U | 1U;
    made.mode = mode;
    return made;
  }

  // A socket with both ends.
  static event_sock ends(const char* local, std::uint16_t local_port, const char* remote, std::uint16_t remote_port,
                         std::uint8_t role, std::uint16_t protocol = IPPROTO_TCP) {
    event_sock sock{};
    sock.family = std::string_view(local).contains(':') ? AF_INET6 : AF_INET;
    sock.protocol = protocol;
    sock.socket_type = protocol == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM;
    inet_pton(sock.family, local, sock.local_ip);
    sock.local_port = local_port;
    if (*remote != '\0') {
      sock.remote_family = sock.family;
      inet_pton(sock.family, remote, sock.remote_ip);
      sock.remote_port = remote_port;
    }
    sock.role = role;
    return sock;
  }

  struct PathsOf {
    std::int64_t ret = 0;
    std::uint32_t flags = 0;
    std::uint32_t mode = 0;
    std::int32_t first_fd = AT_FDCWD;
    const char* first = "";
    const char* first_base = "";
    std::int32_t second_fd = AT_FDCWD;
    const char* second = "";
    const char* second_base = "";
  };
  Event paths(std::uint16_t type, const PathsOf& of) {
    WireRecord<event_paths> record(EVENT_KIND_PATHS, type);
    record.wire.ret = of.ret;
    record.wire.arg_flags = of.flags;
    record.wire.arg_mode = of.mode;
    record.wire.dirfds[0] = of.first_fd;
    record.wire.dirfds[1] = of.second_fd;
    record.wire.first = record.add(of.first);
    record.wire.first_base = record.add(of.first_base);
    record.wire.second = record.add(of.second);
    record.wire.second_base = record.add(of.second_base);
    return decoded(record);
  }

  struct CallOf {
    std::int64_t ret = 0;
    std::vector<std::uint64_t> args = {};
    std::int32_t fd = -1;
    std::uint32_t mode = 0;
    const char* path = "";
    event_sock sock{};
    const char* text = "";
    const char* data = "";
    std::uint32_t file_flags = 0;
  };
  Event call(std::uint16_t type, const CallOf& of) {
    WireRecord<event_call> record(EVENT_KIND_CALL, type);
    record.wire.ret = of.ret;
    std::ranges::copy(of.args, record.wire.args);
    record.wire.fd = of.fd;
    if (of.mode != 0) record.wire.file = file(of.mode);
    record.wire.file.flags = of.file_flags;
    record.wire.sock = of.sock;
    record.wire.path = record.add(of.path);
    record.wire.text = record.add(of.text);
    record.wire.data = record.add(of.data);
    return decoded(record);
  }

  struct SocketOf {
    std::int64_t ret = 0;
    std::int32_t fd = 5;
    std::uint32_t size = 0;
    event_sock sock{};
    std::uint32_t flags = 0;
    const char* data = "";
    const char* control = "";
    const char* path = "";
    std::uint32_t queue = 0;
    std::uint32_t queue_max = 0;
  };
  Event socket(std::uint16_t type, const SocketOf& of) {
    WireRecord<event_socket> record(EVENT_KIND_SOCKET, type);
    record.wire.ret = of.ret;
    record.wire.fd = of.fd;
    record.wire.size = of.size;
    record.wire.sock = of.sock;
    record.wire.queue_length = of.queue;
    record.wire.queue_max = of.queue_max;
    record.wire.call_flags = of.flags;
    record.wire.data = record.add(of.data);
    record.wire.control = record.add(of.control);
    record.wire.sock.unix_path = record.add(of.path);
    return decoded(record);
  }

  Event open(std::uint16_t type, std::int64_t ret, const char* path, const char* name, std::uint32_t flags = O_RDONLY,
             const char* base = "") {
    WireRecord<event_open> record(EVENT_KIND_OPEN, type);
    record.wire.ret = ret;
    record.wire.open_flags = flags;
    record.wire.open_mode = (flags & O_CREAT) != 0 ? 0640 : 0;
    record.wire.dirfd = AT_FDCWD;
    record.wire.fmode = 1;
    if (ret >= 0) record.wire.file = file(S_IFREG | 0644);
    record.wire.path = record.add(path);
    record.wire.name = record.add(name);
    record.wire.base = record.add(base);
    return decoded(record);
  }

  Event exec(std::uint16_t type) {
    WireRecord<event_process> record(EVENT_KIND_EXEC, type);
    record.wire.exe_path = record.add("/usr/bin/cat");
    record.wire.filename = record.add("/usr/bin/cat");
    record.wire.header.creds.uid = 33;
    return decoded(record);
  }

  World world_;
  Process* cat_ = nullptr;
  std::vector<std::vector<std::byte>> kept_;
  std::set<EventType> seen_;
};

constexpr const char* kNoFd = kAbsent;

TEST_F(Events, OfEveryTypeEveryParameter) {
  const event_sock client = ends("10.0.0.5", 41000, "1.2.3.4", 443, SOCKET_ROLE_CLIENT);
  const event_sock server = ends("10.0.0.5", 80, "9.9.9.9", 5555, SOCKET_ROLE_SERVER);
  const event_sock listener = ends("10.0.0.5", 80, "", 0, SOCKET_ROLE_SERVER);

  static constexpr const char* kExecArgs =
      "res=0 exe=cat args=/etc/x. tid=7(cat) pid=7(cat) ptid=0 cwd=/ fdlimit=1024 pgft_maj=1 pgft_min=2 vm_size=3 vm_rss=4 "
      "vm_swap=5 comm=cat env=A=b. tty=0 vpgid=0 loginuid=0(root) flags=0 "
      "cap_inheritable=0x0 cap_permitted=0x0 cap_effective=0x0 exe_ino=0 exe_ino_ctime=0 exe_ino_mtime=0 uid=33(www-data) "
      "trusted_exepath=/usr/bin/cat pgid=0 gid=0(root)";
  check(exec(EVENT_TYPE_EXECVE), (std::string(kExecArgs) + " filename=/usr/bin/cat").c_str(),
        {{"fd.name", kNoFd}, {"fd.num", kNoFd}, {"fd.typechar", kNoFd}, {"evt.category", "process"}});
  check(exec(EVENT_TYPE_EXECVEAT), kExecArgs, {{"fd.name", kNoFd}});

  check(
      open(EVENT_TYPE_OPEN, 3, "/etc/passwd", "/etc/passwd"),
      "fd=3(<f>/etc/passwd) name=/etc/passwd flags=0(O_RDONLY) mode=0 dev=0x800001 ino=42",
      {{"fd.name", "/etc/passwd"}, {"fd.num", "3"}, {"fd.typechar", "f"}, {"fd.type", "file"}, {"fs.path.name", "/etc/passwd"}});
  check(open(EVENT_TYPE_OPENAT, 3, "/etc/passwd", "passwd"),
        "fd=3(<f>/etc/passwd) dirfd=-100(AT_FDCWD) name=passwd(/etc/passwd) flags=0(O_RDONLY) mode=0 dev=0x800001 ino=42",
        {{"fd.name", "/etc/passwd"}, {"fd.nameraw", "passwd"}, {"fd.filename", "passwd"}, {"fd.directory", "/etc"}});
  check(open(EVENT_TYPE_OPENAT2, 3, "/etc/passwd", "passwd"),
        "fd=3(<f>/etc/passwd) dirfd=-100(AT_FDCWD) name=passwd(/etc/passwd) flags=0(O_RDONLY) mode=0 resolve=0 dev=0x800001 "
        "ino=42",
        {{"fd.ino", "42"}, {"fd.dev", "800001"}});
  check(open(EVENT_TYPE_CREAT, 4, "/tmp/n", "/tmp/n", O_CREAT | O_WRONLY | O_TRUNC),
        "fd=4(<f>/tmp/n) name=/tmp/n mode=0640 dev=0x800001 ino=42 creat_flags=0", {{"fd.num", "4"}, {"fs.path.name", kAbsent}});

  check(socket(EVENT_TYPE_CONNECT, {.sock = client}),
        "res=0 tuple=10.0.0.5:41000->1.2.3.4:443 fd=5(<4t>10.0.0.5:41000->1.2.3.4:443) addr=1.2.3.4:443",
        {{"fd.name", "10.0.0.5:41000->1.2.3.4:443"},
         {"fd.cip", "10.0.0.5"},
         {"fd.sip", "1.2.3.4"},
         {"fd.cport", "41000"},
         {"fd.sport", "443"},
         {"fd.lip", "10.0.0.5"},
         {"fd.rip", "1.2.3.4"},
         {"fd.is_server", "false"},
         {"fd.connected", "true"},
         {"fd.name_changed", "true"},
         {"fd.l4proto", "tcp"},
         {"fd.sockfamily", "ip"},
         {"fd.directory", kAbsent},
         {"fd.ino", kAbsent},
         {"evt.category", "net"}});
  event_sock accepted = server;
  accepted.connected = 1;
  check(socket(EVENT_TYPE_ACCEPT, {.ret = 9, .fd = 9, .sock = accepted, .queue = 3, .queue_max = 12}),
        "fd=9(<4t>9.9.9.9:5555->10.0.0.5:80) tuple=9.9.9.9:5555->10.0.0.5:80 queuepct=25 queuelen=3 queuemax=12",
        {{"fd.name", "9.9.9.9:5555->10.0.0.5:80"},
         {"fd.num", "9"},
         {"fd.cip", "9.9.9.9"},
         {"fd.sip", "10.0.0.5"},
         {"fd.cport", "5555"},
         {"fd.sport", "80"},
         {"fd.lip", "10.0.0.5"},
         {"fd.rip", "9.9.9.9"},
         {"fd.lport", "80"},
         {"fd.rport", "5555"},
         {"fd.is_server", "true"},
         {"fd.connected", "true"},
         {"fd.typechar", "4"},
         {"fd.name_changed", "false"}});
  check(socket(EVENT_TYPE_ACCEPT4, {.ret = 9, .fd = 9, .sock = server, .flags = SOCK_CLOEXEC}),
        "fd=9(<4t>9.9.9.9:5555->10.0.0.5:80) tuple=9.9.9.9:5555->10.0.0.5:80 queuepct=0 queuelen=0 queuemax=0 flags=524288",
        {{"fd.sip", "10.0.0.5"}});
  check(socket(EVENT_TYPE_LISTEN, {.size = 0xffffffff, .sock = listener}), "res=0 fd=5(<4t>10.0.0.5:80) backlog=-1",
        {{"fd.name", "10.0.0.5:80"},
         {"fd.sip", "10.0.0.5"},
         {"fd.sport", "80"},
         {"fd.cip", kAbsent},
         {"fd.is_server", "true"},
         {"fd.lport", "80"},
         {"fd.rport", kAbsent},
         {"fd.connected", "false"}});
  check(socket(EVENT_TYPE_SENDTO, {.ret = 3, .size = 3, .sock = client, .data = "a\n\xff"}),
        "res=3 data=a.. fd=5(<4t>10.0.0.5:41000->1.2.3.4:443) size=3 tuple=10.0.0.5:41000->1.2.3.4:443",
        {{"evt.buffer", "a.."},
         {"evt.buflen", "3"},
         {"evt.buflen.out", "3"},
         {"evt.buflen.in", kAbsent},
         {"evt.buflen.net.out", "3"},
         {"evt.is_io_write", "true"},
         {"evt.io_dir", "write"},
         {"evt.category", "net"},
         {"evt.buflen.file", kAbsent},
         {"evt.is_wait", "false"}});
  check(
      socket(EVENT_TYPE_SENDMSG, {.ret = -EPIPE, .size = 9, .sock = client}),
      "res=-32(EPIPE) data=NULL fd=5(<4t>10.0.0.5:41000->1.2.3.4:443) size=9 tuple=10.0.0.5:41000->1.2.3.4:443",
      {{"evt.buffer", ""}, {"evt.buflen", kAbsent}, {"evt.count.error.net", "1"}, {"evt.res", "EPIPE"}, {"evt.failed", "true"}});
  const event_sock datagram = ends("10.0.0.5", 68, "1.2.3.4", 53, SOCKET_ROLE_UNKNOWN, IPPROTO_UDP);
  check(socket(EVENT_TYPE_RECVFROM, {.ret = 2, .size = 100, .sock = datagram, .data = "hi"}),
        "res=2 data=hi tuple=1.2.3.4:53->10.0.0.5:68 fd=5(<4u>1.2.3.4:53->10.0.0.5:68) size=100",
        {{"fd.cip", kAbsent},
         {"fd.sip", kAbsent},
         {"fd.rip", "1.2.3.4"},
         {"fd.l4proto", "udp"},
         {"evt.io_dir", "read"},
         {"evt.is_io_read", "true"},
         {"evt.buflen.in", "2"},
         {"fd.name_changed", "true"},
         {"fd.connected", "false"}});
  check(socket(EVENT_TYPE_RECVMSG, {.ret = 2, .size = 64, .sock = client, .data = "hi", .control = "\x01x"}),
        "res=2 size=64 data=hi tuple=10.0.0.5:41000->1.2.3.4:443 msgcontrol=.x fd=5(<4t>10.0.0.5:41000->1.2.3.4:443)",
        {{"fd.cip", "10.0.0.5"}, {"evt.buffer", "hi"}});

  check(paths(EVENT_TYPE_RENAME, {.first = "a", .first_base = "/w", .second = "/b/../c"}),
        "res=0 oldpath=a(/w/a) newpath=/b/../c(/c)",
        {{"fs.path.source", "/w/a"},
         {"fs.path.sourceraw", "a"},
         {"fs.path.target", "/c"},
         {"fs.path.targetraw", "/b/../c"},
         {"fs.path.name", kAbsent},
         {"fd.name", kNoFd},
         {"evt.abspath", kAbsent},
         {"evt.category", "file"}});
  check(paths(EVENT_TYPE_RENAMEAT, {.first_fd = 4, .first = "a", .first_base = "/w", .second = "/c"}),
        "res=0 olddirfd=4(<d>/w) oldpath=a(/w/a) newdirfd=-100(AT_FDCWD) newpath=/c",
        {{"evt.abspath", "/w/a"}, {"fd.num", kNoFd}});
  check(paths(EVENT_TYPE_RENAMEAT2, {.flags = 3, .first = "/a", .second_fd = 6, .second = "b", .second_base = "/d"}),
        "res=0 olddirfd=-100(AT_FDCWD) oldpath=/a newdirfd=6(<d>/d) newpath=b(/d/b) flags=0x3(RENAME_NOREPLACE|RENAME_EXCHANGE)",
        {{"evt.abspath", "/a"}});
  check(paths(EVENT_TYPE_RMDIR, {.ret = -ENOTEMPTY, .first = "/a"}), "res=-39(ENOTEMPTY) path=/a",
        {{"fs.path.name", kAbsent}, {"evt.count.error.other", "1"}});
  check(paths(EVENT_TYPE_UNLINK, {.first = "x", .first_base = "/w"}), "res=0 path=x(/w/x)",
        {{"fs.path.name", "/w/x"}, {"fs.path.nameraw", "x"}, {"fd.num", kNoFd}});
  check(paths(EVENT_TYPE_UNLINKAT, {.flags = AT_REMOVEDIR, .first_fd = 4, .first = "x", .first_base = "/w"}),
        "res=0 dirfd=4(<d>/w) name=x(/w/x) flags=0x200(AT_REMOVEDIR)",
        {{"fd.num", "4"},
         {"fd.name", "/w"},
         {"fd.typechar", "d"},
         {"fd.type", "directory"},
         {"fd.directory", "/w"},
         {"fd.filename", kAbsent},
         {"fd.connected", "false"},
         {"fd.ino", kAbsent},
         {"fs.path.name", "/w/x"},
         {"evt.abspath", "/w/x"}});
  check(paths(EVENT_TYPE_MKDIR, {.mode = 0755, .first = "/n"}), "res=0 path=/n mode=0755", {{"fs.path.name", "/n"}});
  check(paths(EVENT_TYPE_MKDIRAT, {.mode = 0700, .first = "n", .first_base = "/w"}),
        "res=0 dirfd=-100(AT_FDCWD) path=n(/w/n) mode=0700",
        {{"fd.num", "-100"},
         {"fd.name", ""},
         {"fd.typechar", "o"},
         {"fd.type", kAbsent},
         {"fd.directory", kAbsent},
         {"evt.abspath", "/w/n"}});
  check(paths(EVENT_TYPE_CHMOD, {.mode = 04755, .first = "/bin/x"}),
        "res=0 filename=/bin/x mode=04755(S_IXOTH|S_IROTH|S_IXGRP|S_IRGRP|S_IXUSR|S_IWUSR|S_IRUSR|S_ISUID)",
        {{"fs.path.name", "/bin/x"}, {"fd.name", kNoFd}});
  check(paths(EVENT_TYPE_FCHMODAT, {.ret = -EBADF, .mode = 0, .first_fd = -1, .first = "x"}),
        "res=-9(EBADF) dirfd=-1(EPERM) filename=x mode=0(0)", {{"fd.num", "-1"}, {"fd.typechar", "o"}, {"fd.name", ""}});
  check(paths(EVENT_TYPE_LINK, {.first = "/a", .second = "/b"}), "res=0 oldpath=/a newpath=/b",
        {{"fs.path.source", "/b"}, {"fs.path.target", "/a"}});
  check(paths(EVENT_TYPE_LINKAT, {.flags = AT_SYMLINK_FOLLOW, .first_fd = 3, .first = "/a", .first_base = "/w", .second = "/b"}),
        "res=0 olddir=3(<d>/w) oldpath=/a newdir=-100(AT_FDCWD) newpath=/b flags=0x400(AT_SYMLINK_FOLLOW)",
        {{"fd.num", kNoFd}, {"evt.abspath", "/a"}});
  check(paths(EVENT_TYPE_SYMLINK, {.first = "/etc", .second = "l", .second_base = "/w"}), "res=0 target=/etc linkpath=l(/w/l)",
        {{"fs.path.source", "/w/l"}, {"fs.path.target", "/etc"}});
  check(paths(EVENT_TYPE_SYMLINKAT, {.first = "/etc", .second_fd = 8, .second = "l", .second_base = "/w"}),
        "res=0 target=/etc linkdirfd=8(<d>/w) linkpath=l(/w/l)", {{"fd.num", "8"}, {"fd.name", "/w"}, {"evt.abspath", "/w/l"}});

  check(call(EVENT_TYPE_FCHMOD, {.args = {6, 0111}, .fd = 6, .mode = S_IFREG | 0644, .path = "/srv/f"}),
        "res=0 fd=6(<f>/srv/f) mode=0111(S_IXOTH|S_IXGRP|S_IXUSR)",
        {{"fd.name", "/srv/f"},
         {"fd.num", "6"},
         {"fd.filename", "f"},
         {"fd.directory", "/srv"},
         {"fd.ino", "42"},
         {"fs.path.name", "/srv/f"},
         {"fs.path.nameraw", kAbsent},
         {"fd.nameraw", kAbsent}});
  check(call(EVENT_TYPE_DUP, {.ret = 1, .args = {6}, .fd = 1, .sock = client}),
        "res=1(<4t>10.0.0.5:41000->1.2.3.4:443) oldfd=6(<4t>10.0.0.5:41000->1.2.3.4:443)",
        {{"fd.num", "1"},
         {"fd.sip", "1.2.3.4"},
         {"fd.typechar", "4"},
         {"evt.category", "net"},
         {"fd.nameraw", "10.0.0.5:41000->1.2.3.4:443"}});
  check(call(EVENT_TYPE_DUP2, {.ret = 1, .args = {6, 1}, .fd = 1, .mode = S_IFDIR, .path = "/srv"}),
        "res=1(<d>/srv) oldfd=6(<d>/srv) newfd=1(<d>/srv)",
        {{"fd.num", "1"}, {"fd.directory", "/srv"}, {"evt.category", "file"}});
  check(call(EVENT_TYPE_DUP3, {.ret = -EINVAL, .args = {6, 6, O_CLOEXEC}, .fd = 6, .mode = S_IFIFO, .path = "pipe:[77]"}),
        "res=-22(EINVAL) oldfd=6(<p>pipe:[77]) newfd=6(<p>pipe:[77]) flags=0x80000(O_CLOEXEC)",
        {{"fd.typechar", "p"}, {"fd.type", "pipe"}, {"evt.category", "ipc"}});
  check(call(EVENT_TYPE_SETNS, {.args = {4, 0x40000000}, .fd = 4, .mode = S_IFREG | 0444, .path = "net:[4026531840]"}),
        "res=0 fd=4(<f>net:[4026531840]) nstype=0x40000000(CLONE_NEWNET)",
        {{"fd.typechar", "f"}, {"fd.directory", "/"}, {"fd.filename", "net:[4026531840]"}, {"evt.category", "process"}});
  check(call(EVENT_TYPE_UNSHARE, {.args = {0x10020000}}), "res=0 flags=0x10020000(CLONE_NEWNS|CLONE_NEWUSER)",
        {{"fd.num", kNoFd}, {"fd.typechar", kNoFd}});
  check(call(EVENT_TYPE_SETUID, {.args = {33}}), "res=0 uid=33(www-data)",
        {{"evt.arg.uid", "www-data"}, {"evt.category", "user"}});
  check(call(EVENT_TYPE_BPF, {.ret = 4, .args = {5}, .fd = 4, .mode = 0600, .path = "bpf-prog"}),
        "fd=4(<b>bpf-prog) cmd=5(BPF_PROG_LOAD)", {{"fd.typechar", "b"}, {"fd.type", "bpf"}, {"fd.num", "4"}});
  check(call(EVENT_TYPE_USERFAULTFD, {.ret = 4, .args = {O_CLOEXEC | 1}, .fd = 4, .mode = 0600, .path = "[userfaultfd]"}),
        "res=4 flags=0x80001(O_CLOEXEC|UFFD_USER_MODE_ONLY)",
        {{"fd.typechar", "u"}, {"fd.type", "userfaultfd"}, {"fd.name", "[userfaultfd]"}, {"evt.count.error.memory", "0"}});
  check(call(EVENT_TYPE_INIT_MODULE, {.ret = -EPERM,
                                      .args = {0x7f00, 4096},
                                      .text = "debug=1",
                                      .data = "\x7f"
                                              "ELF"}),
        "res=-1(EPERM) img=.ELF length=4096 uargs=debug=1", {{"fd.num", kNoFd}, {"evt.buffer", kAbsent}});
  check(call(EVENT_TYPE_FINIT_MODULE, {.args = {3, 0x7f00, 3}, .fd = 3, .mode = S_IFREG, .path = "/lib/x.ko", .text = "a=b"}),
        "res=0 fd=3(<f>/lib/x.ko) uargs=a=b flags=0x3(MODULE_INIT_IGNORE_MODVERSIONS|MODULE_INIT_IGNORE_VERMAGIC)",
        {{"fd.name", "/lib/x.ko"}});
  event_sock fresh{};
  fresh.family = AF_INET;
  fresh.protocol = IPPROTO_TCP;
  fresh.socket_type = SOCK_STREAM;
  check(call(EVENT_TYPE_SOCKET, {.ret = 3, .args = {AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0}, .fd = 3, .sock = fresh}),
        "fd=3(<4t>) domain=2(AF_INET) type=1 proto=0 flags=0x80000(SOCK_CLOEXEC)",
        {{"fd.typechar", "4"},
         {"fd.type", "ipv4"},
         {"fd.name", ""},
         {"fd.lip", kAbsent},
         {"fd.lport", kAbsent},
         {"fd.sip", kAbsent},
         {"fd.connected", "false"},
         {"fd.l4proto", "tcp"},
         {"evt.category", "net"}});
  check(call(EVENT_TYPE_PTRACE, {.args = {16, 7, 0, 0}}), "res=0 addr=0x0 data=0x0 request=16(PTRACE_ATTACH) pid=7(cat)",
        {{"fd.num", kNoFd}});
  EXPECT_EQ(seen_.size(), 41U);
}

TEST_F(Events, DescriptorsOfCallsThatFailed) {
  const auto expect = [&](const Event& event, const char* number, const char* letter, const char* fd_name) {
    EXPECT_EQ(get(world_, event, "fd.num"), number) << name(event.type);
    EXPECT_EQ(get(world_, event, "fd.typechar"), letter) << name(event.type);
    EXPECT_EQ(get(world_, event, "fd.name"), fd_name) << name(event.type);
    EXPECT_EQ(get(world_, event, "fd.type"), kAbsent) << name(event.type);
    EXPECT_EQ(get(world_, event, "fd.connected"), kAbsent) << name(event.type);
    EXPECT_EQ(get(world_, event, "fd.ino"), kAbsent) << name(event.type);
  };
  expect(open(EVENT_TYPE_OPENAT, -ENOENT, "", "x", O_RDONLY, "/w"), "-1", "f", "/w/x");
  expect(open(EVENT_TYPE_CREAT, -EACCES, "", "/x"), "-1", "f", "/x");
  expect(call(EVENT_TYPE_SOCKET, {.ret = -EPERM, .args = {AF_PACKET, SOCK_RAW, 0}}), "-1", "4", "");
  expect(socket(EVENT_TYPE_ACCEPT4, {.ret = -EAGAIN, .fd = -EAGAIN}), "-1", "4", "");
  expect(call(EVENT_TYPE_BPF, {.ret = -EPERM, .args = {5}}), "-1", "o", "");
  expect(call(EVENT_TYPE_USERFAULTFD, {.ret = -EPERM}), "-1", "o", "");
  expect(call(EVENT_TYPE_DUP, {.ret = -EBADF, .args = {99}}), "-1", "o", "");
  expect(socket(EVENT_TYPE_SENDTO, {.ret = -EBADF, .fd = 99}), "99", "o", "");
  expect(call(EVENT_TYPE_CLOSE, {.args = {9}, .fd = 9}), "9", "o", "");
  // No descriptor comes of it, whatever the number.
  const Event lookup = call(EVENT_TYPE_BPF, {.ret = 0, .args = {1}, .fd = 0, .mode = S_IFREG, .path = "/dev/null"});
  EXPECT_EQ(get(world_, lookup, "fd.num"), kAbsent);
  EXPECT_EQ(get(world_, lookup, "evt.args"), "fd=0 cmd=1(BPF_MAP_LOOKUP_ELEM)");
  EXPECT_EQ(get(world_, socket(EVENT_TYPE_ACCEPT, {.ret = -EAGAIN, .fd = -1}), "evt.args"),
            "fd=-11(EAGAIN) tuple=NULL queuepct=0 queuelen=0 queuemax=0");
  EXPECT_EQ(get(world_, call(EVENT_TYPE_SETUID, {.args = {0xffffffff}}), "evt.args"), "res=0 uid=-1(<NONE>)");
  EXPECT_EQ(get(world_, call(EVENT_TYPE_SETUID, {.args = {4711}}), "evt.arg.uid"), "<NA>");
  EXPECT_EQ(get(world_, call(EVENT_TYPE_SETUID, {.args = {0}}), "evt.arg.uid"), "root");
  test::FakeNames names;
  names.users = {{33, "nginx"}};
  Container container;
  container.names = &names;
  Event inside = call(EVENT_TYPE_SETUID, {.args = {33}});
  inside.container = &container;
  EXPECT_EQ(get(world_, inside, "evt.arg.uid"), "nginx") << "as the container calls it";
  EXPECT_EQ(get(world_, call(EVENT_TYPE_BPF, {.args = {999}}), "evt.arg.cmd"), "999");
  EXPECT_EQ(get(world_, call(EVENT_TYPE_UNSHARE, {.args = {1}}), "evt.arg.flags"), "0x1");
  EXPECT_EQ(get(world_, call(EVENT_TYPE_DUP, {.ret = -EBADF, .args = {0xffffffff}}), "evt.arg.oldfd"), "EPERM") << "an int";
}

TEST_F(Events, OfAGenericCallOnlyItsTypeIsTold) {
  const EventType mount = *find_event_type("mount");
  const Event event = call(static_cast<std::uint16_t>(index(mount)), {.ret = -EPERM, .args = {1, 2}});
  EXPECT_EQ(get(world_, event, "evt.type"), "mount");
  for (const char* field : {"evt.res", "evt.rawres", "evt.failed", "fd.num", "fd.name", "fd.typechar", "evt.arg.res",
                            "evt.rawarg.dir", "evt.count.error"})
    EXPECT_EQ(get(world_, event, field), kAbsent) << field;
  EXPECT_EQ(get(world_, event, "evt.args"), "");
}

TEST_F(Events, RecordsThatDoNotTellTheirType) {
  const auto refused = [](auto record) { return !decode::decode(record.bytes(), WallClock()); };
  EXPECT_TRUE(refused(WireRecord<event_open>(EVENT_KIND_OPEN, EVENT_TYPE_CONNECT)));
  EXPECT_TRUE(refused(WireRecord<event_paths>(EVENT_KIND_PATHS, EVENT_TYPE_SETUID)));
  EXPECT_TRUE(refused(WireRecord<event_call>(EVENT_KIND_CALL, EVENT_TYPE_UNLINK)));
  EXPECT_TRUE(refused(WireRecord<event_call>(EVENT_KIND_CALL, EVENT_TYPE_NONE)));
  EXPECT_TRUE(refused(WireRecord<event_socket>(EVENT_KIND_SOCKET, EVENT_TYPE_NONE)));
  EXPECT_TRUE(refused(WireRecord<event_process>(EVENT_KIND_FORK, EVENT_TYPE_EXECVE)));
  EXPECT_TRUE(refused(WireRecord<event_process>(EVENT_KIND_EXEC, EVENT_TYPE_NONE)));
  EXPECT_TRUE(refused(WireRecord<event_cgroup>(EVENT_KIND_CGROUP, EVENT_TYPE_CLOSE)));
  EXPECT_FALSE(refused(WireRecord<event_cgroup>(EVENT_KIND_CGROUP, EVENT_TYPE_NONE)));
  EXPECT_FALSE(refused(WireRecord<event_call>(EVENT_KIND_CALL, EVENT_TYPE_CLOSE)));
  EXPECT_FALSE(refused(WireRecord<event_paths>(EVENT_KIND_PATHS, EVENT_TYPE_EXECVE)));
}

TEST_F(Events, EveryTypeOfDescriptor) {
  struct Case {
    const char* path;
    std::uint32_t mode;
    const char* letter;
    const char* type;
    std::uint32_t flags = 0;
  };
  for (const Case& c : std::initializer_list<Case>{{"/etc/x", S_IFREG, "f", "file"},
                                                   {"/dev/null", S_IFCHR, "f", "file"},
                                                   {"/run/fifo", S_IFIFO, "f", "file"},
                                                   {"/etc", S_IFDIR, "d", "directory"},
                                                   {"pipe:[8]", S_IFIFO, "p", "pipe"},
                                                   {"memfd:x", S_IFREG, "m", "memfd", EVENT_FILE_MEMFD},
                                                   {"[eventfd]", 0600, "e", "event"},
                                                   {"[eventpoll]", 0600, "l", "eventpoll"},
                                                   {"inotify", 0600, "i", "inotify"},
                                                   {"[signalfd]", 0600, "s", "signalfd"},
                                                   {"[timerfd]", 0600, "t", "timerfd"},
                                                   {"anon_inode:[timerfd]", 0600, "t", "timerfd"},
                                                   {"[userfaultfd]", 0600, "u", "userfaultfd"},
                                                   {"[io_uring]", 0600, "r", "io_uring"},
                                                   {"[pidfd]", 0600, "P", "pidfd"},
                                                   {"pidfd:[7]", S_IFREG, "P", "pidfd"},
                                                   {"bpf-map", 0600, "b", "bpf"},
                                                   {"bpf-prog", 0600, "b", "bpf"},
                                                   {"bpf_link", 0600, "b", "bpf"},
                                                   {"btf", 0600, "b", "bpf"},
                                                   {"mnt:[5]", S_IFREG, "f", "file"},
                                                   {"[perf_event]", 0600, "o", "<NA>"},
                                                   {"[eventfdx]", 0600, "o", "<NA>"}}) {
    const Event event =
        call(EVENT_TYPE_DUP, {.ret = 4, .args = {3}, .fd = 4, .mode = c.mode, .path = c.path, .file_flags = c.flags});
    EXPECT_EQ(get(world_, event, "fd.typechar"), c.letter) << c.path;
    EXPECT_EQ(get(world_, event, "fd.type"), c.type) << c.path;
    EXPECT_EQ(get(world_, event, "fd.name"), c.path);
    EXPECT_EQ(get(world_, event, "fd.sip"), kAbsent);
    EXPECT_EQ(get(world_, event, "fd.sockfamily"), kAbsent);
    EXPECT_EQ(get(world_, event, "fd.connected"), "false");
  }
  struct Family {
    std::uint16_t family;
    const char* letter;
    const char* type;
    const char* sockfamily;
  };
  for (const Family& f :
       {Family{AF_INET, "4", "ipv4", "ip"}, Family{AF_INET6, "6", "ipv6", "ip"}, Family{AF_UNIX, "u", "unix", "unix"},
        Family{AF_NETLINK, "n", "netlink", kAbsent}, Family{AF_PACKET, "o", "<NA>", kAbsent}}) {
    event_sock sock{};
    sock.family = f.family;
    const Event event = call(EVENT_TYPE_SOCKET, {.ret = 4, .args = {f.family, SOCK_DGRAM, 0}, .fd = 4, .sock = sock});
    EXPECT_EQ(get(world_, event, "fd.typechar"), f.letter);
    EXPECT_EQ(get(world_, event, "fd.type"), f.type);
    EXPECT_EQ(get(world_, event, "fd.sockfamily"), f.sockfamily);
    EXPECT_EQ(get(world_, event, "fd.l4proto"), "<NA>");
    sock.socket_type = SOCK_RAW;
    const Event raw = call(EVENT_TYPE_SOCKET, {.ret = 4, .args = {f.family, SOCK_RAW, 0}, .fd = 4, .sock = sock});
    const bool ip = f.family == AF_INET || f.family == AF_INET6 || f.family == AF_UNIX;
    EXPECT_EQ(get(world_, raw, "fd.l4proto"), ip ? "raw" : "<NA>") << "netlink's are raw by habit";
  }
}

TEST_F(Events, WhoIsTheServer) {
  struct Case {
    const char* what;
    std::uint16_t type;
    event_sock sock;
    const char* name;
    const char* cip;
    const char* sip;
    const char* lip;
    const char* rip;
    const char* server;
  };
  const event_sock unbound6 = ends("::", 0, "::ffff:1.2.3.4", 443, SOCKET_ROLE_CLIENT);
  for (const Case& c : std::initializer_list<Case>{
           {"a client sends", EVENT_TYPE_SENDTO, ends("10.0.0.5", 9, "1.2.3.4", 80, SOCKET_ROLE_CLIENT), "10.0.0.5:9->1.2.3.4:80",
            "10.0.0.5", "1.2.3.4", "10.0.0.5", "1.2.3.4", "false"},
           {"a server sends", EVENT_TYPE_SENDTO, ends("10.0.0.5", 80, "1.2.3.4", 9, SOCKET_ROLE_SERVER), "1.2.3.4:9->10.0.0.5:80",
            "1.2.3.4", "10.0.0.5", "10.0.0.5", "1.2.3.4", "true"},
           {"a server receives", EVENT_TYPE_RECVMSG, ends("10.0.0.5", 80, "1.2.3.4", 9, SOCKET_ROLE_SERVER),
            "1.2.3.4:9->10.0.0.5:80", "1.2.3.4", "10.0.0.5", "10.0.0.5", "1.2.3.4", "true"},
           {"a client receives", EVENT_TYPE_RECVMSG, ends("10.0.0.5", 9, "1.2.3.4", 80, SOCKET_ROLE_CLIENT),
            "10.0.0.5:9->1.2.3.4:80", "10.0.0.5", "1.2.3.4", "10.0.0.5", "1.2.3.4", "false"},
           {"nobody connected, sends", EVENT_TYPE_SENDMSG, ends("10.0.0.5", 9, "1.2.3.4", 53, SOCKET_ROLE_UNKNOWN, IPPROTO_UDP),
            "10.0.0.5:9->1.2.3.4:53", kAbsent, kAbsent, "10.0.0.5", "1.2.3.4", "false"},
           {"listens", EVENT_TYPE_LISTEN, ends("0.0.0.0", 80, "", 0, SOCKET_ROLE_UNKNOWN), "0.0.0.0:80", kAbsent, "0.0.0.0",
            "0.0.0.0", kAbsent, "true"},
           {"IPv4 through IPv6", EVENT_TYPE_CONNECT, unbound6, "0.0.0.0:0->1.2.3.4:443", kAbsent, "1.2.3.4", kAbsent, "1.2.3.4",
            "false"},
           {"bound and alone", EVENT_TYPE_RECVFROM, ends("10.0.0.5", 67, "", 0, SOCKET_ROLE_UNKNOWN, IPPROTO_UDP), "10.0.0.5:67",
            kAbsent, kAbsent, "10.0.0.5", kAbsent, "false"},
       }) {
    const Event event = socket(c.type, {.sock = c.sock});
    EXPECT_EQ(get(world_, event, "fd.name"), c.name) << c.what;
    EXPECT_EQ(get(world_, event, "fd.cip"), c.cip) << c.what;
    EXPECT_EQ(get(world_, event, "fd.sip"), c.sip) << c.what;
    EXPECT_EQ(get(world_, event, "fd.lip"), c.lip) << c.what;
    EXPECT_EQ(get(world_, event, "fd.rip"), c.rip) << c.what;
    EXPECT_EQ(get(world_, event, "fd.is_server"), c.server) << c.what;
  }
}

TEST_F(Events, ConnectedAndRenamed) {
  event_sock peer = ends("10.0.0.5", 9, "1.2.3.4", 53, SOCKET_ROLE_CLIENT, IPPROTO_UDP);
  const auto expect = [&](const Event& event, const char* connected, const char* renamed) {
    EXPECT_EQ(get(world_, event, "fd.connected"), connected);
    EXPECT_EQ(get(world_, event, "fd.name_changed"), renamed);
  };
  expect(socket(EVENT_TYPE_SENDTO, {.ret = 1, .sock = peer}), "true", "false");
  peer.role = SOCKET_ROLE_UNKNOWN;
  expect(socket(EVENT_TYPE_SENDTO, {.ret = 1, .sock = peer}), "false", "true");
  expect(socket(EVENT_TYPE_SENDTO, {.ret = -EPERM, .sock = peer}), "false", "false");
  expect(socket(EVENT_TYPE_CONNECT, {.ret = -EINPROGRESS, .sock = peer}), "false", "true");
  expect(socket(EVENT_TYPE_CONNECT, {.ret = -ECONNREFUSED, .sock = peer}), "false", "false");
  expect(socket(EVENT_TYPE_BIND, {.sock = ends("10.0.0.5", 9, "", 0, SOCKET_ROLE_UNKNOWN)}), "false", "true");
  event_sock log{};
  log.family = AF_UNIX;
  log.socket_type = SOCK_DGRAM;
  const Event event = socket(EVENT_TYPE_SENDTO, {.ret = 3, .sock = log, .data = "<1>", .path = "/run/systemd/journal/dev-log"});
  EXPECT_EQ(get(world_, event, "evt.is_syslog"), "true");
  EXPECT_EQ(get(world_, event, "evt.category"), "ipc");
  EXPECT_EQ(get(world_, event, "evt.buflen.net"), kAbsent);
  EXPECT_EQ(get(world_, event, "evt.args"),
            "res=3 data=<1> fd=5(<u>/run/systemd/journal/dev-log) size=0 tuple=/run/systemd/journal/dev-log");
}

}  // namespace
}  // namespace shrike::event
