// SPDX-License-Identifier: Apache-2.0
#include "outputs/syslog_record.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

#include "outputs/syslog.h"

namespace shrike::outputs {
namespace {

Message message(std::string body) {
  return {"id", 1'793'613'600'000'056'789, 2, "Exec from /tmp", "syscall", "node1.example", "host", std::move(body)};
}

std::string record(const std::string& body, bool structured, std::uint32_t max_bytes = 8192, bool* truncated = nullptr) {
  SyslogOptions options;
  options.max_bytes = max_bytes;
  const SyslogRecord made = make_syslog_record(options, SyslogHeader::kRfc5424, structured, 812, message(body));
  if (truncated != nullptr) *truncated = made.truncated;
  return made.bytes;
}

const std::string kHeader = "<10>1 2026-11-02T10:00:00.000056Z node1.example shrike 812 Exec_from_/tmp ";

TEST(SyslogRecord, Rfc5424) {
  const struct {
    std::string body;
    bool structured;
    std::string out;
  } rows[] = {
      {"text", false, "- text"},
      {"[not data] text", false, "- [not data] text"},
      {"[a@1 b=\"c\"] text", true, "[a@1 b=\"c\"] text"},
      {"[a@1 b=\"c\"][d@1] text", true, "[a@1 b=\"c\"][d@1] text"},
      {"[a@1 b=\"c\"]", true, "[a@1 b=\"c\"]"},
      {"- text", true, "- text"},
      {R"([a@1 b="\]\" \\"] [x] text)", true, R"([a@1 b="\]\" \\"] [x] text)"},
      // What is no structured data is text, and can't be taken for any.
      {"[a@1 b=\"c] text", true, "- [a@1 b=\"c] text"},
      {"[a@1 b=\"c\"]text", true, "- [a@1 b=\"c\"]text"},
      {"[a@1 b=\"c]\"] text", true, "- [a@1 b=\"c]\"] text"},
      {"text", true, "- text"},
      {"", true, "-"},
      {"", false, "-"},
      // One record stays one, however it is framed.
      {"a\nb\r\x1b[1m\x7f\tc", false, "- a b  [1m \tc"},
      {std::string("a\0b", 3), false, "- a b"},
      {"[a@1 b=\"c\nd\"] e\nf", true, "[a@1 b=\"c d\"] e f"},
  };
  for (const auto& row : rows) EXPECT_EQ(record(row.body, row.structured), kHeader + row.out) << row.body;
}

TEST(SyslogRecord, HeaderHasWordsOnly) {
  Message hostile = message("x");
  hostile.host = "a b\n";
  hostile.rule = "\xc3\xa9 <0>1 0123456789012345678901234567890123456789";
  SyslogOptions options;
  options.facility = 23;
  options.app_name = "";
  options.bom = true;
  hostile.priority = 200;
  EXPECT_EQ(make_syslog_record(options, SyslogHeader::kRfc5424, false, 1, hostile).bytes,
            "<191>1 2026-11-02T10:00:00.000056Z a_b_ - 1 ___<0>1_012345678901234567890123 - \xef\xbb\xbfx");
}

TEST(SyslogRecord, Rfc3164) {
  setenv("TZ", "UTC", 1);
  tzset();
  EXPECT_EQ(make_syslog_record({}, SyslogHeader::kRfc3164, false, 812, message("text")).bytes,
            "<10>Nov  2 10:00:00 node1 shrike[812]: text");
  EXPECT_EQ(make_syslog_record({}, SyslogHeader::kLocal, false, 812, message("text")).bytes,
            "<10>Nov  2 10:00:00 shrike[812]: text");
}

// At every length: never too long, never half a character, never half a parameter, marked whenever something is missing.
TEST(SyslogRecord, CutAtAnyLength) {
  std::string text;
  for (int i = 0; i < 60; ++i) text += "aé€😀";
  const std::string data = R"([alert@1 id="0199"][proc@1 cmd=")" + std::string(200, 'x') + R"(" n="7"])";
  for (std::uint32_t most = 480; most < 1200; ++most) {
    bool truncated = false;
    const std::string out = record(data + ' ' + text, true, most, &truncated);
    ASSERT_LE(out.size(), most);
    ASSERT_EQ(truncated, out.ends_with("…[truncated]")) << out;
    ASSERT_EQ(truncated, out.size() < kHeader.size() + data.size() + 1 + text.size());
    std::string kept = out.substr(kHeader.size());
    ASSERT_TRUE(kept.starts_with(data + ' ')) << most << out;
    kept = kept.substr(data.size() + 1);
    if (truncated) kept.resize(kept.size() - std::string("…[truncated]").size());
    ASSERT_TRUE(text.starts_with(kept));
    ASSERT_TRUE(kept.size() == text.size() || (static_cast<unsigned char>(text[kept.size()]) & 0xC0U) != 0x80U) << most;
  }
}

TEST(SyslogRecord, ParametersThatDoNotFitAreLeftOutWhole) {
  const std::string big(500, 'x');
  bool truncated = false;
  EXPECT_EQ(record("[alert@1 id=\"0199\" big=\"" + big + "\" rule=\"r\"][proc@1 cmd=\"" + big + "\"][u@1 id=\"0\"] text", true,
                   480, &truncated),
            kHeader + "[alert@1 id=\"0199\" rule=\"r\"][u@1 id=\"0\"] text…[truncated]");
  EXPECT_TRUE(truncated);
}

TEST(Syslog, OptionsAreChecked) {
  const auto refused = [](auto&& change) {
    SyslogOptions options;
    options.transport = SyslogTransport::kTcp;
    options.host = "localhost";
    change(options);
    return !make_syslog(options, false).has_value();
  };
  EXPECT_FALSE(refused([](SyslogOptions&) {}));
  EXPECT_TRUE(refused([](SyslogOptions& o) { o.max_bytes = 479; }));
  EXPECT_TRUE(refused([](SyslogOptions& o) { o.facility = 24; }));
  EXPECT_TRUE(refused([](SyslogOptions& o) { o.host = ""; }));
  EXPECT_TRUE(refused([](SyslogOptions& o) {
    o.tls.enabled = true;
    o.tls.ca_file = "/nowhere";
  }));
  EXPECT_TRUE(refused([](SyslogOptions& o) {
    o.tls.enabled = true;
    o.transport = SyslogTransport::kUdp;
  }));
  EXPECT_TRUE(refused([](SyslogOptions& o) {
    o.max_bytes = 65'508;
    o.transport = SyslogTransport::kUdp;
  }));
  EXPECT_TRUE(refused([](SyslogOptions& o) {
    o.path = std::string(108, 'x');
    o.transport = SyslogTransport::kUnix;
  }));
}

}  // namespace
}  // namespace shrike::outputs
