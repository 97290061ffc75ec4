// SPDX-License-Identifier: Apache-2.0
// What an event costs in memory from the heap: nothing, unless it alerts. Counted is every malloc, so operator new too.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <map>
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
  if (std::holds_alternative<event::SocketCall>(event.payload)) return "connect";
  if (event.type == event::EventType::kExecve) return "exec";
  return std::holds_alternative<event::ProcessExit>(event.payload) ? "exit" : "fork";
}

Counted count(const lang::RuleSet& set) {
  lang::Diagnostics diagnostics;
  program::Program program = compile::compile(set, {}, diagnostics);
  EXPECT_FALSE(diagnostics.has_errors());
  program.index_rules();
  const test::Mix mix({.spawns = 20, .connects = 400, .opens = 2'000, .units = 2, .documents = 400, .scripts = 2, .commits = 2});
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
    for (std::size_t i = 0; i < mix.size(); ++i) {
      std::size_t before = allocations;
      auto event = decode::decode(mix.record(i), clock);
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
  for (const std::string_view kind : {"open", "failed open", "connect", "exec", "fork", "exit"}) {
    EXPECT_EQ(counted.decode.at(std::string(kind)), 0U) << kind;
    EXPECT_EQ(counted.match.at(std::string(kind)), 0U) << kind;
  }
  // The process table's: an exec makes an Image, a fork an entry. Nothing else does.
  for (const std::string_view kind : {"open", "failed open", "connect"})
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
                                                 "container.id != host and fd.num = 99999"};
  std::string text;
  for (std::size_t i = 0; i < std::size(kChecks); ++i) {
    text += "- rule: R" + std::to_string(i) + "\n  desc: d\n  condition: '(evt.type in (open, openat, connect, execve)) and (" +
            std::string(kChecks[i]) + ")'\n  output: x\n  priority: NOTICE\n";
    // The same where no value can be looked up.
    text += "- rule: N" + std::to_string(i) +
            "\n  desc: d\n  condition: 'evt.type in (open, openat, connect, execve) and not (not (" + std::string(kChecks[i]) +
            ") or evt.num exists)'\n  output: x\n  priority: NOTICE\n";
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
