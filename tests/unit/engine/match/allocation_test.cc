// SPDX-License-Identifier: Apache-2.0
// What an event costs in memory from the heap: nothing, unless it alerts. Counted is every malloc, so operator new too.
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <map>
#include <span>
#include <sys/socket.h>
#include <variant>

#include "engine/base/clock.h"
#include "engine/compile/compile.h"
#include "engine/decode/decode.h"
#include "engine/enrich/enricher.h"
#include "engine/enrich/host_names.h"
#include "engine/lang/rule_file.h"
#include "engine/match/matcher.h"
#include "tests/support/containers.h"
#include "tests/support/mix.h"
#include "tests/support/packs.h"
#include "tests/support/wire.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNTS_ALLOCATIONS 0  // the sanitizer has a malloc of its own
#else
#define COUNTS_ALLOCATIONS 1
#endif

namespace {
std::size_t allocations = 0;
}

#if COUNTS_ALLOCATIONS
extern "C" {
void* __libc_malloc(std::size_t size);                     // NOLINT(bugprone-reserved-identifier): glibc's own
void* __libc_calloc(std::size_t count, std::size_t size);  // NOLINT(bugprone-reserved-identifier)
void* __libc_realloc(void* old, std::size_t size);         // NOLINT(bugprone-reserved-identifier)

void* malloc(std::size_t size) {
  ++allocations;
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  ++allocations;
  return __libc_calloc(count, size);
}
void* realloc(void* old, std::size_t size) {
  ++allocations;
  return __libc_realloc(old, size);
}
}
#endif

namespace shrike::match {
namespace {

class SomeCgroup final : public enrich::CgroupReader {
 public:
  std::optional<std::string> read(std::uint64_t) override { return "/system.slice/x.service"; }
};

lang::RuleSet read_directory(const std::string& directory, std::string_view extension) {
  lang::RuleSet set;
  lang::Diagnostics diagnostics;
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() == extension) paths.push_back(entry.path());
  }
  std::ranges::sort(paths, {},
                    [](const std::string& path) { return std::pair(path.size(), path); });  // stable, sandbox, incubating
  for (const std::string& path : paths) {
    auto source = lang::load_source(path);
    if (source) lang::read_rule_file(*source, set, diagnostics);
  }
  EXPECT_FALSE(diagnostics.has_errors());
  for (lang::Rule& rule : set.rules) rule.enabled = true;
  return set;
}

// Allocations of decode and match of one event, by kind, after a pass that let caches and expressions grow.
struct Counted {
  std::map<std::string, std::size_t> decode, enrich, match;
  std::size_t silent = 0;
};

std::string kind(const event::Event& event) {
  if (const auto* open = std::get_if<event::Open>(&event.payload)) return open->ret < 0 ? "failed open" : "open";
  if (std::holds_alternative<event::SocketCall>(event.payload))
    return event.type == event::EventType::kConnect ? "connect" : "socket";
  if (event.type == event::EventType::kClose) return "close";
  if (std::holds_alternative<event::Call>(event.payload)) return "call";
  if (event.type != event::EventType::kExecve && std::holds_alternative<event::Paths>(event.payload)) return "paths";
  if (event.type == event::EventType::kExecve) return "exec";
  return std::holds_alternative<event::ProcessExit>(event.payload) ? "exit" : "fork";
}

