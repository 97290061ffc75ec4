// SPDX-License-Identifier: Apache-2.0
#include "engine/app/event_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace shrike::app {
namespace {

class EventFileTest : public testing::Test {
 protected:
  // What the file's records are: an event as its evt.num, a loss, an error with its line.
  std::vector<std::string> records(const std::string& text) {
    const std::string path = testing::TempDir() + "events_" + std::to_string(getpid());
    std::ofstream(path, std::ios::binary) << text;
    auto file = EventFile::open(path);
    std::filesystem::remove(path);
    std::vector<std::string> found;
    event::RecordedEvent event;
    while (true) {
      const auto record = file->next(event);
      if (!record) return {record.error().message};
      if (std::holds_alternative<EventFile::End>(*record)) return found;
      if (const auto* loss = std::get_if<RecordedLoss>(&*record)) found.push_back("lost " + std::to_string(loss->lost));
      if (const auto* bad = std::get_if<lang::Diagnostic>(&*record)) {
        EXPECT_EQ(bad->position.file, path);
        found.push_back("bad " + std::to_string(bad->position.line) + ":" + std::to_string(bad->position.column));
      }
      if (std::holds_alternative<Told>(*record)) found.push_back(std::to_string(event.event().number));
    }
  }

  const std::string event_ = R"({"evt.type":"openat"})";
};

TEST_F(EventFileTest, NumbersAreThoseOfLines) {
  EXPECT_THAT(records(event_ + "\n\n  \t\r\n" + event_ + "\r\n" + event_), testing::ElementsAre("1", "4", "5"));
  EXPECT_THAT(records(""), testing::IsEmpty());
  EXPECT_THAT(records("\xEF\xBB\xBF" + event_ + "\n"), testing::ElementsAre("1"));
}

TEST_F(EventFileTest, BadRecordsAreToldAndSkipped) {
  EXPECT_THAT(records(event_ + "\n{\"evt.type\": 5}\n{\"lost\": 2}\nx\n" + event_),
              testing::ElementsAre("1", "bad 2:14", "lost 2", "bad 4:1", "5"));
  EXPECT_THAT(records("\xEF\xBB\xBFx"), testing::ElementsAre("bad 1:4"));
}

TEST_F(EventFileTest, LongLinesAreBounded) {
  const std::string open = R"({"evt.type":"openat","fd.name":")";
  const std::string longest = open + std::string(kMaxEventLine - open.size() - 2, 'a') + "\"}";
  const std::string longer = open + std::string(3 * kMaxEventLine, 'a') + "\"}";
  EXPECT_THAT(records(longest + "\n" + event_), testing::ElementsAre("1", "2"));
  EXPECT_THAT(records(longest + " \n" + event_), testing::ElementsAre("bad 1:1", "2"));
  EXPECT_THAT(records(longer + "\n" + event_ + "\n"), testing::ElementsAre("bad 1:1", "2"));
  EXPECT_THAT(records(longer), testing::ElementsAre("bad 1:1"));
}

TEST_F(EventFileTest, WhatCannotBeRead) {
  EXPECT_FALSE(EventFile::open("/nonexistent/events"));
  auto folder = EventFile::open("/");
  ASSERT_TRUE(folder);
  event::RecordedEvent event;
  EXPECT_FALSE(folder->next(event));
}

}  // namespace
}  // namespace shrike::app
