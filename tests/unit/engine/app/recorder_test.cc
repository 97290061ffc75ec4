// SPDX-License-Identifier: Apache-2.0
// What is recorded reads back as what it was.
#include "engine/app/recorder.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>

#include "engine/app/event_file.h"
#include "engine/app/recorded_world.h"
#include "tests/support/world.h"

namespace shrike::app {
namespace {

// A use of every field in every form it has, as far as rules may name them.
std::vector<event::FieldUse> every_use() {
  std::vector<event::FieldUse> uses;
  const auto add = [&](std::string_view name, const std::optional<std::string>& argument) {
    if (auto use = event::resolve_field(name, argument)) uses.push_back(*std::move(use));
  };
  for (const event::Field& field : event::fields()) {
    if (field.get == nullptr) continue;
    add(field.name, std::nullopt);
    for (const char* index : {"0", "1", "2", "7"}) add(field.name, index);
    for (const char* key : {"HOME", "x y\"\\"}) add(field.name, key);
    for (const char* suffix : {"name", "flags", "fd", "res", "data", "exe", "path", "cpu", "src", "dst", "openat", "filename"})
      add(std::string(field.name) + '.' + suffix, std::nullopt);
  }
  return uses;
}

// Events of every payload, among hostile texts.
std::vector<event::Event> events_of(test::World& world) {
  static const std::string bytes = std::string("\xff\x01\x1f\x1b[31m\n\"\\\x7f\xc3\xa9\0end", 18);
  event::Process& parent = world.process(40, "ba\xffsh", {"-bash", "x\xc0"}, nullptr, "/usr/bin/bash");
  event::Process& one = world.process(50, "c\"a\\t\x1f\x1b[", {"cat", "-n", "x y", "\x80"}, &parent,
                                      "/usr/bin/c\xff"
                                      "at",
                                      "/home/bo b/");
  std::vector<event::Event> events{world.exec(one), world.open(one, bytes, O_RDWR | O_CREAT), world.open(one, "", 0, -2),
                                   world.connect(one, "10.1.2.3", 443), world.connect(one, "2001:db8::1", 65535, -111)};
  const auto add = [&](event::EventType type, event::Payload payload) {
    event::Event more = world.open(one, "/x");
    more.type = type;
    more.payload = std::move(payload);
    events.push_back(more);
  };
  event::Paths paths;
  paths.ret = -13;
  paths.flags = 0x400;
  paths.mode = 0777;
  paths.dirfds[1] = 7;
  paths.first = bytes;
  paths.first_base = "/a";
  paths.second = "b";
  for (const event::EventType type : {event::EventType::kSymlinkat, event::EventType::kLinkat, event::EventType::kRename,
                                      event::EventType::kUnlinkat, event::EventType::kMkdir, event::EventType::kExecve})
    add(type, paths);
  event::Call call;
  call.ret = -1;
  call.fd = 7;
  std::ranges::copy(std::array<std::uint64_t, 6>{~0ULL, 1, 1ULL << 63U, 3, 4, 5}, call.args);
  call.path = call.text = call.data = bytes;
  for (const event::EventType type :
       {event::EventType::kPtrace, event::EventType::kSetuid, event::EventType::kBpf, event::EventType::kDup3,
        event::EventType::kSetns, event::EventType::kFchmod, event::EventType::kInitModule})
    add(type, call);
  event::SocketCall socket;
  socket.ret = -115;
  socket.fd = 3;
  socket.socket.family = AF_UNIX;
  socket.socket.socket_type = SOCK_STREAM;
  socket.socket.unix_path = bytes;
  socket.data = socket.control = bytes;
  add(event::EventType::kConnect, socket);
  add(event::EventType::kSendto, socket);
  event::Event orphan = world.open(one, "/x");
  orphan.process = nullptr;
  events.push_back(orphan);
  return events;
}

std::string shown(const event::FieldUse& use, const event::Value& value) {
  return value.absent() ? "(absent)" : event::field_text(use, value);
}

// Each field by itself, so that none is made up from another.
TEST(Recorder, EveryFieldOfEveryEventReadsBack) {
  test::World world;
  const RecordedWorld replayed("testhost");
  std::size_t present = 0;
  for (const event::Event& event : events_of(world)) {
    for (const event::FieldUse& use : every_use()) {
      if (use.field->name == "evt.type" || use.field->name == "evt.time" || use.field->name == "syscall.type") continue;
      Arena arena;
      const event::Value value = event::extract(use, event, world.context, arena);
      std::string line = R"({"evt.type":")" + std::string(event::name(event.type)) + '"';
      append_member(line, use, value);
      line += '}';
      event::RecordedEvent recorded;
      const auto read = read_event_line(line, 9, recorded);
      ASSERT_TRUE(read) << line << ": " << read.error().message;
      const event::Value again = event::extract(use, recorded.event(), replayed.context, arena);
      EXPECT_EQ(shown(use, again), shown(use, value)) << use.text() << " in " << line;
      present += value.absent() ? 0 : 1;
    }
  }
  EXPECT_GT(present, 1000U);
}

class RecorderFile : public testing::Test {
 protected:
  RecorderFile() : path_(testing::TempDir() + "recording_" + std::to_string(getpid())) { std::filesystem::remove(path_); }
  ~RecorderFile() override { std::filesystem::remove(path_); }

