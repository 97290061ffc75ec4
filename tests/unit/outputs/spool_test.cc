// SPDX-License-Identifier: Apache-2.0
#include "outputs/spool.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>

#include "outputs/spool_verbs.h"
#include "tests/support/temporary_directory.h"

namespace shrike::outputs {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint64_t kNow = 1'800'000'000'000'000'000U;
constexpr std::uint64_t kSecond = 1'000'000'000U;

Message message(std::uint64_t number, std::uint8_t priority = 5, std::size_t size = 100) {
  return {.id = std::to_string(number),
          .time_ns = kNow + number,
          .priority = priority,
          .rule = "a rule",
          .source = "syscall",
          .host = "h",
          .subject = "host",
          .body = std::string(size, static_cast<char>('a' + number % 26))};
}

class SpoolTest : public testing::Test {
 protected:
  std::unique_ptr<Spool> open(std::uint64_t now_ns = kNow) {
    auto spool = Spool::open(options_, now_ns);
    EXPECT_TRUE(spool) << spool.error().message;
    return spool ? std::move(*spool) : nullptr;
  }
  void append(Spool& spool, const Message& message, std::uint64_t now_ns = kNow) {
    const auto appended = spool.append(message, now_ns);
    EXPECT_TRUE(appended) << appended.error().message;
  }
  static std::vector<std::uint64_t> numbers(const std::vector<Spool::Entry>& entries) {
    std::vector<std::uint64_t> all;
    for (const Spool::Entry& entry : entries) all.push_back(std::stoull(entry.message.id));
    return all;
  }
  static std::vector<std::uint64_t> read_all(Spool& spool) { return numbers(spool.read(1'000'000, std::size_t{1} << 30U)); }
  std::vector<fs::path> files(const std::string& extension) const {
    std::vector<fs::path> all;
    for (const auto& entry : fs::directory_iterator(options_.directory)) {
      if (entry.path().extension() == extension) all.push_back(entry.path());
    }
    std::ranges::sort(all);
    return all;
  }
  static std::string content(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static void write(const fs::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }

  test::TemporaryDirectory directory_;
  SpoolOptions options_{.directory = directory_.path() + "/state/spool", .max_bytes = 64U << 20U, .segment_bytes = 64U << 10U};
};

TEST_F(SpoolTest, WhatIsNotAcknowledgedIsThereAgainInOrder) {
  {
    auto spool = open();
    for (std::uint64_t i = 0; i < 3000; ++i) append(*spool, message(i, static_cast<std::uint8_t>(i * 7 % 8)));
    auto entries = spool->read(1000, std::size_t{1} << 30U);
    ASSERT_EQ(entries.size(), 1000U);
    EXPECT_EQ(entries[7].message, message(7, 1));
    std::vector<Spool::Position> done;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (i % 10 != 3) done.push_back(entries[i].position);
    }
    std::ranges::reverse(done);
    spool->acknowledge(done);
    EXPECT_EQ(spool->messages(), 2100U);
    EXPECT_EQ(spool->unread(), 2000U);
  }
  auto spool = open();
  EXPECT_THAT(spool->take_reports(), IsEmpty());
  EXPECT_EQ(spool->messages(), 2100U);
  std::vector<std::uint64_t> want;
  for (std::uint64_t i = 0; i < 3000; ++i) {
    if (i >= 1000 || i % 10 == 3) want.push_back(i);
  }
  EXPECT_EQ(read_all(*spool), want);
  EXPECT_THAT(read_all(*spool), IsEmpty()) << "handed out twice";
}

TEST_F(SpoolTest, AllAcknowledgedLeavesNothingButTheLock) {
  {
    auto spool = open();
    for (int round = 0; round < 5; ++round) {
      for (std::uint64_t i = 0; i < 1000; ++i) append(*spool, message(i, static_cast<std::uint8_t>(i % 3)));
      std::vector<Spool::Position> done;
      for (const auto& entry : spool->read(10'000, std::size_t{1} << 30U)) done.push_back(entry.position);
      EXPECT_EQ(done.size(), 1000U);
      spool->acknowledge(done);
      EXPECT_EQ(spool->messages(), 0U);
      EXPECT_LE(spool->segments(), 3U) << "those being written";
    }
  }
  std::vector<std::string> left;
  for (const auto& entry : fs::directory_iterator(options_.directory)) left.push_back(entry.path().filename());
  EXPECT_THAT(left, ElementsAre("lock"));
}

TEST_F(SpoolTest, ReadKeepsToItsLimitsButHandsOutOneLargeMessage) {
  auto spool = open();
  append(*spool, message(0, 5, 5000));
  for (std::uint64_t i = 1; i < 10; ++i) append(*spool, message(i, 5, 100));
  EXPECT_EQ(numbers(spool->read(100, 300)), (std::vector<std::uint64_t>{0}));
  EXPECT_EQ(numbers(spool->read(100, 300)), (std::vector<std::uint64_t>{1, 2, 3}));
  EXPECT_EQ(numbers(spool->read(2, 300)), (std::vector<std::uint64_t>{4, 5}));
  append(*spool, message(10, 1));
  EXPECT_EQ(read_all(*spool), (std::vector<std::uint64_t>{6, 7, 8, 9, 10}));
}

TEST_F(SpoolTest, FilesAreForTheirOwnerAlone) {
  fs::create_directories(options_.directory);
  chmod(options_.directory.c_str(), 0755);
  const mode_t old = umask(0);
  auto spool = open();
  append(*spool, message(0));
  append(*spool, message(1));
  spool->acknowledge(std::vector{spool->read(1, 1)[0].position});
  umask(old);
  struct stat status{};
  ASSERT_EQ(stat(options_.directory.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0700U);
  for (const auto& entry : fs::directory_iterator(options_.directory)) {
    ASSERT_EQ(stat(entry.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0600U) << entry.path();
  }
}

TEST_F(SpoolTest, TwoOnOneDirectoryAreAnError) {
  auto spool = open();
  const auto second = Spool::open(options_, kNow);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message,
              AllOf(HasSubstr("in use by process " + std::to_string(getpid())), HasSubstr(options_.directory)));
  spool.reset();
  EXPECT_TRUE(Spool::open(options_, kNow));
}

TEST_F(SpoolTest, AFullSpoolLosesTheOldestOfTheLeastUrgent) {
  options_.max_bytes = 1U << 20U;
  auto spool = open();
  // 400 warnings, 400 debug messages, then warnings until it is full and beyond.
  std::uint64_t number = 0;
  for (int i = 0; i < 400; ++i) append(*spool, message(number++, 4, 1000));
  for (int i = 0; i < 400; ++i) append(*spool, message(number++, 7, 1000));
  for (int i = 0; i < 800; ++i) append(*spool, message(number++, 4, 1000));
  EXPECT_LE(spool->bytes(), options_.max_bytes);
  const PerPriority evicted = spool->losses().evicted;
  EXPECT_EQ(evicted[7], 400U) << "the less urgent go first, all of them";
  EXPECT_GT(evicted[4], 0U);
  EXPECT_EQ(evicted[4] + evicted[7] + spool->messages(), number) << "each is there or counted";
  // More urgent ones push warnings out, less urgent ones are themselves the least urgent.
  append(*spool, message(number, 0, 1000));
  append(*spool, message(number + 1, 6, 60'000));
  EXPECT_EQ(spool->losses().evicted[6], 1U);
  EXPECT_EQ(spool->losses().evicted[0], 0U);
  const auto left = read_all(*spool);
  EXPECT_EQ(left.back(), number);
  ASSERT_GT(left.size(), 2U);
  EXPECT_EQ(left.front(), evicted[4]) << "the oldest of them went";
  EXPECT_TRUE(std::ranges::is_sorted(left));
  std::uint64_t bytes = 0;
  for (const fs::path& file : files(".seg")) bytes += fs::file_size(file);
  EXPECT_LE(bytes, options_.max_bytes);
}

TEST_F(SpoolTest, WhatIsBeingDeliveredIsNotCountedAsEvicted) {
  options_.max_bytes = 256U << 10U;
  auto spool = open();
  for (std::uint64_t i = 0; i < 10; ++i) append(*spool, message(i, 5, 1000));
  const auto flying = spool->read(4, std::size_t{1} << 20U);
  std::uint64_t number = 10;
  for (; number < 1000; ++number) append(*spool, message(number, 5, 1000));
  EXPECT_EQ(spool->losses().evicted[5] + spool->messages() + flying.size(), number);
  std::vector<Spool::Position> done;
  for (const auto& entry : flying) done.push_back(entry.position);
  spool->acknowledge(done);
  EXPECT_EQ(spool->losses().evicted[5] + spool->messages() + flying.size(), number);
  EXPECT_EQ(read_all(*spool).size(), spool->messages());
}

TEST_F(SpoolTest, WhatIsTooOldGoes) {
  options_.max_age = std::chrono::seconds(1600);
  {
    auto spool = open();
    append(*spool, message(0), kNow);
    append(*spool, message(1), kNow + 50 * kSecond);
    append(*spool, message(2), kNow + 200 * kSecond);
    spool->expire(kNow + 1600 * kSecond);
    EXPECT_EQ(spool->messages(), 3U);
    spool->expire(kNow + 1601 * kSecond);
    EXPECT_EQ(spool->losses().expired[5], 2U) << "those of the first hundred seconds share a segment";
  }
  auto spool = open();
  EXPECT_EQ(read_all(*spool), (std::vector<std::uint64_t>{2}));
  spool->expire(kNow + 1801 * kSecond);
  EXPECT_EQ(spool->messages(), 0U);
}

TEST_F(SpoolTest, AClockThatWasNotSetExpiresNothing) {
  auto spool = open(5 * kSecond);
  append(*spool, message(0), 5 * kSecond);
  spool->expire(kNow);
  EXPECT_EQ(spool->messages(), 1U);
  spool->expire(kNow + 8ULL * 24 * 3600 * kSecond);
  EXPECT_EQ(spool->losses().expired[5], 1U);
}

TEST_F(SpoolTest, AMessageLargerThanARecordIsAnError) {
  auto spool = open();
  const auto appended = spool->append(message(0, 5, kMaxRecordBytes), kNow);
  ASSERT_FALSE(appended);
  EXPECT_EQ(appended.error().code, Code::kLimit);
  append(*spool, message(1, 5, kMaxRecordBytes - 1000));
  EXPECT_EQ(read_all(*spool), (std::vector<std::uint64_t>{1}));
}

// ---- damage

TEST_F(SpoolTest, ATornTailIsCutOffWhereverItWasTorn) {
  {
    auto spool = open();
    append(*spool, message(0));
    append(*spool, message(1));
  }
  const fs::path segment = files(".seg").at(0);
  const std::string whole = content(segment);
  const std::size_t first_end = (whole.size() - kSegmentHeaderBytes) / 2 + kSegmentHeaderBytes;
  for (std::size_t size = whole.size() - 1; size > 0; --size) {
    write(segment, whole.substr(0, size));
    auto spool = open();
    const auto reports = spool->take_reports();
    EXPECT_EQ(spool->losses(), Spool::Losses{}) << "what was never accepted is no loss";
    if (size >= first_end) {
      EXPECT_EQ(read_all(*spool), (std::vector<std::uint64_t>{0})) << size;
      EXPECT_EQ(fs::file_size(segment), first_end);
      EXPECT_EQ(reports.size(), size == first_end ? 0U : 1U);
    } else {
      EXPECT_THAT(read_all(*spool), IsEmpty());
      EXPECT_FALSE(fs::exists(segment)) << size;
    }
    append(*spool, message(7));
    EXPECT_EQ(read_all(*spool), (std::vector<std::uint64_t>{7}));
    spool.reset();
    for (const fs::path& file : files(".seg")) fs::remove(file);
  }
}

TEST_F(SpoolTest, EveryFlippedByteLosesOnlyItsMessage) {
  {
    auto spool = open();
    for (std::uint64_t i = 0; i < 5; ++i) append(*spool, message(i, 5, 20));
  }
  const fs::path segment = files(".seg").at(0);
  const std::string whole = content(segment);
  const std::size_t record = (whole.size() - kSegmentHeaderBytes) / 5;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x41);
    write(segment, damaged);
    auto spool = open();
    std::vector<std::uint64_t> want;
    for (std::uint64_t i = 0; i < 5; ++i) {
      if (at < kSegmentHeaderBytes || (at - kSegmentHeaderBytes) / record != i) want.push_back(i);
    }
    EXPECT_EQ(read_all(*spool), want) << at;
    const bool header = at < kSegmentHeaderBytes;
    EXPECT_EQ(spool->take_reports().empty(), header) << at;
    // A damaged length of the last record can't be told from a torn one.
    const bool length_of_last = at >= whole.size() - record + 8 && at < whole.size() - record + 12;
    if (!length_of_last) {
      EXPECT_EQ(spool->losses().damaged[5], header ? 0U : 1U) << at;
    }
    spool.reset();
    for (const fs::path& file : files(".seg")) fs::remove(file);
  }
}

TEST_F(SpoolTest, RandomDamageNeverStopsTheStart) {
  std::mt19937 random(20261124);
  const auto below = [&](std::size_t most) { return std::uniform_int_distribution<std::size_t>(0, most - 1)(random); };
  for (int round = 0; round < 200; ++round) {
    options_.directory = directory_.path() + "/round" + std::to_string(round);
    std::set<std::uint64_t> acked;
    {
      auto spool = open();
      for (std::uint64_t i = 0; i < 200; ++i) append(*spool, message(i, static_cast<std::uint8_t>(i % 3), 1 + below(600)));
      for (const auto& entry : spool->read(100, std::size_t{1} << 20U)) {
        if (below(2) == 0) continue;
        acked.insert(std::stoull(entry.message.id));
        spool->acknowledge(std::vector{entry.position});
      }
    }
    std::vector<fs::path> all = files(".seg");
    std::ranges::copy(files(".ack"), std::back_inserter(all));
    bool cut = false, damaged_segment = false;
    for (std::size_t i = 0; i < 1 + below(4); ++i) {
      const fs::path& victim = all[below(all.size())];
      std::string bytes = content(victim);
      if (bytes.empty()) continue;
      damaged_segment = damaged_segment || victim.extension() == ".seg";
      switch (below(4)) {
        case 0:
          for (std::size_t flip = 0; flip < 1 + below(20); ++flip)
            bytes[below(bytes.size())] ^= static_cast<char>(1U << below(8));
          break;
        case 1:
          bytes.resize(below(bytes.size()));
          cut = true;
          break;
        case 2: {
          const std::size_t at = below(bytes.size());
          std::ranges::fill(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                            bytes.begin() + static_cast<std::ptrdiff_t>(std::min(bytes.size(), at + 1 + below(4096))), '\0');
          break;
        }
        default:
          std::ranges::generate(bytes, [&] { return static_cast<char>(below(256)); });
          cut = true;
      }
      write(victim, bytes);
    }
    auto spool = open();
    ASSERT_NE(spool, nullptr);
    const auto left = read_all(*spool);
    EXPECT_TRUE(std::ranges::is_sorted(left));
    EXPECT_TRUE(std::ranges::adjacent_find(left) == left.end()) << "twice";
    std::uint64_t missing = 0;
    for (std::uint64_t i = 0; i < 200; ++i) missing += acked.contains(i) || std::ranges::binary_search(left, i) ? 0 : 1;
    if (!damaged_segment) {
      EXPECT_EQ(missing, 0U) << "damaged acknowledgements lose nothing";
    }
    std::uint64_t counted = 0;
    for (const std::uint64_t count : spool->losses().damaged) counted += count;
    // What was cut off at the end can't be counted, what is behind a damaged end neither; the rest can.
    if (!cut) {
      EXPECT_LE(counted, missing + acked.size());
    }
    if (missing != 0) {
      EXPECT_FALSE(spool->take_reports().empty()) << "not said";
    }
    append(*spool, message(1000));
    EXPECT_EQ(read_all(*spool), (std::vector<std::uint64_t>{1000}));
  }
}

TEST_F(SpoolTest, EmptyAndForeignFilesDoNotStopTheStart) {
  fs::create_directories(options_.directory);
  write(options_.directory + "/5-0000000000000001-0123456789abcdef.seg", "");
  write(options_.directory + "/5-0000000000000002-0123456789abcdef.seg", std::string(100'000, 'x'));
  write(options_.directory + "/5-0000000000000003-0123456789abcdef.ack", "orphan");
  write(options_.directory + "/9-0000000000000003-0123456789abcdef.seg", "no priority");
  write(options_.directory + "/README", "hello");
  fs::create_directories(options_.directory + "/5-0000000000000009-0123456789abcdef.seg");
  auto spool = open();
  EXPECT_THAT(spool->take_reports(), testing::UnorderedElementsAre(
                                         HasSubstr("nothing in it can be read; removed with its 99968 bytes"),
                                         HasSubstr("README"), HasSubstr("9-0000000000000003"), HasSubstr("is no regular file")));
  append(*spool, message(0));
  EXPECT_EQ(read_all(*spool), (std::vector<std::uint64_t>{0}));
  EXPECT_TRUE(fs::exists(options_.directory + "/README"));
  EXPECT_THAT(files(".ack"), IsEmpty());
}

TEST_F(SpoolTest, AMessageThatContainsRecordsIsOneMessage) {
  // Of another key: an attacker knows the format, not the key of this segment.
  std::string forged;
  append_record(forged, 0x0123456789abcdefU, 7, 7, message(666));
  {
    auto spool = open();
    append(*spool, message(0));
    Message hostile = message(1);
    hostile.body = forged + forged;
    append(*spool, hostile);
    append(*spool, message(2));
  }
  const fs::path segment = files(".seg").at(0);
  std::string bytes = content(segment);
  bytes[bytes.find(forged) - 20] ^= 1;  // the record around it
  write(segment, bytes);
  auto spool = open();
  EXPECT_EQ(read_all(*spool), (std::vector<std::uint64_t>{0, 2}));
}

TEST_F(SpoolTest, ASegmentThatGoesWhileItIsReadIsTold) {
  auto spool = open();
  for (std::uint64_t i = 0; i < 2000; ++i) append(*spool, message(i));
  EXPECT_EQ(spool->read(1, 1).size(), 1U);
  const auto segments = files(".seg");
  ASSERT_GT(segments.size(), 3U);
  write(segments[1], "");
  const std::size_t read = read_all(*spool).size();
  const auto lost = spool->losses().damaged[5];
  EXPECT_GT(lost, 0U);
  EXPECT_EQ(read + lost + 1, 2000U);
  EXPECT_EQ(spool->messages(), read + 1);
  EXPECT_THAT(spool->take_reports(), ElementsAre(HasSubstr("messages are lost")));
}

// ---- the file system

// In a mount namespace of its own with a tmpfs of `size` at `at`; false: not possible here. gtest's failures there fail here.
template <class Body>
bool with_tmpfs(const std::string& at, const std::string& size, const Body& body) {
  fs::create_directories(at);
  const pid_t child = fork();
  if (child == 0) {
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("tmpfs", at.c_str(), "tmpfs", 0, ("size=" + size).c_str()) != 0)
      _exit(77);
    body();
    _exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) return false;
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "status " << status;
  return true;
}

TEST_F(SpoolTest, AFullDiskIsAnErrorThatPasses) {
  const std::string disk = directory_.path() + "/disk";
  options_.directory = disk + "/spool";
  const bool possible = with_tmpfs(disk, "256k", [&] {
    std::uint64_t accepted = 0;
    {
      auto spool = open();
      Result<void> appended;
      while (accepted < 10'000 && (appended = spool->append(message(accepted, 5, 777), kNow))) ++accepted;
      ASSERT_FALSE(appended);
      EXPECT_EQ(appended.error().sys_errno, ENOSPC);
      EXPECT_GT(accepted, 100U);
      EXPECT_FALSE(spool->append(message(0, 1), kNow)) << "a new segment";
      // Acknowledged segments make room; acknowledging itself may have none.
      std::vector<Spool::Position> done;
      for (const auto& entry : spool->read(accepted, std::size_t{1} << 20U)) done.push_back(entry.position);
      ASSERT_EQ(done.size(), accepted);
      done.pop_back();
      spool->acknowledge(done);
      append(*spool, message(accepted, 5, 777));
      append(*spool, message(accepted + 1, 1));
      EXPECT_EQ(spool->messages(), 3U);
    }
    auto spool = open();
    EXPECT_EQ(spool->losses(), Spool::Losses{});
    const auto left = read_all(*spool);
    EXPECT_THAT(left, testing::IsSupersetOf({accepted - 1, accepted, accepted + 1}));
    EXPECT_TRUE(std::ranges::is_sorted(left));
  });
  if (!possible) GTEST_SKIP() << "a mount namespace of its own can't be had here";
}

TEST_F(SpoolTest, AReadOnlyFileSystemIsAnError) {
  const std::string disk = directory_.path() + "/disk";
  options_.directory = disk + "/spool";
  const bool possible = with_tmpfs(disk, "1m", [&] {
    auto spool = open();
    append(*spool, message(0));
    append(*spool, message(1));
    spool.reset();
    ASSERT_EQ(mount("none", disk.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0) << errno;
    const auto refused = Spool::open(options_, kNow);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().sys_errno, EROFS);
    const auto report = spool_report(options_.directory);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->spooled.messages, 2U);
    ASSERT_EQ(mount("none", disk.c_str(), nullptr, MS_REMOUNT, nullptr), 0) << errno;
    spool = open();
    EXPECT_EQ(read_all(*spool), (std::vector<std::uint64_t>{0, 1}));
  });
  if (!possible) GTEST_SKIP() << "a mount namespace of its own can't be had here";
}

TEST_F(SpoolTest, UnsyncedFilesAreHandedOutOnce) {
  auto spool = open();
  append(*spool, message(0, 1));
  append(*spool, message(1, 2));
  EXPECT_EQ(spool->take_unsynced().size(), 3U) << "two segments and the directory";
  EXPECT_TRUE(spool->take_unsynced().empty());
  append(*spool, message(2, 1));
  EXPECT_EQ(spool->take_unsynced().size(), 1U);
  for (std::uint64_t i = 3; i < 2000; ++i) append(*spool, message(i, 1));
  const auto unsynced = spool->take_unsynced();
  EXPECT_GT(unsynced.size(), 3U) << "segments that were full before they were synced";
  for (const UniqueFd& fd : unsynced) EXPECT_EQ(fdatasync(fd.get()), 0);
}

}  // namespace
}  // namespace shrike::outputs
