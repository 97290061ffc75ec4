// SPDX-License-Identifier: Apache-2.0
#include "outputs/format.h"

#include <cstdlib>
#include <ctime>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace shrike::outputs {
namespace {

act::Alert sample(std::string message) {
  act::Alert alert;
  alert.time_ns = 1'700'000'000'000'000'001;
  alert.priority = 5;
  alert.rule = "My shell";
  alert.source = "syscall";
  alert.message = std::move(message);
  alert.tags = {"container", "mine"};
  alert.fields = {{"container.id", std::string("c1")}, {"user.name", std::string("bob")},   {"proc.tty", std::uint64_t{0}},
                  {"fd.name", std::monostate{}},       {"user.loginuid", std::int64_t{-1}}, {"proc.is_exe_from_memfd", true}};
  alert.hostname = "n1";
  alert.id = "018bcfe5-6800-7000-8000-000000000000";
  alert.verdict = "alert";
  return alert;
}

class FormatTest : public testing::Test {
 protected:
  void SetUp() override {
    setenv("TZ", "UTC", 1);
    tzset();
  }
};

TEST_F(FormatTest, TextIsFalcosLine) {
  EXPECT_EQ(format_alert(sample("Shell in c1 (user=bob)"), {}), "22:13:20.000000001: Notice Shell in c1 (user=bob)");
  EXPECT_EQ(format_alert(sample("x"), {.iso_time = true}), "2023-11-14T22:13:20.000000001+0000: Notice x");
}

TEST_F(FormatTest, JsonHasFalcosKeysAndOurs) {
  EXPECT_EQ(format_alert(sample("Shell"), {.format = Format::kJson}),
            R"({"hostname":"n1","id":"018bcfe5-6800-7000-8000-000000000000","output":"22:13:20.000000001: Notice Shell",)"
            R"("output_fields":{"container.id":"c1","evt.time":1700000000000000001,"fd.name":null,"proc.is_exe_from_memfd":true,)"
            R"("proc.tty":0,"user.loginuid":-1,"user.name":"bob"},"priority":"Notice","rule":"My shell","source":"syscall",)"
            R"("tags":["container","mine"],"time":"2023-11-14T22:13:20.000000001Z","verdict":"alert"})");
}

TEST_F(FormatTest, VerdictsSayWhoDecidedAndHow) {
  act::Alert alert = sample("Blocked");
  alert.verdict = "blocked";
  alert.hook = "file_open";
  alert.error_number = 1;
  alert.generation = 3;
  alert.fields.emplace_back("fd.names", std::vector<std::string>{"/a\nb", "/c\xff"});
  const std::string line = format_alert(alert, {.format = Format::kJson});
  const auto object = nlohmann::json::parse(line);
  EXPECT_EQ(object["verdict"], "blocked");
  EXPECT_EQ(object["hook"], "file_open");
  EXPECT_EQ(object["errno"], 1);
  EXPECT_EQ(object["generation"], 3);
  EXPECT_EQ(object["output_fields"]["fd.names"], (nlohmann::json{"/a\nb", "/c\ufffd"})) << "an array";
  EXPECT_EQ(format_alert(alert, {}), "22:13:20.000000001: Notice Blocked") << "text says what the rule's output says";
  alert.verdict = "would_kill";
  alert.error_number = 0;
  EXPECT_EQ(nlohmann::json::parse(format_alert(alert, {.format = Format::kJson}))["errno"], 0);
  alert.verdict = "alert";
  const auto plain = nlohmann::json::parse(format_alert(alert, {.format = Format::kJson}));
  for (const char* key : {"hook", "errno", "generation"}) EXPECT_FALSE(plain.contains(key)) << key;
}

TEST_F(FormatTest, InternalNoticesHaveNoTags) {
  act::Alert notice = sample("lost (n=3)");
  notice.source = "internal";
  notice.verdict.clear();
  const auto object = nlohmann::json::parse(format_alert(notice, {.format = Format::kJson}));
  EXPECT_FALSE(object.contains("tags"));
  EXPECT_FALSE(object.contains("verdict"));
}

TEST_F(FormatTest, HostileTextStaysOneHarmlessLine) {
  using namespace std::string_literals;
  const std::string hostile[] = {
      "a\nb",
      "a\rb",
      "\x1b[2J\x1b]0;x\x07",
      "quote\" backslash\\",
      "nul\0byte"s,
      "\x80\xff bad utf-8",
      "\xc2\x9b"
      "31m C1",
      "\x7f"
      "del",
      "\xe2\x80\xae rtl",
      "\xe2\x80\xa8 line separator",
      "\xed\xa0\x80 surrogate",
      std::string(70'000, 'A'),
      "emoji \xf0\x9f\x90\xa6 stays",
  };
  for (const std::string& text : hostile) {
    for (const Format format : {Format::kText, Format::kJson}) {
      act::Alert alert = sample(text);
      alert.fields.emplace_back("evil", text);
      const std::string line = format_alert(alert, {.format = format});
      for (const char c : line) EXPECT_GE(static_cast<unsigned char>(c), 0x20) << escape(text);
      EXPECT_EQ(line.find('\x7f'), std::string::npos);
      EXPECT_EQ(line.find("\xc2\x9b"), std::string::npos);
      EXPECT_EQ(line.find("\xe2\x80\xae"), std::string::npos);
      EXPECT_EQ(line.find("\xe2\x80\xa8"), std::string::npos);
      if (format == Format::kJson) {
        const auto object = nlohmann::json::parse(line);
        EXPECT_TRUE(object["output_fields"]["evil"].is_string());
        if (nlohmann::json(text).is_string() && text.find('\x80') == std::string::npos && text[0] != '\xed') {
          EXPECT_EQ(object["output_fields"]["evil"].get<std::string>(), text) << "parsed back byte for byte";
        }
      }
    }
  }
  EXPECT_EQ(escape("\xf0\x9f\x90\xa6"), "\xf0\x9f\x90\xa6");
  EXPECT_EQ(escape("a\nb\x1b"), "a\\nb\\u001b");
}

}  // namespace
}  // namespace shrike::outputs
