// SPDX-License-Identifier: Apache-2.0
// What rules cost per event: a generated mix of records in memory (tests/support/mix.h) goes through pipeline::Pipeline, as in
// the daemon, with more and more rules. All of them are enabled, every rule that fires is found (rule_matching: all) and makes an
// alert, which nobody takes. Prints figures, judges nothing.
//
//   match_bench [--rounds N] [--scale PERCENT] [--only LABEL] [--mix all|build|server]
//   match_bench --dump LABEL      the index of those rules: why each is asked
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/clock.h"
#include "engine/compile/compile.h"
#include "engine/enrich/enricher.h"
#include "engine/enrich/host_names.h"
#include "engine/lang/rule_file.h"
#include "engine/match/matcher.h"
#include "engine/pipeline/pipeline.h"
#include "tests/support/containers.h"
#include "tests/support/mix.h"
#include "tests/support/packs.h"

namespace {

namespace fs = std::filesystem;
using namespace shrike;

class TwoCgroups final : public enrich::CgroupReader {
 public:
  std::optional<std::string> read(std::uint64_t id) override {
    return id == 12 ? "/user.slice/user-1000.slice/session-3.scope" : "/system.slice/cron.service";
  }
};

struct Row {
  std::string label;
  std::function<std::optional<lang::RuleSet>()> load;
  std::shared_ptr<const program::Program> program;
  std::vector<double> ns;  // per event, of each round
  std::uint64_t fired = 0;
};

std::optional<lang::RuleSet> read_files(const std::vector<std::string>& paths) {
  lang::RuleSet set;
  lang::Diagnostics diagnostics;
  for (const std::string& path : paths) {
    auto source = lang::load_source(path);
    if (!source) {
      std::fprintf(stderr, "%s\n", source.error().message.c_str());
      return std::nullopt;
    }
    lang::read_rule_file(*source, set, diagnostics);
  }
  for (const lang::Diagnostic& found : diagnostics.all()) {
    if (found.severity == lang::Severity::kError) std::fprintf(stderr, "%s\n", lang::format(found).c_str());
  }
  if (diagnostics.has_errors()) return std::nullopt;
  return set;
}

std::optional<lang::RuleSet> read_text(std::string text) {
  lang::RuleSet set;
  lang::Diagnostics diagnostics;
  lang::read_rule_file(std::make_shared<const lang::SourceFile>(lang::SourceFile{"synthetic.yaml", std::move(text)}), set,
                       diagnostics);
  if (!diagnostics.has_errors()) return set;
  std::fprintf(stderr, "%s\n", lang::format(diagnostics.all().front()).c_str());
  return std::nullopt;
}

// One rule of each kind per number: what people write, with a name of its own.
std::string synthetic_condition(std::size_t i) {
  const std::string n = std::to_string(i);
  const std::string open = "evt.type in (open, openat, openat2) and ";
  const std::string read = open + "evt.is_open_read = true and ";
  const std::string write = open + "evt.is_open_write = true and ";
  const std::string exec = "evt.type in (execve, execveat) and ";
  const std::string octets = std::to_string(i / 250 % 250) + '.' + std::to_string(i % 250);
  switch (i % 12) {
    case 0:
      return read + "fd.name = /opt/app-" + n + "/secret.key and not proc.name in (app" + n + ", backup)";
    case 1:
      return write + "fd.name startswith /srv/data-" + n + "/ and not proc.name = writer" + n;
    case 2:
      return read + "fd.name endswith .key" + n;
    case 3:
      return exec + "proc.name = tool" + n + " and proc.pname in (bash, sh, dash)";
    case 4:
      return exec + "proc.cmdline contains \"--exploit-" + n + "\"";
    case 5:
      return "evt.type = connect and fd.sip = 203.0." + octets;
    case 6:
      return "evt.type = connect and fd.snet in (198." + octets + ".0/24) and not proc.name = client" + n;
    case 7:
      return write + "fd.directory = /var/lib/service-" + n;
    case 8:
      return read + "proc.exepath startswith /usr/lib/agent-" + n + "/ and fd.name startswith /etc/";
    case 9:
      return open + "fd.name glob \"/home/*/.vault-" + n + "/*\"";
    case 10:
      return open + "fd.name regex \"/(root|home/[a-z]+)/[.]token-" + n + "(/.*)?\"";
    default:
      return "evt.type = connect and fd.sport = " + std::to_string(10'000 + i % 20'000) + " and proc.name != client" + n;
  }
}

std::string synthetic(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    text += "- rule: Synthetic " + std::to_string(i) + "\n  desc: one of many\n  condition: '" + synthetic_condition(i) +
            "'\n  output: fired (file=%fd.name process=%proc.cmdline user=%user.name)\n  priority: NOTICE\n";
  }
  return text;
}