// One of each type that the mix does not have.
std::vector<std::vector<std::byte>> others() {
  std::vector<std::vector<std::byte>> made;
  const auto keep = [&](auto& record) {
    record.wire.header.hook = HOOK_SYS_EXIT;
    const auto bytes = record.bytes();
    made.emplace_back(bytes.begin(), bytes.end());
  };
  for (const event_type type : {EVENT_TYPE_ACCEPT, EVENT_TYPE_ACCEPT4, EVENT_TYPE_LISTEN, EVENT_TYPE_BIND, EVENT_TYPE_SENDTO,
                                EVENT_TYPE_SENDMSG, EVENT_TYPE_RECVFROM, EVENT_TYPE_RECVMSG}) {
    test::WireRecord<event_socket> record(EVENT_KIND_SOCKET, type);
    record.wire.ret = 64;
    record.wire.fd = 5;
    record.wire.sock.family = record.wire.sock.remote_family = AF_INET6;
    std::fill_n(record.wire.sock.remote_ip, 16, __u8{0x20});
    std::fill_n(record.wire.sock.local_ip, 16, __u8{0x20});
    record.wire.sock.remote_port = record.wire.sock.local_port = 8'080;
    record.wire.sock.role = SOCKET_ROLE_SERVER;
    record.wire.data = record.add("GET /index.html HTTP/1.1\r\nHost: www.example.org\r\n\r\n");
    keep(record);
  }
  for (const event_type type :
       {EVENT_TYPE_RENAME, EVENT_TYPE_RENAMEAT2, EVENT_TYPE_RMDIR, EVENT_TYPE_UNLINK, EVENT_TYPE_UNLINKAT, EVENT_TYPE_MKDIR,
        EVENT_TYPE_MKDIRAT, EVENT_TYPE_CHMOD, EVENT_TYPE_FCHMODAT, EVENT_TYPE_SYMLINKAT, EVENT_TYPE_LINK}) {
    test::WireRecord<event_paths> record(EVENT_KIND_PATHS, type);
    record.wire.dirfds[0] = record.wire.dirfds[1] = 4;
    record.wire.arg_mode = 0644;
    record.wire.first = record.add("some/where/../a-name-that-is-long");
    record.wire.first_base = record.wire.second_base = record.add("/srv/data/of/an/application");
    record.wire.second = record.add("else/where");
    keep(record);
  }
  for (const event_type type : {EVENT_TYPE_SOCKET, EVENT_TYPE_FCHMOD, EVENT_TYPE_DUP, EVENT_TYPE_DUP2, EVENT_TYPE_DUP3,
                                EVENT_TYPE_SETNS, EVENT_TYPE_UNSHARE, EVENT_TYPE_SETUID, EVENT_TYPE_BPF, EVENT_TYPE_USERFAULTFD,
                                EVENT_TYPE_INIT_MODULE, EVENT_TYPE_FINIT_MODULE}) {
    test::WireRecord<event_call> record(EVENT_KIND_CALL, type);
    record.wire.ret = -EPERM;
    record.wire.fd = 6;
    record.wire.args[0] = 6;
    record.wire.path = record.add("/srv/data/of/an/application");
    keep(record);
  }
  return made;
}

