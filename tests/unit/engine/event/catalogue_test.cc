// SPDX-License-Identifier: Apache-2.0
// The catalogue against rule-language.md 4.2, 4.4 and 4.5: one line per field, as there: name, type, flags. `arg?` may have an
// argument, `arg!` must. evt.abspath alone is legal, though the reference's table asks for an argument.
#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <sstream>
#include <string>

#include "engine/event/field.h"

namespace shrike::event {
namespace {

constexpr const char* kReference = R"(
container.id string
container.image.repository string
container.mount.dest string arg!
container.mounts string
container.privileged bool
container.start_ts time
evt.args string
evt.buffer buffer
evt.is_open_exec bool
evt.is_open_read bool
evt.is_open_write bool
evt.num uint64
evt.rawres int64
evt.res string
evt.type string
fd.cip ip
fd.cip.name string no-rhs no-transform
fd.cnet net cond-only no-rhs no-transform
fd.connected bool
fd.directory string
fd.filename string
fd.ip ip cond-only no-rhs no-transform
fd.l4proto string
fd.lip.name string no-rhs no-transform
fd.lport port
fd.name string
fd.name_changed bool
fd.nameraw string
fd.net net cond-only no-rhs no-transform
fd.num int64
fd.port port cond-only no-rhs no-transform
fd.rip ip
fd.rip.name string no-rhs no-transform
fd.rnet net cond-only no-rhs no-transform
fd.rport port
fd.sip ip
fd.sip.name string no-rhs no-transform
fd.snet net cond-only no-rhs no-transform
fd.sockfamily string
fd.sport port
fd.type string
fd.typechar string
group.gid uint32
group.name string
k8s.ns.name string
k8s.pod.name string
proc.aexe string arg? no-rhs no-transform
proc.aexepath string arg? no-rhs no-transform
proc.aname string arg? no-rhs no-transform
proc.args string arg?
proc.cmdline string
proc.cwd string
proc.duration duration
proc.env string arg?
proc.exe string
proc.exe_ino.ctime time
proc.exe_ino.ctime_duration_proc_start time
proc.exe_ino.mtime time
proc.exepath string
proc.is_exe_from_memfd bool
proc.is_exe_upper_layer bool
proc.is_vpgid_leader bool
proc.name string
proc.pcmdline string
proc.pexe string
proc.pexepath string
proc.pname string
proc.sname string
proc.tty uint32
proc.vpid int64
thread.cap_effective string
thread.cap_permitted string
user.loginname string
user.loginuid int64
user.name string
user.uid uint32
evt.time string
evt.time.s string
evt.time.iso8601 string
evt.datetime string
evt.datetime.s string
evt.rawtime time
evt.rawtime.s time
evt.rawtime.ns time
evt.reltime duration
evt.reltime.s duration
evt.reltime.ns duration
evt.pluginname string
evt.plugininfo string
evt.source string
evt.is_async bool
evt.asynctype string
evt.hostname string
evt.latency duration deprecated
evt.latency.s duration deprecated
evt.latency.ns duration deprecated
evt.latency.quantized uint64 hidden deprecated
evt.latency.human string deprecated
evt.deltatime duration
evt.deltatime.s duration
evt.deltatime.ns duration
evt.outputtime string output-only
evt.dir string deprecated
evt.type.is uint32 arg!
syscall.type string
evt.category string
evt.cpu int16
evt.arg string arg!
evt.rawarg raw arg! no-rhs no-transform
evt.info string
evt.buflen uint64
evt.failed bool
evt.is_io bool
evt.is_io_read bool
evt.is_io_write bool
evt.io_dir string
evt.is_wait bool
evt.wait_latency duration deprecated
evt.is_syslog bool
evt.count uint32
evt.count.error uint32
evt.count.error.file uint32
evt.count.error.net uint32
evt.count.error.memory uint32
evt.count.error.other uint32
evt.count.exit uint32
evt.count.procinfo uint32 hidden
evt.count.threadinfo uint32 hidden
evt.around uint64 cond-only arg! no-rhs no-transform
evt.abspath string arg?
evt.buflen.in uint64 hidden
evt.buflen.out uint64 hidden
evt.buflen.file uint64 hidden
evt.buflen.file.in uint64 hidden
evt.buflen.file.out uint64 hidden
evt.buflen.net uint64 hidden
evt.buflen.net.in uint64 hidden
evt.buflen.net.out uint64 hidden
evt.infra.docker.name string hidden
evt.infra.docker.container.id string hidden
evt.infra.docker.container.name string hidden
evt.infra.docker.container.image string hidden
evt.is_open_create bool
proc.aargs string arg?
proc.acmdline string arg? no-rhs no-transform
proc.cmdnargs uint64
proc.cmdlenargs uint64
proc.exeline string
proc.aenv string arg? no-rhs no-transform
proc.loginshellid int64
proc.pid int64
proc.ppid int64
proc.apid int64 arg? no-rhs no-transform
proc.pvpid int64
proc.sid int64
proc.sid.exe string
proc.sid.exepath string
proc.vpgid int64
proc.vpgid.name string
proc.vpgid.exe string
proc.vpgid.exepath string
proc.pgid int64
proc.pgid.name string
proc.pgid.exe string
proc.pgid.exepath string
proc.ppid.duration duration
proc.pid.ts duration
proc.ppid.ts duration
proc.is_exe_writable bool
proc.is_exe_lower_layer bool
proc.is_sid_leader bool
proc.is_pgid_leader bool
proc.exe_ino int64
proc.exe_ino.ctime_duration_pidns_start time
proc.pidns_init_start_ts uint64
thread.cap_inheritable string
proc.fdopencount uint64
proc.fdlimit int64
proc.fdusage double
proc.vmsize uint64
proc.vmrss uint64
proc.vmswap uint64
thread.pfmajor uint64
thread.pfminor uint64
thread.tid int64
thread.ismain bool
thread.vtid int64
thread.nametid string hidden
thread.exectime duration
thread.totexectime duration
thread.cgroups string
thread.cgroup string arg!
proc.nthreads uint64
proc.nchilds uint64
thread.cpu double
thread.cpu.user double
thread.cpu.system double
thread.vmsize uint64
thread.vmrss uint64
thread.vmsize.b uint64 hidden
thread.vmrss.b uint64 hidden
proc.stdin.type string
proc.stdout.type string
proc.stderr.type string
proc.stdin.name string
proc.stdout.name string
proc.stderr.name string
user.homedir string
user.shell string
fd.lip ip
fd.cport port
fd.is_server bool
fd.uid string
fd.containername string
fd.containerdirectory string
fd.proto port cond-only no-rhs no-transform
fd.cproto string
fd.sproto string
fd.lproto string
fd.rproto string
fd.lnet net cond-only no-rhs no-transform
fd.dev int32
fd.dev.major int32
fd.dev.minor int32
fd.ino int64
fd.types string list arg? no-rhs
fd.is_upper_layer bool
fd.is_lower_layer bool
fs.path.name string
fs.path.nameraw string
fs.path.source string
fs.path.sourceraw string
fs.path.target string
fs.path.targetraw string
util.cnt uint64
fdlist.nums string
fdlist.names string
fdlist.cips string
fdlist.sips string
fdlist.cports string
fdlist.sports string
container.full_id string
container.name string
container.image string
container.image.id string
container.type string
container.mount string arg!
container.mount.source string arg!
container.mount.mode string arg!
container.mount.rdwr string arg!
container.mount.propagation string arg!
container.image.tag string
container.image.digest string
container.healthcheck string
container.liveness_probe string
container.readiness_probe string
container.duration duration
container.ip string
container.cni.json string
container.host_pid bool
container.host_network bool
container.host_ipc bool
container.label string arg!
container.labels string
proc.is_container_healthcheck bool
proc.is_container_liveness_probe bool
proc.is_container_readiness_probe bool
k8s.pod.id string
k8s.pod.uid string
k8s.pod.sandbox_id string
k8s.pod.full_sandbox_id string
k8s.pod.label string arg!
k8s.pod.labels string
k8s.pod.ip string
k8s.pod.cni.json string
k8s.rc.name string
k8s.rc.id string
k8s.rc.label string arg!
k8s.rc.labels string
k8s.svc.name string
k8s.svc.id string
k8s.svc.label string arg!
k8s.svc.labels string
k8s.rs.name string
k8s.rs.id string
k8s.rs.label string arg!
k8s.rs.labels string
k8s.deployment.name string
k8s.deployment.id string
k8s.deployment.label string arg!
k8s.deployment.labels string
k8s.ns.id string
k8s.ns.label string arg!
k8s.ns.labels string
)";

// Our own, and why the reference has none of them: it knows one name of an object, and cgroups by subsystem.
constexpr const char* kOurs = "cgroup.path string\nevt.is_io_uring bool\nfd.names string no-rhs no-transform\n";

std::string type_of(const Field& field) {
  switch (field.type) {
    case Type::kInt:
    case Type::kUint:
      return std::string(spelling(field.type)) + std::to_string(field.bits);
    case Type::kOpaque:
      return "raw";
    default:
      return std::string(spelling(field.type));
  }
}

std::string argument_of(const Field& field) {
  switch (field.argument) {
    case ArgumentKind::kNone:
      return "";
    case ArgumentKind::kOptionalIndex:
    case ArgumentKind::kOptionalKey:
    case ArgumentKind::kOptionalSuffix:
      return " arg?";
    case ArgumentKind::kRequiredIndex:
    case ArgumentKind::kRequiredKey:
    case ArgumentKind::kParameter:
    case ArgumentKind::kRawParameter:
    case ArgumentKind::kEventType:
    case ArgumentKind::kSuffix:
      return " arg!";
  }
  return "?";
}

// As the tables of the reference write it, flags in their order there.
std::string described(const Field& field) {
  std::string text = type_of(field);
  if (field.listing == Listing::kHidden) text += " hidden";
  if (field.listing == Listing::kOutputOnly) text += " output-only";
  if (field.has(kDeprecated)) text += " deprecated";
  if (field.has(kConditionOnly)) text += " cond-only";
  if (field.has(kList)) text += " list";
  text += argument_of(field);
  if (field.has(kNoRhs)) text += " no-rhs";
  if (field.has(kNoTransform)) text += " no-transform";
  return text;
}

TEST(Catalogue, IsTheReferences) {
  std::map<std::string, std::string> want, got;
  std::istringstream lines(std::string(kReference) + kOurs);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) continue;
    const std::size_t blank = line.find(' ');
    want[line.substr(0, blank)] = line.substr(blank + 1);
  }
  for (const Field& field : fields()) {
    EXPECT_TRUE(got.emplace(field.name, described(field)).second) << field.name << " stands twice";
  }
  EXPECT_EQ(want.size(), 297U);
  for (const auto& [name, text] : want) EXPECT_EQ(got[name], text) << name;
  for (const auto& [name, text] : got) EXPECT_TRUE(want.contains(name)) << name;
}

