// SPDX-License-Identifier: Apache-2.0
// Opens that are known to be quiet are dropped before they are decoded: of a mix in which most opens come again and again, every
// alert must come all the same, with its number.
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/decode/decode.h"
#include "engine/pipeline/pipeline.h"
#include "tests/support/containers.h"
#include "tests/support/mix.h"
#include "tests/support/wire.h"
#include "tests/support/world.h"

namespace shrike::pipeline {
namespace {

class Lines final : public act::AlertSink {
 public:
  explicit Lines(std::vector<std::string>& lines) : lines_(lines) {}
  Result<void> write(const act::Alert& alert) override {
    lines_.push_back(alert.message);
    return {};
  }
  Result<void> flush() override { return {}; }
  Result<void> reopen() override { return {}; }

 private:
  std::vector<std::string>& lines_;
};

class OneCgroup final : public enrich::CgroupReader {
 public:
  std::optional<std::string> read(std::uint64_t) override { return "/system.slice/x.service"; }
};

std::string rule(const std::string& name, const std::string& condition) {
  return "- rule: " + name + "\n  desc: d\n  condition: evt.type in (open, openat, openat2) and " + condition + "\n  output: '" +
         name + " %evt.num'\n  priority: WARNING\n";
}

struct Opened {
  std::string comm, path;
  bool failed = false, write = false, directory = false;
};

struct Expected {
  std::string name, condition;
  bool (*holds)(const Opened&);
};
const Expected kRules[] = {
    {"header", "fd.num >= 0 and fd.name endswith header17.h",
     [](const Opened& o) { return !o.failed && o.path.ends_with("header17.h"); }},
    {"missing", "evt.failed = true and fd.name startswith /usr/include/bits/header1",
     [](const Opened& o) { return o.failed && o.path.starts_with("/usr/include/bits/header1"); }},
    {"packed", "proc.name = tar and fd.typechar = d",
     [](const Opened& o) { return o.comm == "tar" && !o.failed && o.directory; }},
    {"object", "evt.is_open_write = true and fd.filename startswith file1",
     [](const Opened& o) { return !o.failed && o.write && o.path.substr(o.path.rfind('/') + 1).starts_with("file1"); }},
    {"table", "proc.name = workload and fd.directory = /home/build/data and fd.filename in (table-7.bin, table-8.bin)",
     [](const Opened& o) {
       return o.comm == "workload" && !o.failed &&
              (o.path == "/home/build/data/table-7.bin" || o.path == "/home/build/data/table-8.bin");
     }},
};

// What an open record says, read by hand.
Opened read(std::span<const std::byte> record) {
  event_open wire;
  std::memcpy(&wire, record.data(), sizeof(wire));
  const auto text = [&](const blob& at) {
    return std::string(reinterpret_cast<const char*>(record.data()) + at.offset, at.size);
  };
  Opened opened;
  opened.failed = wire.ret < 0;
  opened.write = (wire.fmode & 2) != 0;
  opened.directory = S_ISDIR(wire.file.mode);
  opened.path = opened.failed ? text(wire.name) : text(wire.path);
  if (!opened.path.starts_with('/')) opened.path = text(wire.base) + "/" + opened.path;
  return opened;
}

TEST(Peek, EveryAlertComesAllTheSame) {
  std::string rules;
  for (const Expected& expected : kRules) rules += rule(expected.name, expected.condition);
  auto program = std::make_shared<program::Program>(test::compile_text(rules));
  program->index_rules();

  const test::FakeNames names;
  enrich::ProcessTable processes;
  const enrich::ProcReader proc("/nonexistent");
  OneCgroup reader;
  enrich::Cgroups cgroups(reader);
  test::NoContainerFiles no_containers;
  enrich::Containers containers(no_containers);
  enrich::Enricher enricher(processes, proc, cgroups, containers);
  event::Context context{names, processes, "testhost", 0};
  std::vector<std::string> lines;
  std::vector<std::unique_ptr<act::AlertSink>> sinks;
  sinks.push_back(std::make_unique<Lines>(lines));
  Pipeline pipeline(
      {.enricher = enricher, .context = context, .sinks = sinks, .matching = match::Matching::kAll, .on_sink_error = {}});
  pipeline.load(program, nullptr, 1);

  const test::Mix mix(
      {.spawns = 50, .connects = 100, .opens = 20'000, .units = 40, .documents = 4'000, .scripts = 10, .commits = 10}, 7);
  std::map<std::uint32_t, std::string> comms;
  std::vector<std::string> expected;
  std::uint64_t number = 0;
  std::uint64_t opens = 0;
  std::uint64_t calls = 0;
  for (std::size_t i = 0; i < mix.size(); ++i) {
    const std::span<const std::byte> record = mix.record(i);
    event_header header;
    std::memcpy(&header, record.data(), sizeof(header));
    if (header.kind == EVENT_KIND_FORK) comms[header.tgid] = comms[header.ppid];
    if (header.kind == EVENT_KIND_EXEC) {
      event_process wire;
      std::memcpy(&wire, record.data(), sizeof(wire));
      comms[header.tgid] = std::string(wire.comm, strnlen(wire.comm, sizeof(wire.comm)));
    }
    if (header.type != EVENT_TYPE_NONE) ++number;
    if (header.hook == HOOK_SYS_EXIT) ++calls;
    if (header.kind == EVENT_KIND_OPEN) {
      ++opens;
      Opened opened = read(record);
      opened.comm = comms[header.tgid];
      for (const Expected& of : kRules) {
        if (of.holds(opened)) expected.push_back(of.name + ' ' + std::to_string(number));
      }
    }
    pipeline.process(record);
  }
  EXPECT_EQ(lines, expected);
  EXPECT_GT(expected.size(), 300U) << "the mix is meant to fire";
  EXPECT_EQ(pipeline.counters().events, number);
  EXPECT_EQ(pipeline.counters().records, mix.size());
  EXPECT_EQ(pipeline.counters().delivered[HOOK_SYS_EXIT], calls);
  EXPECT_GT(pipeline.counters().quiet, opens / 5) << "many opens of the mix come again";
}

// One process, `good`, and its opens one after the other.
class PeekOne : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path() / ("shrike-peek-" + std::to_string(getpid()));
    std::filesystem::create_directories(directory_ / "self");
    std::ofstream(directory_ / "self/mountinfo") << "";
    std::ofstream(directory_ / "secret") << "x";
    struct stat status{};
    ASSERT_EQ(stat((directory_ / "secret").c_str(), &status), 0);
    secret_ = status.st_ino;
    file_names_.set_paths({(directory_ / "secret").string()});
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void load(const std::string& condition) {
    auto program = std::make_shared<program::Program>(test::compile_text(rule("R", condition)));
    program->index_rules();
    pipeline_.load(program, nullptr, 1);
    test::WireRecord<event_process> exec(EVENT_KIND_EXEC, EVENT_TYPE_EXECVE);
    exec.wire.header.start_ns = 70;
    exec.wire.header.exec_id = 1;
    std::memcpy(exec.wire.comm, "good", 4);
    exec.wire.exe_path = exec.add("/bin/good");
    pipeline_.process(exec.bytes());
    ASSERT_TRUE(file_names_.refresh().has_value());
    open({});  // what is new, the cgroup and the file's place, is found
  }

