// SPDX-License-Identifier: Apache-2.0
#include "engine/enrich/proc_reader.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace shrike::enrich {
namespace {

class ProcReaderTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto process = root_ / "42";
    std::filesystem::create_directories(process);
    const auto ticks = static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK));
    start_ns_ = 1'234 * (1'000'000'000 / ticks) + 5'000;
    std::ofstream(process / "stat")
        << "42 (a) b) (c) S 1 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 1234 1000 100 18446744073709551615\n";
    std::ofstream(process / "comm") << "a) b) (c\n";
    std::ofstream(process / "cmdline") << std::string("prog\0-x\0", 8);
    std::filesystem::create_symlink("/usr/bin/prog (deleted)", process / "exe");
    std::filesystem::create_symlink("/tmp", process / "cwd");
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  std::filesystem::path root_ = std::filesystem::temp_directory_path() / ("shrike-proc-" + std::to_string(getpid()));
  std::uint64_t start_ns_ = 0;
};

TEST_F(ProcReaderTest, ReadsWhatIsThere) {
  const auto snapshot = ProcReader(root_).snapshot(42, start_ns_);
  EXPECT_EQ(snapshot.comm, "a) b) (c");
  EXPECT_EQ(snapshot.exe_path, "/usr/bin/prog");
  EXPECT_EQ(snapshot.cwd, "/tmp");
  EXPECT_EQ(snapshot.arguments.bytes, std::string("prog\0-x\0", 8));
  EXPECT_EQ(snapshot.arguments.total, 8U);
}

TEST_F(ProcReaderTest, AnotherProcessUnderThePidIsNotTakenForIt) {
  EXPECT_EQ(ProcReader(root_).snapshot(42, start_ns_ + 1'000'000'000).comm, "");
  EXPECT_EQ(ProcReader(root_).arguments(42, 7).total, 0U);
  EXPECT_EQ(ProcReader(root_).arguments(43, start_ns_).total, 0U) << "gone";
}

TEST_F(ProcReaderTest, LongArgumentsAreCutAndTheirLengthIsKnown) {
  std::ofstream(root_ / "42" / "cmdline") << std::string(20'000, 'x');
  const auto arguments = ProcReader(root_).arguments(42, start_ns_);
  EXPECT_EQ(arguments.bytes.size(), ProcReader::kArgumentsMax);
  EXPECT_EQ(arguments.total, 20'000U);
}

}  // namespace
}  // namespace shrike::enrich