std::optional<program::Program> compile_all(lang::RuleSet set) {
  for (lang::Rule& rule : set.rules) rule.enabled = true;
  lang::Diagnostics diagnostics;
  program::Program program = compile::compile(set, {}, diagnostics);
  if (diagnostics.has_errors()) {
    const auto error = std::ranges::find(diagnostics.all(), lang::Severity::kError, &lang::Diagnostic::severity);
    std::fprintf(stderr, "%s\n", lang::format(*error).c_str());
    return std::nullopt;
  }
  program.index_rules();
  return program;
}

double cpu_ns(clockid_t clock) { return static_cast<double>(read_clock_ns(clock)); }

struct Cost {
  double cpu_s = 0;
  double mib = 0;  // by which the process grew at its highest
  std::size_t rules = 0;
};

// In a process of its own: what reading, compiling and indexing takes.
std::optional<Cost> load_cost(const std::function<std::optional<lang::RuleSet>()>& load) {
  int ends[2];
  if (pipe(ends) != 0) return std::nullopt;
  const pid_t child = fork();
  if (child == 0) {
    rusage before{};
    rusage after{};
    getrusage(RUSAGE_SELF, &before);
    const double begin = cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
    Cost cost;
    if (auto set = load()) {
      if (const auto program = compile_all(*std::move(set))) {
        const enrich::HostNames names;
        const enrich::ProcessTable table;
        const event::Context context{names, table, "bench", 0};
        const match::Matcher matcher(*program, context);
        cost.cpu_s = (cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - begin) / 1e9;
        cost.rules = program->rules.size();
      }
    }
    getrusage(RUSAGE_SELF, &after);
    cost.mib = static_cast<double>(after.ru_maxrss - before.ru_maxrss) / 1024;
    const bool told = write(ends[1], &cost, sizeof(cost)) == sizeof(cost);
    _exit(told ? 0 : 1);
  }
  close(ends[1]);
  Cost cost;
  const bool told = child > 0 && read(ends[0], &cost, sizeof(cost)) == sizeof(cost);
  close(ends[0]);
  if (child > 0) waitpid(child, nullptr, 0);
  if (!told || cost.rules == 0) return std::nullopt;
  return cost;
}

