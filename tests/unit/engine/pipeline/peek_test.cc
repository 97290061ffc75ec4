// SPDX-License-Identifier: Apache-2.0
// Opens that are known to be quiet are dropped before they are decoded: of a mix in which most opens come again and again, every
// alert must come all the same, with its number.
#include <cstring>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <sys/stat.h>

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
