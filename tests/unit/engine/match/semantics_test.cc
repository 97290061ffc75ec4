// SPDX-License-Identifier: Apache-2.0
// What conditions mean on events: the evaluation rows of rule-language.md 7.2 that this version's fields can show, and then some.
#include <fcntl.h>
#include <gtest/gtest.h>

#include "engine/match/matcher.h"
#include "engine/event/container.h"
#include "tests/support/world.h"

namespace shrike::match {
namespace {

using test::World;

struct Row {
  const char* name;
  const char* condition;
  bool want;
};

bool fires(const event::Event& event, const World& world, const std::string& condition) {
  const program::Program program = test::compile_text(test::one_rule(condition));
  if (program.rules.size() != 1) return false;
  Matcher matcher(program, world.context);
  return !matcher.match(event, Matching::kAll).empty();
}

void check(const std::vector<Row>& rows, const event::Event& event, const World& world) {
  for (const Row& row : rows) EXPECT_EQ(fires(event, world, row.condition), row.want) << row.name << ": " << row.condition;
}

TEST(Semantics, AbsentFields) {
  World world;
  check(
      {
          {"59", "fd.name != /a", false},
          {"60", "not fd.name = /a", true},
          {"61", "not fd.name in (/a, /b)", true},
          {"62", "not fd.name exists", true},
          {"66 parent unknown", "proc.pname != \"<NA>\"", false},
          {"no ancestors", "proc.aname = sshd", false},
          {"94 no such parameter", "evt.arg.path startswith /bin", false},
          {"rhs absent", "proc.name = val(proc.pname)", false},
      },
      world.exec(world.process(7, "sh", {"sh", "-c", "id"})), world);
}

TEST(Semantics, Ancestors) {
  World world;
  check(
      {
          {"67", "proc.aname = sshd", true},
          {"68", "proc.aname != sshd", true},
          {"index 0 is the process", "proc.aname[0] = bash", true},
          {"index 1 is the parent", "proc.aname[1] = sshd and proc.pname = sshd", true},
          {"index 2", "proc.aname[2] = systemd", true},
          {"beyond the chain", "proc.aname[3] exists", false},
          {"in", "proc.aname in (x, systemd)", true},
          {"none of them", "not proc.aname in (x, y)", true},
          {"exe path", "proc.aexepath[2] = /usr/bin/systemd", true},
      },
      world.exec(world.family({"bash", "sshd", "systemd"})), world);
  check({{"69 self excluded", "proc.aname = sshd", false}}, world.exec(world.family({"sshd", "systemd"})), world);
}

TEST(Semantics, TextOperators) {
  World world;
  const event::Event open = world.open(world.process(7, "BASH", {"BASH"}), "/etc/ssh/a");
  check(
      {
          {"64", "fd.name contains \"\"", true},
          {"71", "proc.name != anyof (sh, ksh)", true},
          {"72", "proc.name != allof (BASH, ksh)", false},
          {"73", "proc.name = oneof (BASH, BASH)", false},
          {"74", "fd.name startswith oneof (/etc, /etc/ssh)", false},
          {"75", "fd.name glob /etc/*", true},
          {"76", "fd.name pmatch (/etc)", true},
          {"77", "fd.name pmatch (/et)", false},
          {"78", "fd.name startswith /et", true},
          {"79", "fd.name pmatch (/etc/*/a)", true},
          {"80", "fd.name pmatch (/*/a)", false},
          {"81", "fd.name pmatch (/)", true},
          {"pmatch nothing", "fd.name pmatch ()", false},
          {"82", "proc.name regex ASH", false},
          {"83", "proc.name regex .*ASH", true},
          {"regex longest", "fd.name regex \"(/etc|/etc/ssh)/a\"", true},
          {"84", "proc.name icontains bas", true},
          {"85", "proc.name = bash", false},
          {"empty in", "proc.name in ()", false},
          {"empty allof", "proc.name = allof ()", false},
          {"endswith", "fd.name endswith ssh/a", true},
          {"iglob", "proc.name iglob b?sh", true},
          {"glob set", "fd.name glob /etc/ss[a-h]/a", true},
          {"quoted", "fd.name = '/etc/ssh/a'", true},
          {"equal with blanks optional", "fd.name=/etc/ssh/a", true},
      },
      open, world);
}

TEST(Semantics, Addresses) {
  World world;
  const event::Process& curl = world.process(7, "curl", {"curl"});
  check(
      {
          {"86", "fd.ip = 8.8.8.8", true},
          {"87", "fd.ip != 8.8.8.8", false},
          {"neither end", "fd.ip != 9.9.9.9", true},
          {"88", "fd.net != \"10.0.0.0/8\"", false},
          {"net of one end", "fd.net = \"10.0.0.0/8\"", true},
          {"snet", "fd.snet in (\"10.0.0.0/8\", \"8.8.8.0/24\")", true},
          {"host bits are masked", "fd.snet = \"8.8.8.77/24\"", true},
          {"cip", "fd.cip = 10.1.1.1", true},
          {"port", "fd.sport = 443 and fd.rport in (443) and fd.lport = 41000", true},
          {"service", "fd.sport = https", true},
          {"either port", "fd.port = 41000", true},
          {"proto", "fd.l4proto = tcp", true},
          {"name", "fd.name = \"10.1.1.1:41000->8.8.8.8:443\"", true},
          {"typechar", "fd.typechar = 4 and fd.type = ipv4", true},
      },
      world.connect(curl, "8.8.8.8", 443), world);
  check({{"90 other family differs", "fd.sip != 8.8.8.8", true}, {"91", "fd.snet in (\"10.0.0.0/8\")", false}},
        world.connect(curl, "2001:db8::1", 443), world);
  check({{"89", "fd.ip != 8.8.8.8", false}}, world.open(curl, "/x"), world);
}

TEST(Semantics, Numbers) {
  World world;
  event::Process& sh = world.process(7, "sh", {"sh", "-c", "id"});
  event::Event exec = world.exec(sh);
  exec.creds.loginuid = 0xffffffff;
  check(
      {
          {"unset login uid is -1", "user.loginuid = -1", true},
          {"below zero", "user.loginuid < 0", true},
          {"uid", "user.uid = 0 and user.name = root", true},
          {"100", "proc.args[5] = \"\"", true},
          {"first argument", "proc.args[0] = -c", true},
          {"cmdline begins with comm", "proc.cmdline = \"sh -c id\"", true},
          {"args", "proc.args = \"-c id\"", true},
          {"times in ns", "proc.duration <= 1000000 and proc.duration > 999999", true},
          {"105", "evt.dir = >", false},
          {"result", "evt.rawres = 0 and evt.res = SUCCESS and evt.failed = false", true},
      },
      exec, world);
}

TEST(Semantics, Opens) {
  World world;
  const event::Process& cat = world.process(7, "cat", {"cat"});
  check(
      {
          {"read", "evt.is_open_read = true and evt.is_open_write = false", true},
          {"directory of a top-level file", "fd.directory = /", true},
          {"file name", "fd.filename = a", true},
          {"host", "container.id = host and container.privileged = false and container.image.repository = \"\"", true},
          {"no pod", "k8s.ns.name exists", false},
      },
      world.open(cat, "/a"), world);
  check(
      {
          {"98", "fd.name = /a and fd.num < 0 and evt.res = ENOENT and evt.rawres = -2", true},
          {"99", "fd.filename exists", false},
          {"typechar of a failed open", "fd.typechar = 'f'", true},
          {"not fd.num>=0", "fd.num >= 0", false},
          {"directory from the argument", "fd.directory = /", true},
      },
      world.open(cat, "/a", 0, -2), world);
  check({{"flags", "evt.arg.flags contains O_TRUNC and evt.is_open_write = true", true},
         {"flags text", "evt.arg.flags = \"O_TRUNC|O_CREAT|O_WRONLY\"", true}},
        world.open(cat, "/a", O_WRONLY | O_CREAT | O_TRUNC), world);
}

TEST(Semantics, WhatPtraceWasGivenIsThereAndCantBeCompared) {
  World world;
  event::Event poke = world.exec(world.process(7, "gdb", {"gdb"}));
  poke.type = event::EventType::kPtrace;
  event::Call call;
  call.args[0] = 4;
  call.args[1] = 9;
  call.args[2] = 0x7f00;
  call.args[3] = 0x7f;
  poke.payload = call;
  check({{"there", "evt.rawarg.data exists and evt.rawarg.addr exists", true},
         {"no bytes", "evt.rawarg.data contains 7", false},
         {"nor others", "evt.rawarg.data != x", false}},
        poke, world);
}

TEST(Semantics, AncestorsAreAsTheyWereWhenTheyForked) {
  World world;
  event::Process& nginx = world.process(100, "nginx", {"nginx", "-g"}, nullptr, "/usr/sbin/nginx");
  event::Process& sh = world.process(101, "sh", {"sh"}, &nginx, "/bin/sh");
  const event::Process& id = world.process(102, "id", {"id"}, &sh, "/bin/id");
  nginx.image =
      std::make_shared<const event::Image>("sleep", "/bin/sleep", std::string("sleep\0", 6), 6, "/", event::FileIdentity{});
  check(
      {
          {"the grandparent's old name", "proc.aname[2] = nginx and proc.aexepath[2] = /usr/sbin/nginx", true},
          {"its new one", "proc.aname = sleep", false},
          {"its arguments", "proc.acmdline[2] = \"nginx -g\" and proc.aexe[2] = nginx", true},
          {"pids", "proc.apid[1] = 101 and proc.apid = 100", true},
          {"parent", "proc.pname = sh and proc.pexepath = /bin/sh and proc.pcmdline = sh and proc.pexe = sh", true},
          {"no further", "proc.aname[3] exists", false},
      },
      world.exec(id), world);
  check({{"parent of a living child", "proc.pname = nginx", true}}, world.exec(sh), world);
}

TEST(Semantics, OtherNamesOfAnOpenedFile) {
  World world;
  event::Event open = world.open(world.process(7, "cat", {"cat"}), "/mnt/b/shadow");
  const std::string_view names[] = {"/etc/shadow", "/srv/x"};
  open.names = names;
  check(
      {
          {"path", "fd.name = /mnt/b/shadow", true},
          {"one name", "fd.name = /etc/shadow", true},
          {"last name", "fd.name = /srv/x", true},
          {"neither", "fd.name = /etc/passwd", false},
          {"!= wants all to differ", "fd.name != /etc/shadow", false},
          {"!= of the path", "fd.name != /mnt/b/shadow", false},
          {"!= of none", "fd.name != /etc/passwd", true},
          {"not", "not fd.name = /etc/shadow", false},
          {"not of none", "not fd.name startswith /home", true},
          {"startswith", "fd.name startswith /etc/", true},
          {"in", "fd.name in (/a, /srv/x)", true},
          {"not in", "not fd.name in (/a, /srv/x)", false},
          {"endswith, contains", "fd.name endswith /x and fd.name contains etc", true},
          {"glob, regex", "fd.name glob /srv/* and fd.name regex /etc/s.*", true},
          {"pmatch", "fd.name pmatch (/srv)", true},
          {"anyof", "fd.name startswith anyof (/x, /srv)", true},
          {"!= allof", "fd.name != allof (/etc/shadow, /a)", false},
          {"exists", "fd.name exists", true},
          {"fd.names", "fd.names = /etc/shadow and fd.names in (/srv/x)", true},
          {"fd.names are the others", "fd.names = /mnt/b/shadow", false},
          {"the path's own parts", "fd.filename = shadow and fd.directory = /mnt/b", true},
          {"the names' too", "fd.directory = /etc and fd.filename = x", true},
          {"but no mixture of them is one", "fd.directory = /etc/shadow", false},
          {"not of a part", "not fd.directory = /etc", false},
      },
      open, world);
  open.names = {};
  check({{"no other names", "fd.name = /etc/shadow or fd.names exists", false}, {"!=", "fd.name != /etc/shadow", true}}, open,
        world);
}

TEST(Semantics, OtherNamesOfTheExecutable) {
  World world;
  event::Process& process = world.process(7, "x", {"x"});
  process.image = std::make_shared<const event::Image>("x", "/mnt/x", std::string("x\0", 2), 2, "/", event::FileIdentity{},
                                                       std::vector<std::string>{"/usr/bin/nc"});
  check(
      {
          {"path or name", "proc.exepath = /mnt/x and proc.exepath = /usr/bin/nc", true},
          {"!=", "proc.exepath != /usr/bin/nc", false},
          {"val()", "proc.exepath = val(proc.exepath)", true},
          {"!= val()", "proc.exepath != val(proc.exepath)", false},
      },
      world.exec(process), world);
}

TEST(Semantics, CgroupsAndContainers) {
  World world;
  event::Event event = world.exec(world.process(7, "sh", {"sh"}));
  const std::string id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
  const std::string full = "container.full_id = " + id;
  check({{"unknown", "cgroup.path exists", false}, {"host", "container.id = host and container.full_id = \"\"", true}}, event,
        world);
  event.cgroup = "/system.slice/ssh.service";
  check({{"unit", "cgroup.path = /system.slice/ssh.service and container.id = host", true}}, event, world);
  const event::NoNames nobody;
  event::Container container;
  container.id = id;
  container.names = &nobody;
  event.container = &container;
  check({{"id", "container.id = 0123456789ab", true},
         {"full id", full.c_str(), true},
         {"pending", "container.privileged = false or container.image.repository != x or k8s.ns.name exists", false},
         {"pending, negated", "not container.image.repository = x", true}},
        event, world);
  container.facts.emplace();
  container.facts->privileged = false;
  container.facts->repository = "nginx";
  container.facts->mounts = {{{.source = "/proc", .dest = "/host/proc", .mode = {}, .propagation = {}}}};
  check({{"privileged", "container.privileged = false and container.image.repository = nginx", true},
         {"mount", "container.mount.dest[/proc*] = /host/proc and not container.mount.dest[/proc*] in (\"N/A\")", true},
         {"no such mount", "not container.mount.dest[/etc] in (\"<NA>\", \"N/A\")", true},
         {"no pod", "k8s.ns.name exists", false}},
        event, world);
}

TEST(Semantics, ABoundSocketIsTheServers) {
  World world;
  event::Event event = world.connect(world.process(7, "nc", {"nc"}), "8.8.8.8", 443);
  event.type = event::EventType::kBind;
  auto& bound = std::get<event::SocketCall>(event.payload).socket;
  bound.listening = true;
  bound.remote = {};
  bound.remote_port = 0;
  check(
      {
          {"server end", "fd.sip = 10.1.1.1 and fd.sport = 41000 and fd.lport = 41000 and fd.is_server = true", true},
          {"no other end", "fd.cip exists or fd.rip exists or fd.rport exists or fd.cport exists", false},
          {"name", "fd.name = \"10.1.1.1:41000\" and fd.typechar = 4 and fd.l4proto = tcp", true},
      },
      event, world);
}

TEST(Matcher, LeavesWhatTheKernelDecidesToVerdicts) {
  World world;
  program::Program program = test::compile_text(
      "- rule: A\n  desc: d\n  condition: evt.type = openat and proc.cwd = /a\n  output: a\n  priority: DEBUG\n"
      "- rule: B\n  desc: d\n  condition: evt.type = connect\n  output: b %proc.sname\n  priority: DEBUG\n");
  for (program::Rule& rule : program.rules) rule.decided_in_kernel = true;
  program.index_rules();
  EXPECT_TRUE(program.wanted_events().none());
  EXPECT_FALSE(program.wants_failed_exec());
  EXPECT_FALSE(program.uses_field("proc.cwd", event::all_event_types())) << "no condition is asked here";
  EXPECT_TRUE(program.uses_field("proc.sname", event::all_event_types())) << "outputs are written here all the same";
  Matcher matcher(program, world.context);
  EXPECT_TRUE(matcher.match(world.connect(world.process(8, "x", {"x"}), "1.2.3.4", 1), Matching::kAll).empty());
}

TEST(Matcher, FirstAndAllInDefinitionOrder) {
  World world;
  const program::Program program = test::compile_text(
      "- macro: m\n  condition: evt.type = openat\n"
      "- rule: A\n  desc: d\n  condition: m and fd.name = /a\n  output: a\n  priority: DEBUG\n"
      "- rule: B\n  desc: d\n  condition: m\n  output: b\n  priority: EMERGENCY\n"
      "- rule: C\n  desc: d\n  condition: m\n  output: c\n  priority: INFO\n  enabled: false\n");
  Matcher matcher(program, world.context);
  const event::Event event = world.open(world.process(7, "cat", {"cat"}), "/a");
  const auto first = matcher.match(event, Matching::kFirst);
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(program.rules[first[0]].name, "A");
  EXPECT_EQ(matcher.match(event, Matching::kAll).size(), 2U);
  EXPECT_TRUE(matcher.match(world.connect(world.process(8, "x", {"x"}), "1.2.3.4", 1), Matching::kAll).empty());
}

}  // namespace
}  // namespace shrike::match