Counted count(const lang::RuleSet& set) {
  lang::Diagnostics diagnostics;
  program::Program program = compile::compile(set, {}, diagnostics);
  EXPECT_FALSE(diagnostics.has_errors());
  program.index_rules();
  const test::Mix mix({.spawns = 20, .connects = 400, .opens = 2'000, .units = 2, .documents = 400, .scripts = 2, .commits = 2});
  const std::vector<std::vector<std::byte>> more = others();
  SomeCgroup reader;
  enrich::Cgroups cgroups(reader);
  enrich::ProcessTable table;
  const enrich::ProcReader proc("/nonexistent");
  test::NoContainerFiles container_files;
  // Time stands still: a cgroup that is no container's is looked at again a few times, which is not what events cost.
  enrich::Containers containers(container_files, enrich::Containers::Options(), [] { return std::uint64_t{1}; });
  enrich::Enricher enricher(table, proc, cgroups, containers);
  const enrich::HostNames names;
  const event::Context context{names, table, "test", 0};
  const WallClock clock;
  Counted counted;
  for (const bool warm : {false, true}) {
    Matcher matcher(program, context);  // anew, so that no open is remembered: each is looked up
    for (std::size_t i = 0; i < mix.size() + more.size(); ++i) {
      const std::span<const std::byte> record = i < mix.size() ? mix.record(i) : more[i - mix.size()];
      std::size_t before = allocations;
      auto event = decode::decode(record, clock);
      const std::size_t decoded = allocations - before;
      EXPECT_TRUE(event);
      before = allocations;
      enricher.enrich(*event);
      const std::size_t enriched = allocations - before;
      before = allocations;
      const bool fires = !matcher.match(*event, Matching::kAll).empty();
      const std::size_t matched = allocations - before;
      if (!warm || fires) continue;
      ++counted.silent;
      counted.decode[kind(*event)] += decoded;
      counted.enrich[kind(*event)] += enriched;
      counted.match[kind(*event)] += matched;
    }
  }
  return counted;
}

void expect_none(const Counted& counted) {
  EXPECT_GT(counted.silent, 3'000U);
  for (const std::string_view kind :
       {"open", "failed open", "connect", "close", "socket", "paths", "call", "exec", "fork", "exit"}) {
    EXPECT_EQ(counted.decode.at(std::string(kind)), 0U) << kind;
    EXPECT_EQ(counted.match.at(std::string(kind)), 0U) << kind;
  }
  // The process table's: an exec makes an Image, a fork an entry. Nothing else does.
  for (const std::string_view kind : {"open", "failed open", "connect", "close"})
    EXPECT_EQ(counted.enrich.at(std::string(kind)), 0U) << kind;
}

TEST(AllocationTest, SilentEventsHaveNone) {
  if (!COUNTS_ALLOCATIONS) GTEST_SKIP() << "the sanitizer has a malloc of its own";
  expect_none(count(read_directory(SHRIKE_SOURCE_DIR "/rules", ".yaml")));
}

// Every way to look at the texts that events are made of, once or more.
TEST(AllocationTest, SilentEventsHaveNoneWithAllOperators) {
  if (!COUNTS_ALLOCATIONS) GTEST_SKIP() << "the sanitizer has a malloc of its own";
  static constexpr std::string_view kChecks[] = {"fd.name regex \"/(srv|opt)/[a-z]+/.*[.]pem\"",
                                                 "fd.name glob \"*/nowhere/*[0-9]/?\"",
                                                 "fd.name iglob \"/NoWhere*\"",
                                                 "fd.name pmatch (/nowhere/at/all)",
                                                 "fd.name contains nowhere-at-all",
                                                 "fd.name icontains NOWHERE",
                                                 "fd.name endswith .nowhere",
                                                 "fd.directory = /nowhere",
                                                 "fd.filename in (nowhere, else)",
                                                 "evt.arg.flags contains O_NOWHERE",
                                                 "evt.res = ENOTTY",
                                                 "fd.ip = 9.9.9.9",
                                                 "fd.net in (9.0.0.0/8, 2001::/16)",
                                                 "proc.aname in (nowhere)",
                                                 "proc.cmdline contains nowhere-at-all",
                                                 "proc.exeline startswith nowhere",
                                                 "proc.sname = nowhere",
                                                 "user.name = nowhere",
                                                 "fd.name != /tmp and proc.name = nowhere",
                                                 "not fd.name exists and fd.num = 99999",
                                                 "fd.rport = 1 and fd.l4proto = icmp",
                                                 "fd.name = val(fd.nameraw) and fd.num = 99999",
                                                 "proc.cwd startswith /nowhere",
                                                 "container.id != host and fd.num = 99999",
                                                 "evt.buffer contains nowhere-at-all",
                                                 "evt.buflen > 99999",
                                                 "fd.typechar = P",
                                                 "fd.cip = 9.9.9.9 or fd.snet = 9.0.0.0/8",
                                                 "fs.path.name startswith /nowhere",
                                                 "fs.path.target = /nowhere or fs.path.source = /nowhere",
                                                 "evt.arg.data contains nowhere or evt.arg.tuple = x",
                                                 "evt.arg.newpath = /nowhere or evt.arg.path = /nowhere",
                                                 "evt.arg.uid = nobody-at-all or evt.arg.domain = AF_X",
                                                 "evt.arg.fd = nowhere or evt.arg.mode = x"};
  const std::string types =
      "evt.type in (open, openat, connect, execve, close, sendto, recvmsg, accept4, listen, renameat2, unlinkat, mkdirat, chmod, "
      "fchmodat, symlinkat, socket, fchmod, dup, dup3, setns, unshare, setuid, bpf, userfaultfd, init_module, finit_module)";
  std::string text;
  for (std::size_t i = 0; i < std::size(kChecks); ++i) {
    text += "- rule: R" + std::to_string(i) + "\n  desc: d\n  condition: '(" + types + ") and (" + std::string(kChecks[i]) +
            ")'\n  output: x\n  priority: NOTICE\n";
    // The same where no value can be looked up.
    text += "- rule: N" + std::to_string(i) + "\n  desc: d\n  condition: '" + types + " and not (not (" +
            std::string(kChecks[i]) + ") or evt.num exists)'\n  output: x\n  priority: NOTICE\n";
  }
  lang::RuleSet set;
  lang::Diagnostics diagnostics;
  lang::read_rule_file(std::make_shared<const lang::SourceFile>(lang::SourceFile{"test.yaml", text}), set, diagnostics);
  expect_none(count(set));
}

TEST(AllocationTest, SilentEventsHaveNoneWithFalcosPacks) {
  if (!COUNTS_ALLOCATIONS) GTEST_SKIP() << "the sanitizer has a malloc of its own";
  const auto packs = test::falco_packs();
  if (!packs) GTEST_SKIP() << "Falco's packs are not here";
  expect_none(count(read_directory(*packs, ".yaml")));
}

}  // namespace
}  // namespace shrike::match