TEST(Catalogue, WhatSuppliesAValueHasAGetterAndNothingElse) {
  for (const Field& field : fields()) {
    EXPECT_EQ(field.get == nullptr, field.origin == Origin::kNotCaptured) << field.name;
    EXPECT_FALSE(field.meaning.empty()) << field.name;
  }
}

TEST(Catalogue, RangesOfNumbers) {
  const auto range = [](std::string_view name) {
    const Field& field = *std::ranges::find(fields(), name, &Field::name);
    return std::to_string(field.min()) + ".." + std::to_string(field.max());
  };
  EXPECT_EQ(range("evt.cpu"), "-32768..32767");
  EXPECT_EQ(range("fd.dev"), "-2147483648..2147483647");
  EXPECT_EQ(range("proc.pid"), "-9223372036854775808..9223372036854775807");
  EXPECT_EQ(range("user.uid"), "0..4294967295");
  EXPECT_EQ(range("evt.num"), "0..18446744073709551615");
  EXPECT_EQ(range("proc.duration"), "0..18446744073709551615");
  EXPECT_EQ(range("fd.sport"), "0..65535");
}

struct Resolved {
  const char* name;
  const char* argument;  // null: none
  const char* want;      // the use as text and its type, or what is wrong
};

TEST(ResolveField, FindsFieldsAndSaysWhatIsWrong) {
  static constexpr Resolved kRows[] = {
      {"proc.name", nullptr, "proc.name string"},
      {"proc.nam", nullptr, "unknown field"},
      {"proc.names", nullptr, "unknown field"},
      {"proc.name.exe", nullptr, "unknown field"},
      {"proc", nullptr, "unknown field"},
      {".proc.name", nullptr, "unknown field"},
      {"proc.name.", nullptr, "unknown field"},
      {"proc.name", "1", "takes no argument"},
      {"proc.aname", nullptr, "proc.aname string"},
      {"proc.aname", "2", "proc.aname[2] string"},
      {"proc.aname", "x", "takes a number as argument, not \"x\""},
      {"proc.aname", "", "takes a number"},
      {"proc.aname", "-1", "takes a number"},
      {"proc.aname", "1 ", "takes a number"},
      {"proc.aname", "99999999999999999999", "takes a number"},
      {"proc.aname.2", nullptr, "unknown field"},
      {"proc.env", "HOME", "proc.env[HOME] string"},
      {"proc.aenv", "2", "proc.aenv[2] string"},
      {"fd.types", nullptr, "fd.types string"},
      {"fd.types", "1", "fd.types[1] string"},
      {"fd.types", "a", "takes a number"},
      {"container.label", nullptr, "needs an argument in brackets"},
      {"container.label", "", "needs an argument in brackets"},
      {"container.label", "a.b/c", "container.label[a.b/c] string"},
      {"container.label.app", nullptr, "unknown field"},
      {"container.mount", "0", "container.mount[0] string"},
      {"container.mount.dest", "/proc*", "container.mount.dest[/proc*] string"},
      {"k8s.pod.label", "app", "k8s.pod.label[app] string"},
      {"k8s.ns.label", nullptr, "needs an argument"},
      {"evt.around", nullptr, "needs a number in brackets"},
      {"evt.around", "1700000000000000000", "evt.around[1700000000000000000] uint"},
      {"evt.around", "now", "takes a number"},
      {"evt.arg", nullptr, "needs a parameter"},
      {"evt.arg", "0", "evt.arg[0] string"},
      {"evt.arg", "name", "takes a number"},
      {"evt.arg.name", nullptr, "evt.arg.name string"},
      {"evt.arg.name", "0", "takes no argument in brackets"},
      {"evt.arg.nosuch", nullptr, "unknown event argument \"nosuch\""},
      {"evt.arg.", nullptr, "unknown event argument"},
      {"evt.arg.name.x", nullptr, "unknown event argument"},
      {"evt.args.name", nullptr, "unknown field"},
      {"evt.rawarg", nullptr, "needs a parameter"},
      {"evt.rawarg", "0", "takes no argument in brackets"},
      {"evt.rawarg.nosuch", nullptr, "unknown event argument"},
      {"evt.rawarg.fd", nullptr, "evt.rawarg.fd int"},
      {"evt.rawarg.res", nullptr, "evt.rawarg.res int"},
      {"evt.rawarg.flags", nullptr, "evt.rawarg.flags uint32"},
      {"evt.rawarg.queuepct", nullptr, "evt.rawarg.queuepct uint8"},
      {"evt.rawarg.creat_flags", nullptr, "evt.rawarg.creat_flags uint16"},
      {"evt.rawarg.backlog", nullptr, "evt.rawarg.backlog int32"},
      {"evt.rawarg.name", nullptr, "evt.rawarg.name string"},
      {"evt.rawarg.data", nullptr, "evt.rawarg.data buffer"},
      {"evt.rawarg.exe_ino_ctime", nullptr, "evt.rawarg.exe_ino_ctime time"},
      {"evt.rawarg.uid", nullptr, "evt.rawarg.uid uint32"},
      {"evt.rawarg.loginuid", nullptr, "evt.rawarg.loginuid raw value"},
      {"evt.rawarg.tuple", nullptr, "evt.rawarg.tuple raw value"},
      {"evt.rawarg.addr", nullptr, "evt.rawarg.addr raw value"},
      {"evt.type.is", nullptr, "needs an event type"},
      {"evt.type.is.open", nullptr, "evt.type.is.open uint32"},
      {"evt.type.is.opne", nullptr, "unknown event type \"opne\""},
      {"evt.type.is", "open", "takes no argument in brackets"},
      {"evt.abspath", nullptr, "evt.abspath string"},
      {"evt.abspath.src", nullptr, "evt.abspath.src string"},
      {"evt.abspath.dst", nullptr, "evt.abspath.dst string"},
      {"evt.abspath.mid", nullptr, "unknown field"},
      {"evt.abspath", "src", "takes no argument in brackets"},
      {"thread.cgroup", nullptr, "needs a subsystem"},
      {"thread.cgroup.cpuset", nullptr, "thread.cgroup.cpuset string"},
      {"thread.cgroup.", nullptr, "unknown field"},
      {"thread.cgroup", "cpu", "takes no argument in brackets"},
      {"evt.latency.x", nullptr, "unknown field"},
  };
  for (const Resolved& row : kRows) {
    const auto use = resolve_field(row.name, row.argument == nullptr ? std::nullopt : std::optional<std::string>(row.argument));
    std::string got;
    if (use) {
      got = use->text() + ' ' + std::string(spelling(use->field->type));
      if (use->field->bits != 64) got += std::to_string(use->field->bits);
      EXPECT_EQ(got, row.want) << row.name;
    } else {
      EXPECT_NE(use.error().message.find(row.want), std::string::npos) << row.name << ": " << use.error().message;
    }
  }
}

TEST(ResolveField, OnlyUnknownNamesAreForgiven) {  // by skip-if-unknown-filter
  EXPECT_EQ(resolve_field("proc.nam", std::nullopt).error().code, Code::kNotFound);
  EXPECT_EQ(resolve_field("evt.type.is.opne", std::nullopt).error().code, Code::kNotFound);
  EXPECT_EQ(resolve_field("evt.arg.nosuch", std::nullopt).error().code, Code::kInvalid);
  EXPECT_EQ(resolve_field("proc.name", "1").error().code, Code::kInvalid);
}

}  // namespace
}  // namespace shrike::event
