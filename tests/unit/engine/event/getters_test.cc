// SPDX-License-Identifier: Apache-2.0
// What fields give for made-up events.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>

#include "engine/event/field.h"
#include "tests/support/count_new.h"
#include "tests/support/world.h"

namespace shrike::event {
namespace {

using test::World;

constexpr const char* kAbsent = "(absent)";

FieldUse use_of(const std::string& text) {
  const std::size_t bracket = text.find('[');
  auto use = bracket == std::string::npos
                 ? resolve_field(text, std::nullopt)
                 : resolve_field(text.substr(0, bracket), text.substr(bracket + 1, text.size() - bracket - 2));
  EXPECT_TRUE(use) << text << ": " << use.error().message;
  return use ? *use : FieldUse{&fields()[0], {}};
}

std::string shown(const World& world, const Event& event, const std::string& field) {
  Arena arena;
  const FieldUse use = use_of(field);
  const Value value = extract(use, event, world.context, arena);
  return value.absent() ? kAbsent : field_text(use, value);
}

struct Row {
  const char* field;
  const char* want;
};
void check(const World& world, const Event& event, std::initializer_list<Row> rows) {
  for (const Row& row : rows) EXPECT_EQ(shown(world, event, row.field), row.want) << row.field;
}

class Getters : public testing::Test {
 protected:
  static constexpr const char* kDocker =
      "/system.slice/docker-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope";

  Getters() {
    setenv("TZ", "UTC", 1);
    tzset();
    systemd_ = &world_.process(1, "systemd", {"/sbin/init", "splash"}, nullptr, "/usr/lib/systemd/systemd");
    bash_ = &world_.process(40, "bash", {"-bash"}, systemd_, "/usr/bin/bash");
    FileIdentity file;
    file.ino = 9;
    file.ctime_ns = 60'000'000'000;
    cat_ = &world_.process(50, "cat", {"cat", "-n", "x y"}, bash_, "/usr/bin/cat", "/home/bob", file);
    for (Process* process : {bash_, cat_}) {
      process->sid = 40;
      process->pgid = 40;
      process->parent_start_ns = process->parent->start_ns;
      process->vpid = process->pid - 30;
    }
  }

