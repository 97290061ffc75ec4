// SPDX-License-Identifier: Apache-2.0
#include "outputs/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "engine/base/handle.h"

namespace shrike::outputs {
namespace {

namespace fs = std::filesystem;

std::string content(const fs::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

Message line(std::string body) {
  Message message;
  message.body = std::move(body);
  return message;
}

class FileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::signal(SIGPIPE, SIG_IGN);
    std::string name = "/tmp/shrike-file-XXXXXX";
    dir_ = mkdtemp(name.data());
    path_ = dir_ / "out";
  }
  void TearDown() override { fs::remove_all(dir_); }

  std::unique_ptr<Destination> make() { return *make_file({.path = path_.string()}); }
  static Delivery put(Destination& to, const std::string& body) {
    const std::vector<Message> one = {line(body)};
    return to.deliver(one, {});
  }

  fs::path dir_, path_;
};

TEST_F(FileTest, MovedAwayAndReopenedAsByLogrotate) {
  auto file = make();
  put(*file, "one");
  fs::rename(path_, dir_ / "moved");
  put(*file, "two");
  file->reopen();
  put(*file, "three");
  EXPECT_EQ(content(dir_ / "moved"), "one\ntwo\n");
  EXPECT_EQ(content(path_), "three\n");
  // What can't be reopened goes on as it was.
  fs::rename(dir_ / "out", dir_ / "moved2");
  fs::create_directory(path_);
  file->reopen();
  EXPECT_EQ(put(*file, "four").outcomes[0].fate, Fate::kDelivered);
  EXPECT_EQ(content(dir_ / "moved2"), "three\nfour\n");
}

// A pipe that takes a part of a line: the rest comes first, then the same line again; nothing else is joined to it.
TEST_F(FileTest, PipeThatIsFullThenReadKeepsLinesWhole) {
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  const UniqueFd reader(open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  fcntl(reader.get(), F_SETPIPE_SZ, 4096);
  auto file = make();
  const std::vector<Message> batch = {line(std::string(3000, 'a')), line(std::string(3000, 'b'))};
  std::stop_source stop;
  stop.request_stop();
  const Delivery first = file->deliver(batch, stop.get_token());
  EXPECT_EQ(first.outcomes[0].fate, Fate::kDelivered);
  EXPECT_EQ(first.outcomes[1].fate, Fate::kRetry);
  EXPECT_NE(first.outcomes[1].reason.find("stopped"), std::string::npos);

  std::string got;
  std::jthread reading([&](const std::stop_token& end) {
    std::array<char, 1000> part{};
    while (true) {
      const ssize_t count = read(reader.get(), part.data(), part.size());
      if (count > 0) {
        got.append(part.data(), static_cast<std::size_t>(count));
      } else if (end.stop_requested()) {
        break;
      } else {
        usleep(1000);
      }
    }
  });
  EXPECT_EQ(file->deliver(std::span(batch).subspan(1), {}).outcomes[0].fate, Fate::kDelivered);
  reading.request_stop();
  reading.join();
  const std::string b = std::string(3000, 'b') + '\n';
  EXPECT_EQ(got, std::string(3000, 'a') + '\n' + b + b);
}

TEST_F(FileTest, PipeWithoutAReaderIsRetried) {
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  auto file = make();
  EXPECT_NE(put(*file, "x").outcomes[0].reason.find("open"), std::string::npos);
  const UniqueFd reader(open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  EXPECT_EQ(put(*file, "y").outcomes[0].fate, Fate::kDelivered);
}

TEST_F(FileTest, StopEndsTheWaitForAReader) {
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  const UniqueFd reader(open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  auto file = make();
  const std::vector<Message> batch(1, line(std::string(1 << 20, 'x')));
  std::stop_source stop;
  const std::jthread later([&] {
    usleep(100'000);
    stop.request_stop();
  });
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(file->deliver(batch, stop.get_token()).outcomes[0].fate, Fate::kRetry);
  // Its own time-out is ten.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(8));
}

}  // namespace
}  // namespace shrike::outputs
