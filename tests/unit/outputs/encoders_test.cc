// SPDX-License-Identifier: Apache-2.0
// Every encoding of every alert of tests/golden/encodings/alerts.jsonl against the file beside it, ENCODING.txt, a line each.
// After a change that is meant:
//   SHRIKE_REWRITE_GOLDEN=1 build/tests/unit/outputs_test --gtest_filter='Encoders.*'
// and read the difference. The product's version stands as @VERSION@ there.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "outputs/encode/details.h"
#include "outputs/encode/encoder.h"
#include "outputs/encode/text.h"
#include "tests/support/alert_json.h"

namespace shrike::outputs {
namespace {

const std::string kFolder = SHRIKE_SOURCE_DIR "/tests/golden/encodings/";

std::vector<act::Alert> alerts() {
  std::ifstream file(kFolder + "alerts.jsonl");
  std::vector<act::Alert> all;
  for (std::string line; std::getline(file, line);) all.push_back(test::parse_alert(line));
  return all;
}

std::string with_placeholder(std::string text) {
  const std::string version(product_version());
  for (const std::string around : {"|", "\""}) {
    const std::string what = around + version + around;
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1))
      text.replace(at, what.size(), around + "@VERSION@" + around);
  }
  return text;
}

class Encoders : public testing::TestWithParam<Encoding> {
 protected:
  void SetUp() override {
    setenv("TZ", "UTC", 1);
    tzset();
  }
};

TEST_P(Encoders, AreAsTheGoldenFileSays) {
  const auto encoder = make_encoder(GetParam(), {}, test::alert_host());
  std::string text;
  for (const act::Alert& alert : alerts()) text += encoder->encode(alert) + '\n';
  text = with_placeholder(text);
  const std::string path = kFolder + std::string(spelling(GetParam())) + ".txt";
  if (std::getenv("SHRIKE_REWRITE_GOLDEN") != nullptr) {
    std::ofstream(path) << text;
    return;
  }
  std::ifstream file(path);
  ASSERT_TRUE(file) << path;
  std::ostringstream want;
  want << file.rdbuf();
  EXPECT_EQ(text, want.str()) << path;
}

TEST_P(Encoders, SayTheSameOfTheSameAlert) {
  const auto one = make_encoder(GetParam(), {}, test::alert_host());
  const auto other = make_encoder(GetParam(), {}, test::alert_host());
  for (const act::Alert& alert : alerts()) EXPECT_EQ(one->encode(alert), other->encode(alert));
}

// What is asked for must be what is read: an encoding that needs facts differs without them, the others do not.
TEST_P(Encoders, ReadFactsIfTheySaySo) {
  const auto encoder = make_encoder(GetParam(), {}, test::alert_host());
  act::Alert alert = alerts().at(0);
  const std::string with = encoder->encode(alert);
  alert.facts.clear();
  EXPECT_EQ(encoder->encode(alert) != with, reads_facts(GetParam()));
}