  World world_;
  Process* systemd_ = nullptr;
  Process* bash_ = nullptr;
  Process* cat_ = nullptr;
};

TEST_F(Getters, Times) {
  Event event = world_.exec(*cat_);
  world_.context.begin(event.time_ns - 3'000'000'005);
  world_.context.begin(event.time_ns - 1'500'000'000);
  world_.context.begin(event.time_ns);
  check(world_, event,
        {{"evt.rawtime", "1700000000000000001"},
         {"evt.rawtime.s", "1700000000"},
         {"evt.rawtime.ns", "000000001"},
         {"evt.time", "22:13:20.000000001"},
         {"evt.time.s", "22:13:20"},
         {"evt.outputtime", "22:13:20.000000001"},
         {"evt.datetime", "2023-11-14 22:13:20.000000001"},
         {"evt.datetime.s", "2023-11-14 22:13:20"},
         {"evt.time.iso8601", "2023-11-14T22:13:20.000000001+0000"},
         {"evt.reltime", "3000000005"},
         {"evt.reltime.s", "3"},
         {"evt.reltime.ns", "000000005"},
         {"evt.deltatime", "1500000000"},
         {"evt.deltatime.s", "1"},
         {"evt.deltatime.ns", "500000000"},
         {"evt.around[1700000000000000001]", "0"},
         {"evt.around[1700000000001000001]", "1"},
         {"evt.around[1700000000000000002]", "1"},
         {"evt.around[1699999999990000001]", "10"},
         {"evt.latency", "0"},
         {"evt.latency.human", "0ns"},
         {"evt.wait_latency", "0"}});
  World fresh;
  fresh.context.begin(event.time_ns);
  check(fresh, event, {{"evt.reltime", "0"}, {"evt.deltatime", "0"}});
}

TEST_F(Getters, Processes) {
  Event event = world_.exec(*cat_);
  event.tid = 51;
  check(world_, event,
        {{"evt.category", "process"},
         {"evt.is_async", "false"},
         {"evt.count", "1"},
         {"evt.count.error", "0"},
         {"evt.count.error.file", kAbsent},
         {"evt.count.error.other", "0"},
         {"evt.count.exit", "1"},
         {"evt.is_io", "false"},
         {"evt.io_dir", kAbsent},
         {"evt.type.is.execve", "1"},
         {"evt.type.is.open", "0"},
         {"evt.asynctype", kAbsent},
         {"util.cnt", "1"},
         {"proc.cmdlenargs", "5"},
         {"proc.cmdnargs", "2"},
         {"proc.sid.exe", "-bash"},
         {"proc.sid.exepath", "/usr/bin/bash"},
         {"proc.is_sid_leader", "false"},
         {"proc.pgid.name", "bash"},
         {"proc.pgid.exe", "-bash"},
         {"proc.vpgid.exepath", "/usr/bin/bash"},
         {"proc.is_pgid_leader", "false"},
         {"proc.pvpid", "10"},
         {"proc.loginshellid", "40"},
         {"proc.ppid.duration", "10001000000"},
         {"proc.ppid.ts", "40000000000"},
         {"proc.duration", "1000000"},
         {"proc.aargs", "splash"},
         {"proc.aargs[0]", "-n x y"},
         {"proc.aargs[2]", "splash"},
         {"proc.aargs[3]", kAbsent},
         {"proc.aname[18446744073709551615]", kAbsent},
         {"proc.exe_ino.ctime_duration_proc_start", kAbsent},
         {"proc.exe_ino.ctime_duration_pidns_start", kAbsent},
         {"thread.vtid", kAbsent},
         {"thread.nametid", "cat51"},
         {"user.homedir", "<NA>"},
         {"proc.fdopencount", kAbsent},
         {"fd.uid", kAbsent},
         {"fs.path.name", kAbsent},
         {"fd.types", kAbsent},
         {"fd.types[0]", kAbsent}});
  event.tid = event.pid;
  cat_->pidns_init_start_ns = 20'000'000'000;
  check(world_, event, {{"thread.vtid", "20"}, {"proc.exe_ino.ctime_duration_pidns_start", "40000000000"}});
  bash_->pgid = 40, cat_->pgid = 50;
  check(world_, event, {{"proc.pgid.name", "cat"}, {"proc.is_pgid_leader", "true"}});
  cat_->pgid = 77;
  check(world_, event, {{"proc.pgid.name", ""}});
  event.process = nullptr;
  check(world_, event,
        {{"proc.aargs", kAbsent}, {"proc.pgid.name", ""}, {"proc.loginshellid", kAbsent}, {"thread.nametid", kAbsent}});
}

TEST_F(Getters, RawAndTextParametersOfExec) {
  Event event = world_.exec(*cat_);
  event.creds.uid = 33;
  event.creds.gid = 7;
  check(world_, event,
        {{"evt.arg.uid", "www-data"},
         {"evt.arg.gid", "<NA>"},
         {"evt.arg.loginuid", "<NONE>"},
         {"evt.rawarg.uid", "33"},
         {"evt.rawarg.res", "0"},
         {"evt.rawarg.pid", "50"},
         {"evt.rawarg.loginuid", "4294967295"},
         {"evt.rawarg.comm", "cat"},
         {"evt.rawarg.exe_ino", "9"},
         {"evt.rawarg.args", "-n.x y."},
         {"evt.arg.args", "-n.x y."},
         {"evt.rawarg.env", kAbsent},
         {"evt.rawarg.name", kAbsent},
         {"evt.arg.env", kAbsent},
         {"evt.arg[1]", "cat"},
         {"evt.arg[99]", kAbsent}});
  event.creds.uid = 0;
  check(world_, event, {{"evt.arg.uid", "root"}});
  // Bytes, of which text shows what can be printed (rule-language.md 4.3).
  check(world_, world_.exec(world_.process(51, "echo", {"echo", "a\nb"})), {{"evt.arg.args", "a.b."}});
}

TEST_F(Getters, Opens) {
  Event event = world_.open(*cat_, "/etc/shadow", O_RDWR | O_CREAT | O_CLOEXEC, 3);
  auto& open = std::get<Open>(event.payload);
  open.file.dev = 0x800001;
  open.mode = 0640;
  open.name = "../etc/shadow";
  check(world_, event,
        {{"evt.category", "file"},
         {"evt.count.error.file", "0"},
         {"evt.count.error.other", kAbsent},
         {"evt.is_open_create", "false"},
         {"evt.abspath", "/etc/shadow"},
         {"fs.path.name", "/etc/shadow"},
         {"fs.path.nameraw", "../etc/shadow"},
         {"fs.path.source", kAbsent},
         {"fd.uid", "503"},
         {"fd.dev", "800001"},
         {"fd.dev.major", "8"},
         {"fd.containername", "host:/etc/shadow"},
         {"fd.containerdirectory", "host:/etc"},
         {"evt.rawarg.fd", "3"},
         {"evt.rawarg.mode", "416"},
         {"evt.rawarg.name", "../etc/shadow"},
         {"evt.arg.name", "/etc/shadow"},
         {"evt.arg.mode", "0640"},
         {"evt.arg.flags", "O_CREAT|O_RDWR|O_CLOEXEC"},
         {"evt.arg.fd", "<f>/etc/shadow"}});
  open.flags |= O_TMPFILE;
  check(world_, event, {{"evt.is_open_create", "true"}});
  Event failed = world_.open(*cat_, "x/../shadow", 0, -ENOENT);
  std::get<Open>(failed.payload).base = "/etc//ssh/..";
  check(world_, failed,
        {{"fs.path.name", kAbsent},
         {"evt.abspath", "/etc/shadow"},
         {"evt.count.error.file", "1"},
         {"evt.arg.fd", "ENOENT"},
         {"evt.rawarg.fd", "-2"},
         {"fd.name", "/etc/shadow"},
         {"fd.uid", "50-1"}});
  std::get<Open>(failed.payload).base = "";
  check(world_, failed, {{"fd.name", "x/../shadow"}});
}

TEST_F(Getters, LinksAndSymlinks) {
  Event event = world_.exec(*cat_);
  event.type = EventType::kSymlinkat;
  Paths paths;
  paths.first = "../shadow";
  paths.second = "sub/link";
  paths.second_base = "/etc/x";
  event.payload = paths;
  check(world_, event,
        {{"fs.path.source", "/etc/x/sub/link"},
         {"fs.path.sourceraw", "sub/link"},
         {"fs.path.target", "/etc/x/shadow"},
         {"fs.path.targetraw", "../shadow"},
         {"evt.abspath", "/etc/x/sub/link"},
         {"evt.abspath.src", "/etc/x/sub/link"}});
  event.type = EventType::kLinkat;
  paths.first_base = "/a/b";
  event.payload = paths;
  check(world_, event,
        {{"fs.path.source", "/etc/x/sub/link"},
         {"fs.path.target", "/a/shadow"},
         {"evt.abspath", "/a/shadow"},
         {"evt.abspath.src", "/a/shadow"},
         {"evt.abspath.dst", "/etc/x/sub/link"}});
  paths.ret = -EPERM;
  event.payload = paths;
  check(world_, event, {{"fs.path.source", kAbsent}, {"fs.path.target", kAbsent}, {"evt.abspath", "/a/shadow"}});
  event.type = EventType::kLink;  // no directory fd
  check(world_, event, {{"evt.abspath", kAbsent}});
}

TEST_F(Getters, Sockets) {
  Event event = world_.connect(*cat_, "1.2.3.4", 443, -ECONNREFUSED);
  check(world_, event,
        {{"evt.category", "net"},
         {"evt.count.error.net", "1"},
         {"fd.sproto", "https"},
         {"fd.cproto", "41000"},
         {"fd.lproto", "41000"},
         {"fd.rproto", "https"},
         {"fd.proto", "41000 443"},
         {"fd.uid", "505"},
         {"fd.connected", "false"},
         {"fd.containername", "host:10.1.1.1:41000->1.2.3.4:443"},
         {"fd.containerdirectory", kAbsent},
         {"evt.arg.fd", "<4t>10.1.1.1:41000->1.2.3.4:443"},
         {"evt.rawarg.tuple", "10.1.1.1:41000->1.2.3.4:443"},
         {"evt.arg.addr", "1.2.3.4:443"},
         {"evt.rawarg.fd", "5"}});
  event.type = EventType::kSendto;
  check(world_, event,
        {{"evt.is_io", "true"},
         {"evt.is_io_write", "true"},
         {"evt.is_io_read", "false"},
         {"evt.io_dir", "write"},
         {"fd.connected", "false"},
         {"fd.name_changed", "false"},
         {"evt.is_syslog", "false"}});
  auto& connect = std::get<SocketCall>(event.payload).socket;
  connect = Socket();
  connect.family = AF_UNIX;
  connect.unix_path = "/dev/log";
  check(world_, event, {{"evt.is_syslog", "true"}, {"evt.category", "ipc"}, {"fd.sproto", kAbsent}, {"fd.name", "/dev/log"}});
  connect.unix_path = std::string_view("\0bus", 4);
  check(world_, event, {{"fd.name", "@bus"}});
}

TEST_F(Getters, OfAContainerOnlyTheIdIsKnown) {
  Event event = world_.exec(*cat_);
  cat_->pidns_init_start_ns = 20'000'000'000;
  check(world_, event,
        {{"container.id", "host"},
         {"container.full_id", ""},
         {"container.name", "host"},
         {"container.type", "host"},
         {"container.image.repository", ""},
         {"container.privileged", "false"},
         {"container.host_network", "false"},
         {"container.labels", ""},
         {"container.label[a]", kAbsent},
         {"container.mount.dest[0]", kAbsent},
         {"container.duration", kAbsent},
         {"k8s.pod.name", kAbsent},
         {"container.healthcheck", kAbsent}});
  event.cgroup = kDocker;
  check(world_, event,
        {{"container.id", "0123456789ab"},
         {"container.name", kAbsent},
         {"container.type", kAbsent},
         {"container.image.repository", kAbsent},
         {"container.privileged", kAbsent},
         {"container.labels", kAbsent},
         {"container.start_ts", "20000000000"},
         {"container.duration", "30001000000"},
         {"fd.containername", kAbsent}});
}

TEST_F(Getters, NoneAllocatesOrFallsOver) {
  std::vector<Event> events = {world_.exec(*cat_), world_.open(*cat_, "/etc/a/long/enough/path", O_RDWR | O_CREAT | O_TRUNC),
                               world_.open(*cat_, "some/relative/path/that/is/long", 0, -2),
                               world_.connect(*cat_, "2001:db8:1111:2222:3333:4444:5555:6666", 443)};
  events.push_back(events[0]);
  events.back().process = nullptr;
  events.back().creds.cap_effective = ~std::uint64_t{0};
  Paths linked, failed;
  linked.flags = 0x1400;
  linked.first = "a";
  linked.second = failed.first = "/some/longer/path/name";
  failed.ret = -ENOENT;
  Call attach;
  attach.args[0] = 16;
  attach.args[1] = 40;
  for (const auto& [type, payload] : std::initializer_list<std::pair<EventType, Payload>>{{EventType::kLinkat, linked},
                                                                                          {EventType::kExecve, failed},
                                                                                          {EventType::kPtrace, attach},
                                                                                          {EventType::kNone, std::monostate{}}}) {
    events.push_back(world_.exec(*cat_));
    events.back().type = type;
    events.back().payload = payload;
  }
  std::vector<FieldUse> uses;
  for (const Field& field : fields()) {
    switch (field.argument) {
      case ArgumentKind::kNone:
      case ArgumentKind::kOptionalSuffix:
        uses.push_back(use_of(std::string(field.name)));
        break;
      case ArgumentKind::kOptionalIndex:
      case ArgumentKind::kOptionalKey:
        uses.push_back(use_of(std::string(field.name)));
        [[fallthrough]];
      case ArgumentKind::kRequiredIndex:
      case ArgumentKind::kRequiredKey:
        uses.push_back(use_of(std::string(field.name) + "[1]"));
        break;
      case ArgumentKind::kEventType:
        uses.push_back(use_of(std::string(field.name) + ".open"));
        break;
      case ArgumentKind::kSuffix:
        uses.push_back(use_of(std::string(field.name) + ".cpu"));
        break;
      case ArgumentKind::kParameter:
      case ArgumentKind::kRawParameter:
        for (const EventTypeInfo& type : event_types()) {
          for (const Param& param : type.params) uses.push_back(use_of(std::string(field.name) + '.' + std::string(param.name)));
        }
        break;
    }
  }
  const auto arena = std::make_unique<Arena>();
  for (const Event& event : events) {
    for (const FieldUse& use : uses) {
      arena->reset();
      const std::size_t before = allocations;
      (void)extract(use, event, world_.context, *arena);
      const std::size_t after = allocations;
      EXPECT_EQ(after, before) << use.text() << " of " << name(event.type);
    }
  }
}

}  // namespace
}  // namespace shrike::event