  std::vector<std::string> lines() const {
    std::ifstream file(path_);
    std::vector<std::string> all;
    for (std::string line; std::getline(file, line);) all.push_back(line);
    return all;
  }

  std::string path_;
};

TEST_F(RecorderFile, IsMadeForItsOwnerAloneAndNeverWrittenOver) {
  auto made = BackgroundFile::make(path_);
  ASSERT_TRUE(made) << made.error().message;
  struct stat status{};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
  const auto again = BackgroundFile::make(path_);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().sys_errno, EEXIST);
}

TEST_F(RecorderFile, TellsRulesEventsVerdictsAndLosses) {
  test::World world;
  event::Process& cat = world.process(50, "cat", {"cat"}, nullptr, "/usr/bin/cat");
  program::Program program = test::compile_text(
      "- {rule: A, desc: d, condition: evt.type = openat and fd.name = /x, output: \"%proc.name %evt.arg.flags %proc.name\", "
      "priority: INFO}\n"
      "- {rule: B, desc: d, condition: evt.type = openat and fd.num > 1, output: o, priority: INFO}\n");
  program.rules[1].decided_in_kernel = true;
  match::Matcher matcher(program, world.context);
  {
    Recorder recorder(*BackgroundFile::make(path_), path_);
    recorder.rules(program);
    event::Event open = world.open(cat, "/x");
    const std::vector<std::string_view> names{"/y", "/z\xff"};
    open.names = names;
    open.gaps.user_unread = true;
    open.gaps.names = true;
    matcher.look_at(open);
    recorder.event({open, program, matcher, {}});
    pipeline::Losses losses{.hooks = {{.hook = "sys_exit"}}};
    losses.hooks[0].counts.quota = 4;
    recorder.losses(losses);
    recorder.losses(losses);  // told already
    losses.hooks[0].counts.missed = 1;
    losses.corrupt = 2;
    recorder.losses(losses);
    std::vector<act::Alert> verdicts(2);
    for (act::Alert& alert : verdicts) {
      alert.hook = "file_open";
      alert.generation = 3;
    }
    verdicts[0].rule = "B";
    verdicts[0].verdict = "blocked";
    verdicts[0].error_number = 1;
    verdicts[1].rule = "A";
    verdicts[1].verdict = "would_kill";
    recorder.event({open, program, matcher, verdicts});
    EXPECT_FALSE(recorder.finish());
    EXPECT_EQ(recorder.events(), 2U);
    EXPECT_EQ(recorder.written().bytes, std::filesystem::file_size(path_));
  }
  const auto all = lines();
  ASSERT_EQ(all.size(), 6U);
  event::RecordedEvent recorded;
  EXPECT_EQ(std::get<RecordedRules>(*read_event_line(all[0], 1, recorded)), (RecordedRules{{}, {"B"}}));
  ASSERT_TRUE(std::holds_alternative<Told>(*read_event_line(all[1], 2, recorded))) << all[1];
  const event::Event event = recorded.event();
  EXPECT_EQ(event.type, event::EventType::kOpenat);
  EXPECT_THAT(event.names, testing::ElementsAre("/y", "/z\xff"));
  EXPECT_TRUE(event.gaps.user_unread && event.gaps.names && !event.gaps.path);
  EXPECT_EQ(std::get<RecordedLoss>(*read_event_line(all[2], 3, recorded)), (RecordedLoss{4, "sys_exit"}));
  EXPECT_EQ(std::get<RecordedLoss>(*read_event_line(all[3], 4, recorded)), (RecordedLoss{1, "sys_exit"}));
  EXPECT_EQ(std::get<RecordedLoss>(*read_event_line(all[4], 5, recorded)), (RecordedLoss{2, "decode"}));
  const RecordedVerdict verdict = std::get<RecordedVerdict>(*read_event_line(all[5], 6, recorded));
  EXPECT_EQ(verdict, (RecordedVerdict{{{"B", "blocked", 1}, {"A", "would_kill", 0}}, "file_open", 3}));
}

