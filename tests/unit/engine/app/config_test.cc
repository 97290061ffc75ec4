// SPDX-License-Identifier: Apache-2.0
#include "engine/app/config.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace shrike::app {
namespace {

// The configuration of a text, or what is wrong with it.
struct Read {
  Config config;
  std::string wrong;
};

Read read_text(const std::string& text) {
  const std::string path = testing::TempDir() + "config_" + std::to_string(getpid());
  std::ofstream(path) << text;
  lang::Diagnostics diagnostics;
  Read read{read_config(path, diagnostics), {}};
  std::filesystem::remove(path);
  for (const lang::Diagnostic& one : diagnostics.all())
    read.wrong += std::to_string(one.position.line) + ":" + std::to_string(one.position.column) + ": " + one.message + " (" +
                  one.hint + ")";
  return read;
}

TEST(Config, SizesOfRings) {
  const std::pair<const char*, std::uint64_t> rows[] = {{"65536", 65536},      {"65537", 131072},     {"64KiB", 65536},
                                                        {"3MiB", 4U << 20U},   {"1GiB", 1U << 30U},   {"1073741824", 1U << 30U},
                                                        {"'8MiB'", 8U << 20U}, {"1000KiB", 1U << 20U}};
  for (const auto& [text, bytes] : rows) {
    const Read read = read_text("capture: {events_ring_bytes: " + std::string(text) + "}\n");
    EXPECT_EQ(read.wrong, "") << text;
    EXPECT_EQ(read.config.events_ring_bytes, bytes) << text;
    EXPECT_EQ(read.config.processes_ring_bytes, Config().processes_ring_bytes) << "each by itself";
  }
  for (const char* text : {"65535", "63KiB", "1073741825", "1025MiB", "2GiB", "-1", "8 MiB", "8mib", "8MB", "MiB", "''", "1.5MiB",
                           "18446744073709551616", "17179869184GiB", "[1MiB]", "0x100000"}) {
    EXPECT_EQ(read_text("capture:\n  verdicts_ring_bytes: " + std::string(text) + "\n").wrong.substr(0, 27),
              "2:24: not a size of a ring ")
        << text;
  }
}

TEST(Config, QuotaPerCgroup) {
  EXPECT_EQ(read_text("").config.quota_above_percent, 50U);
  for (const std::uint32_t percent : {0U, 1U, 100U}) {
    const Read read = read_text("capture: {quota_above_percent: " + std::to_string(percent) + "}\n");
    EXPECT_EQ(read.wrong, "");
    EXPECT_EQ(read.config.quota_above_percent, percent);
  }
  for (const char* text : {"101", "-1", "50%", "half", "[50]", "4294967346"})
    EXPECT_TRUE(
        read_text("capture: {quota_above_percent: " + std::string(text) + "}\n").wrong.starts_with("1:32: not a percentage"))
        << text;
}

}  // namespace
}  // namespace shrike::app