// One pass over the mix; ns per event.
double run(const test::Mix& mix, Row& row) {
  TwoCgroups reader;
  enrich::Cgroups cgroups(reader);
  enrich::ProcessTable table;
  const enrich::ProcReader proc("/nonexistent");
  test::NoContainerFiles container_files;
  enrich::Containers containers(container_files);
  enrich::Enricher enricher(table, proc, cgroups, containers);
  const enrich::HostNames names;
  event::Context context{names, table, "bench", 0};
  std::vector<std::unique_ptr<act::AlertSink>> sinks;
  pipeline::Pipeline pipeline(
      {.enricher = enricher, .context = context, .sinks = sinks, .matching = match::Matching::kAll, .on_sink_error = {}});
  pipeline.load(row.program, nullptr, 1);
  const double begin = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
  for (std::size_t i = 0; i < mix.size(); ++i) pipeline.process(mix.record(i));
  const double spent = cpu_ns(CLOCK_THREAD_CPUTIME_ID) - begin;
  row.fired = pipeline.counters().alerts;
  if (pipeline.counters().corrupt != 0 || enricher.counters().unknown != 0) {
    std::fprintf(stderr, "%lu records are corrupt, %lu events without a process\n",
                 static_cast<unsigned long>(pipeline.counters().corrupt),
                 static_cast<unsigned long>(enricher.counters().unknown));
    std::exit(1);
  }
  return spent / static_cast<double>(mix.size());
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  int rounds = 5;
  std::size_t scale = 100;
  std::string only;
  test::Mix::Size size;
  bool dump = false;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view option = argv[i];
    if (option == "--rounds") rounds = std::max(1, std::atoi(argv[i + 1]));
    if (option == "--scale") scale = static_cast<std::size_t>(std::max(1, std::atoi(argv[i + 1])));
    if (option == "--only" || option == "--dump") only = argv[i + 1];
    if (option == "--mix" && argv[i + 1] == std::string_view("build"))
      size = {.spawns = 500, .connects = 200, .opens = 0, .units = 1'000, .documents = 20'000, .scripts = 100, .commits = 2'000};
    if (option == "--mix" && argv[i + 1] == std::string_view("server"))
      size = {.spawns = 8'000, .connects = 150'000, .opens = 150'000, .units = 0, .documents = 0, .scripts = 800, .commits = 20};
    dump = dump || option == "--dump";
  }

  const auto packs = test::falco_packs();
  const std::string from = packs ? packs->string() + '/' : std::string();
  std::vector<Row> rows;
  const auto add = [&](const std::string& label, std::function<std::optional<lang::RuleSet>()> load) {
    if (only.empty() || label == "0" || label == only) rows.push_back({label, std::move(load), {}, {}, 0});
  };
  add("0", [] { return std::optional<lang::RuleSet>(lang::RuleSet()); });
  if (packs) {
    add("1", [&] {
      auto set = read_files({from + "falco_rules.yaml"});
      if (set) std::erase_if(set->rules, [](const lang::Rule& rule) { return rule.name != "Read sensitive file untrusted"; });
      return set;
    });
    add("stable", [&] { return read_files({from + "falco_rules.yaml"}); });
    add("packs", [&] {
      return read_files({from + "falco_rules.yaml", from + "falco-incubating_rules.yaml", from + "falco-sandbox_rules.yaml"});
    });
  } else {
    std::printf("Falco's packs are not here (FALCO_RULES=DIRECTORY): left out\n");
  }
  std::vector<std::string> shipped;
  for (const auto& entry : fs::directory_iterator(SHRIKE_SOURCE_DIR "/rules")) {
    if (entry.path().extension() == ".yaml") shipped.push_back(entry.path());
  }
  std::ranges::sort(shipped);
  add("shipped", [&] { return read_files(shipped); });
  for (const std::size_t count : {100, 1'000, 10'000}) {
    add("synthetic " + std::to_string(count), [count] { return read_text(synthetic(count)); });
  }

  if (dump) {
    auto set = rows.back().load();
    const auto program = set ? compile_all(*std::move(set)) : std::nullopt;
    if (program) std::fputs(match::RuleIndex(*program).dump().c_str(), stdout);
    return program ? 0 : 1;
  }
  std::printf("%-16s %6s %8s %9s\n", "load", "rules", "cpu s", "MiB");
  for (Row& row : rows) {
    if (const auto cost = load_cost(row.load))
      std::printf("%-16s %6zu %8.3f %9.1f\n", row.label.c_str(), cost->rules, cost->cpu_s, cost->mib);
  }
  for (Row& row : rows) {
    auto set = row.load();
    if (!set) return 1;
    auto program = compile_all(*std::move(set));
    if (!program) return 1;
    row.program = std::make_shared<const program::Program>(*std::move(program));
  }

  const auto of = [&](std::size_t n) { return n * scale / 100; };
  const test::Mix mix({.spawns = of(size.spawns),
                       .connects = of(size.connects),
                       .opens = of(size.opens),
                       .units = of(size.units),
                       .documents = of(size.documents),
                       .scripts = of(size.scripts),
                       .commits = of(size.commits)});
  std::printf(
      "\n%zu records, %zu of them closes, %.0f MiB, %d rounds; ns of CPU per record: median (least), and against no rules\n",
      mix.size(), mix.closes(), static_cast<double>(mix.bytes()) / 1048576, rounds);
  for (int round = 0; round < rounds; ++round) {
    for (Row& row : rows) row.ns.push_back(run(mix, row));
  }
  std::printf("%-16s %6s %8s %9s %8s %10s\n", "rules", "", "median", "(least)", "ratio", "fired");
  for (const Row& row : rows) {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < row.ns.size(); ++i) ratios.push_back(row.ns[i] / rows.front().ns[i]);
    std::printf("%-16s %6zu %8.1f %9.1f %8.2f %10lu\n", row.label.c_str(), row.program->rules.size(), median(row.ns),
                std::ranges::min(row.ns), median(ratios), static_cast<unsigned long>(row.fired));
  }
  return 0;
}