  struct Deed {
    std::uint32_t uid = 5;
    std::uint32_t exec_id = 1;
    std::uint64_t ino = 1;
  };
  // How many alerts came.
  std::size_t open(const Deed& deed, Pipeline* other = nullptr) {
    test::WireRecord<event_open> record(EVENT_KIND_OPEN, EVENT_TYPE_OPENAT);
    record.wire.header.hook = HOOK_SYS_EXIT;
    record.wire.header.start_ns = 70;
    record.wire.header.exec_id = deed.exec_id;
    record.wire.header.cgroup_id = 77;
    record.wire.header.creds.uid = deed.uid;
    record.wire.ret = 3;
    record.wire.fmode = 1;
    record.wire.file.ino = deed.ino;
    record.wire.file.dev = 7;
    record.wire.file.mode = S_IFREG | 0644;
    record.wire.in_mount = PLACE_UNKNOWN;
    record.wire.path = record.add("/tmp/x");
    record.wire.name = record.add("/tmp/x");
    lines_.clear();
    (other == nullptr ? pipeline_ : *other).process(record.bytes());
    return lines_.size();
  }
  std::uint64_t quiet() const { return pipeline_.counters().quiet; }

  static Result<std::vector<enrich::FileKey>> by_stat(const std::vector<int>& fds) {
    std::vector<enrich::FileKey> keys;
    for (const int fd : fds) {
      struct stat status{};
      if (fstat(fd, &status) != 0) return fail(Code::kSystem, "stat");
      keys.push_back({.ino = status.st_ino, .dev = 7, .generation = 0});
    }
    return keys;
  }