// The other names of a program, in an event that is about another file.
TEST_F(RecorderFile, OtherNamesOfTheProgramHoldToo) {
  test::World world;
  event::Process& process = world.process(50, "cat", {"cat"}, nullptr, "/usr/bin/cat");
  process.image = std::make_shared<const event::Image>("cat", "/usr/bin/cat", std::string("cat", 4), 4, "/",
                                                       event::FileIdentity{}, std::vector<std::string>{"/bin/cat"});
  const program::Program program =
      test::compile_text("- {rule: A, desc: d, condition: proc.exepath = /bin/cat, output: o, priority: INFO}\n");
  match::Matcher matcher(program, world.context);
  const event::Event open = world.open(process, "/x");
  ASSERT_EQ(matcher.match(open, match::Matching::kFirst).size(), 1U);
  {
    Recorder recorder(*BackgroundFile::make(path_), path_);
    recorder.event({open, program, matcher, {}});
  }
  event::RecordedEvent recorded;
  ASSERT_TRUE(std::holds_alternative<Told>(*read_event_line(lines().front(), 1, recorded)));
  EXPECT_EQ(matcher.match(recorded.event(), match::Matching::kFirst).size(), 1U) << lines().front();
}

// A full disk is told once, counted, and what is missing stands in the file once there is room again.
TEST_F(RecorderFile, AnErrorOfWritingIsToldOnceAndCounted) {
  UniqueFd full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(full);
  BackgroundFile file(std::move(full), "full");
  for (int i = 0; i < 3; ++i) file.put("{}\n");
  file.flush();
  std::optional<Error> error;
  while (!(error = file.take_error())) usleep(1000);
  EXPECT_EQ(error->sys_errno, ENOSPC);
  file.put("{}\n");
  file.finish();
  EXPECT_FALSE(file.take_error()) << "once";
  EXPECT_EQ(file.counters().missing, 4U);
  EXPECT_EQ(file.counters().bytes, 0U);
}

// A file that may grow no more takes part of a chunk: that part is taken back. Once it may grow again, it says what it lacks.
TEST_F(RecorderFile, WhatWasCutIsTakenBackAndToldLater) {
  auto made = BackgroundFile::make(path_);
  ASSERT_TRUE(made);
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto limit = [&](rlim_t bytes) {
    const rlimit now{bytes, before.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &now), 0);
  };
  BackgroundFile file(*std::move(made), path_);
  limit(10);
  file.put("{\"a\": 1}\n{}\n");
  file.put("{}\n");
  file.flush();
  for (int i = 0; i < 5000 && file.counters().missing == 0; ++i) usleep(1000);
  const std::uint64_t missing = file.counters().missing;
  limit(before.rlim_cur);
  file.put("{\"b\": 1}\n");
  file.finish();
  EXPECT_EQ(missing, 2U);
  EXPECT_EQ(file.take_error()->sys_errno, EFBIG);
  EXPECT_THAT(lines(), testing::ElementsAre(R"({"lost": 2, "hook": "recording"})", R"({"b": 1})"));
}

TEST_F(RecorderFile, LinesTheDiskDidNotTakeAreToldWhereTheyAreMissing) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  const UniqueFd reader(ends[0]);
  // Nobody reads: what the pipe takes goes into it, the thread waits, and no more than 200,000 bytes wait with it.
  auto file = std::make_unique<BackgroundFile>(UniqueFd(ends[1]), "pipe", 200'000);
  const std::string line = std::string(99, 'x') + '\n';
  for (int i = 0; i < 10'000; ++i) file->put(line);
  const std::uint64_t missing = file->counters().missing;
  EXPECT_GT(missing, 5'000U);
  std::string text;
  std::thread reading([&] {
    std::array<char, 4096> part{};
    for (ssize_t got = 0; (got = read(reader.get(), part.data(), part.size())) > 0;)
      text.append(part.data(), static_cast<std::size_t>(got));
  });
  file->flush();
  while (file->counters().bytes < (10'000 - missing) * line.size()) usleep(1000);
  file->put("last\n");
  file->finish();
  EXPECT_EQ(file->counters().missing, missing);
  file.reset();  // closes the pipe
  reading.join();
  const std::string told = R"({"lost": )" + std::to_string(missing) + ", \"hook\": \"recording\"}\nlast\n";
  EXPECT_TRUE(text.ends_with(told)) << text.substr(text.size() - 100);
  EXPECT_EQ(text.size(), (10'000 - missing) * line.size() + told.size());
}

}  // namespace
}  // namespace shrike::app