TEST_P(Encoders, TakeAnAlertOfWhichNothingIsKnown) {
  const auto encoder = make_encoder(GetParam(), {}, {});
  EXPECT_FALSE(encoder->encode({}).empty());
  act::Alert alert;
  alert.verdict = "killed";
  alert.fields = {{"a.b", std::int64_t{-1}}, {"a_b", 0.5}, {"", true}, {"fd.sip", std::string("no address")}};
  alert.facts = {{"evt.type", std::string("connect")}, {"fd.sport", std::uint64_t{70'000}}, {"proc.pid", std::int64_t{-1}}};
  const std::string record = encoder->encode(alert);
  EXPECT_FALSE(record.empty());
  EXPECT_FALSE(record.contains("70000")) << "no port";
}

std::vector<Encoding> every() {
  std::vector<Encoding> all;
  for (std::size_t i = 0; i < static_cast<std::size_t>(Encoding::kCount); ++i) all.push_back(static_cast<Encoding>(i));
  return all;
}
INSTANTIATE_TEST_SUITE_P(All, Encoders, testing::ValuesIn(every()),
                         [](const auto& of) { return std::string(spelling(of.param)); });

TEST(Encode, OutputFieldsNeverShareAKey) {
  act::Alert alert;
  alert.fields = {{"a.b", std::string("1")}, {"a_b", std::string("2")}, {"a-b", std::string("3")}};
  const auto object = nlohmann::json::parse(make_encoder(Encoding::kEcs, {}, {})->encode(alert));
  EXPECT_EQ(object["shrike"]["output_fields"], (nlohmann::json{{"a_b", "1"}, {"a_b_", "2"}, {"a_b__", "3"}}));
}

TEST(Encode, OcsfLeavesOutWhatAVersionLacks) {
  const act::Alert alert = alerts().at(1);  // would_block
  EncoderOptions options;
  for (const std::string_view version : kOcsfVersions) {
    options.ocsf_version = version;
    const auto object = nlohmann::json::parse(make_encoder(Encoding::kOcsf, options, {})->encode(alert));
    EXPECT_EQ(object["metadata"]["version"], version);
    const bool newer = version >= "1.4";
    EXPECT_EQ(object.contains("is_alert"), newer);
    EXPECT_EQ(object["action_id"], newer ? 3 : 1);
    const bool has_file_path = std::ranges::any_of(object["observables"], [](const auto& each) { return each["type_id"] == 45; });
    EXPECT_EQ(has_file_path, version >= "1.5") << version;
  }
}

TEST(EncodeText, Utf8IsReplacedPartByPart) {
  const struct {
    std::string_view bytes, want;
  } cases[] = {
      {"a\xff"
       "b",
       "a\ufffd"
       "b"},
      {"\xe2\x82", "\ufffd"},        // cut off
      {"\xe2\x82z", "\ufffdz"},      // cut off by another
      {"\xc0\xaf", "\ufffd\ufffd"},  // overlong
      {"\xe0\x9f\xbf", "\ufffd\ufffd\ufffd"},
      {"\xf0\x8f\xbf\xbf", "\ufffd\ufffd\ufffd\ufffd"},
      {"\xed\xa0\x80", "\ufffd\ufffd\ufffd"},  // a surrogate
      {"\xf4\x90\x80\x80", "\ufffd\ufffd\ufffd\ufffd"},
      {"\xf0\x9f\x98\x80", "\U0001f600"},
  };
  for (const auto& [bytes, want] : cases) EXPECT_EQ(clean(bytes), want);
}

TEST(EncodeText, WhatDrivesATerminalIsSpelled) {
  EXPECT_EQ(visible(std::string_view("a\n\r\t\x1b[2J\0\x7f\"\\", 12)), "a\\n\\r\\t\\u001b[2J\\u0000\\u007f\"\\");
  EXPECT_EQ(visible("\u202e\u2028\u009b"), "\\u202e\\u2028\\u009b");
  std::string json;
  append_json(json, "\"\\\n\u202e");
  EXPECT_EQ(json, "\\\"\\\\\\n\\u202e");
}

TEST(EncodeText, CutsBetweenCharactersAndSaysSo) {
  EXPECT_EQ(cut("abcdef", 6), "abcdef");
  EXPECT_EQ(cut("abcdefg", 6), "abc\u2026");
  EXPECT_EQ(cut("aä\U0001f600bc", 8), "aä\u2026");
  EXPECT_EQ(cut("abc", 2), "");
}

TEST(EncodeText, TimesHaveAsManyDigitsAsAsked) {
  EXPECT_EQ(utc_text(1'793'613'600'123'456'789, 9), "2026-11-02T10:00:00.123456789Z");
  EXPECT_EQ(utc_text(1'793'613'600'123'456'789, 3), "2026-11-02T10:00:00.123Z");
  EXPECT_EQ(utc_text(1'793'613'600'000'000'000, 6), "2026-11-02T10:00:00.000000Z");
  EXPECT_EQ(utc_text(1'793'613'600'999'999'999, 0), "2026-11-02T10:00:00Z");
}

TEST(Details, TagsGiveTacticsAndTechniques) {
  act::Alert alert;
  alert.tags = {"T1059",     "mitre_execution", "T1059.004",       "T105", "T1059.",
                "T1059x004", "mitre_other",     "mitre_execution", "T1059"};
  const HostFacts host;
  const Details of(alert, host);
  EXPECT_EQ(of.techniques, (std::vector<std::string_view>{"T1059", "T1059.004"}));
  ASSERT_EQ(of.tactics.size(), 1U);
  EXPECT_EQ(of.tactics[0]->id, "TA0002");
}

TEST(Details, DeedsAndOutcomes) {
  const struct {
    std::string_view type, verdict, result, deed, action, outcome;
    bool writes = false;
  } cases[] = {
      {"execve", "alert", "SUCCESS", "exec", "detected", "success"},
      {"openat", "alert", "ENOENT", "file-read", "detected", "failure"},
      {"openat", "would_kill", "SUCCESS", "file-write", "observed", "success", true},
      {"unlinkat", "blocked", "EPERM", "file-delete", "blocked", "failure"},
      {"connect", "killed", "SUCCESS", "connect", "killed", "failure"},
      {"connect", "alert", "EINPROGRESS", "connect", "detected", "unknown"},
      {"userfaultfd", "alert", "", "userfaultfd", "detected", "unknown"},
  };
  for (const auto& each : cases) {
    act::Alert alert;
    alert.source = "syscall";
    alert.verdict = each.verdict;
    alert.facts = {
        {"evt.is_open_write", each.writes}, {"evt.res", std::string(each.result)}, {"evt.type", std::string(each.type)}};
    const HostFacts host;
    const Details of(alert, host);
    EXPECT_EQ(of.deed.name, each.deed);
    EXPECT_EQ(of.action(), each.action);
    EXPECT_EQ(of.outcome(), each.outcome);
  }
}

// A receiver may refuse a whole record for an address or a port that is none.
TEST(Details, AddressesAndPortsAreSuch) {
  act::Alert alert;
  alert.verdict = "alert";
  alert.facts = {{"evt.type", std::string("connect")},
                 {"fd.cip", std::string("10.0.0.256")},
                 {"fd.cport", std::uint64_t{70'000}},
                 {"fd.sip", std::string("2001:db8::2")},
                 {"fd.sport", std::uint64_t{22}}};
  const HostFacts host;
  const Details of(alert, host);
  EXPECT_EQ(of.network.source, "");
  EXPECT_EQ(of.network.source_port, std::nullopt);
  EXPECT_EQ(of.network.destination, "2001:db8::2");
  EXPECT_EQ(of.network.destination_port, 22);
  EXPECT_EQ(of.network.version, 6);
}

TEST(Details, ARenameHasTwoNames) {
  act::Alert alert;
  alert.verdict = "alert";
  alert.facts = {
      {"evt.type", std::string("rename")}, {"fs.path.source", std::string("/a/old")}, {"fs.path.target", std::string("/new")}};
  const HostFacts host;
  const Details renamed(alert, host);
  EXPECT_EQ(renamed.file.path, "/new");
  EXPECT_EQ(renamed.file.directory, "/");
  EXPECT_EQ(renamed.file.old_path, "/a/old");
  std::get<std::string>(alert.facts[0].second) = "symlink";
  const Details linked(alert, host);
  EXPECT_EQ(linked.file.path, "/a/old") << "of a link the source is the new name";
  EXPECT_EQ(linked.file.target, "/new");
}

}  // namespace
}  // namespace shrike::outputs