  std::filesystem::path directory_;
  std::uint64_t secret_ = 0;
  test::FakeNames names_;
  enrich::ProcessTable processes_;
  enrich::ProcReader proc_{"/nonexistent"};
  OneCgroup reader_;
  enrich::Cgroups cgroups_{reader_};
  test::NoContainerFiles no_containers_;
  enrich::Containers containers_{no_containers_};
  enrich::Enricher enricher_{processes_, proc_, cgroups_, containers_};
  enrich::FileNames file_names_{(std::filesystem::temp_directory_path() / ("shrike-peek-" + std::to_string(getpid()))).string(),
                                by_stat};
  event::Context context_{names_, processes_, "testhost", 0};
  std::vector<std::string> lines_;
  std::vector<std::unique_ptr<act::AlertSink>> sinks_ = [this] {
    std::vector<std::unique_ptr<act::AlertSink>> sinks;
    sinks.push_back(std::make_unique<Lines>(lines_));
    return sinks;
  }();
  Pipeline pipeline_{{.enricher = enricher_,
                      .context = context_,
                      .sinks = sinks_,
                      .file_names = &file_names_,
                      .matching = {},
                      .on_sink_error = {}}};
};

TEST_F(PeekOne, AnotherUsersOpenIsAnotherOpen) {
  load("user.uid = 0");
  EXPECT_EQ(open({}), 0U);
  EXPECT_EQ(open({.uid = 0}), 1U);
}

TEST_F(PeekOne, AFileOfAnotherNameIsAnotherFile) {
  load("fd.name = " + (directory_ / "secret").string());
  EXPECT_EQ(open({}), 0U);
  EXPECT_EQ(quiet(), 1U);
  EXPECT_EQ(open({.ino = secret_}), 1U) << "a hard link has taken the place of what was quiet";
  EXPECT_EQ(open({}), 0U);
  EXPECT_EQ(quiet(), 2U);
}

// Would catch: a recording without the opens that left no rule possible.
TEST_F(PeekOne, WhoWantsEveryEventGetsQuietOnesToo) {
  std::size_t told = 0;
  Pipeline watched({.enricher = enricher_,
                    .context = context_,
                    .sinks = sinks_,
                    .file_names = &file_names_,
                    .matching = {},
                    .on_sink_error = {},
                    .on_event = [&](const Observed&) { ++told; }});
  load("user.uid = 0");
  auto program = std::make_shared<program::Program>(test::compile_text(rule("R", "fd.name = /none")));
  program->index_rules();
  watched.load(program, nullptr, 1);
  for (int i = 0; i < 3; ++i) open({}, &watched);
  EXPECT_EQ(told, 3U);
  EXPECT_EQ(watched.counters().quiet, 0U);
}

TEST_F(PeekOne, WhoHasRunAnotherProgramIsAnother) {
  load("proc.name = \"<NA>\"");
  EXPECT_EQ(open({}), 0U);
  EXPECT_EQ(quiet(), 1U);
  EXPECT_EQ(open({.exec_id = 2}), 1U) << "its exec was lost: what it runs is not known";
}

// Would catch: a record told in short that decode() refuses, or tells otherwise.
TEST(Peek, SaysWhatDecodeSays) {
  std::mt19937 random(5);
  std::size_t told = 0;
  for (int i = 0; i < 20'000; ++i) {
    test::WireRecord<event_open> record(EVENT_KIND_OPEN, EVENT_TYPE_OPENAT);
    record.wire.header.start_ns = random();
    record.wire.header.cgroup_id = random();
    record.wire.header.time_ns = random();
    record.wire.ret = static_cast<int>(random() % 8) - 4;
    record.wire.open_flags = random() % 4096;
    record.wire.fmode = random() % 4;
    record.wire.open_mode = random() % 512;
    record.wire.file.mode = random() % 65'536;
    record.wire.file.flags = random() % 64;
    record.wire.path = record.add(std::string(random() % 20, 'p'));
    record.wire.name = record.add(std::string(random() % 20, 'n'));
    record.wire.base = record.add(std::string(random() % 20, 'b'));
    std::vector<std::byte> bytes(record.bytes().begin(), record.bytes().end());
    if (random() % 2 == 0) bytes[random() % sizeof(event_open)] = static_cast<std::byte>(random());
    decode::OpenPeek peek;
    if (!decode::peek_open(bytes, peek)) continue;
    ++told;
    const auto event = decode::decode(bytes, WallClock());
    ASSERT_TRUE(event.has_value()) << event.error().message;
    const auto key = event::key_of(std::get<event::Open>(event->payload));
    EXPECT_EQ(peek.type, event->type);
    EXPECT_EQ(peek.hook, event->hook);
    EXPECT_EQ(peek.pid, event->pid);
    EXPECT_EQ(peek.start_ns, event->start_ns);
    EXPECT_EQ(peek.cgroup_id, event->cgroup_id);
    EXPECT_EQ(peek.boot_ns, event->boot_ns);
    EXPECT_TRUE(peek.key == key);
    EXPECT_FALSE(event->verdict.has_value());
    EXPECT_EQ(event->gaps, event::Gaps{});
    EXPECT_TRUE(std::get<event::Open>(event->payload).names.empty());
  }
  EXPECT_GT(told, 10'000U);
}

}  // namespace
}  // namespace shrike::pipeline
