// SPDX-License-Identifier: Apache-2.0
// Several files as one set, and Falco's own packs.
#include "engine/app/load_rules.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include "tests/support/packs.h"

namespace shrike::app {
namespace {

namespace fs = std::filesystem;

class Files {
 public:
  Files() { EXPECT_NE(mkdtemp(folder_.data()), nullptr); }
  ~Files() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;

  Files& add(const std::string& name, const std::string& text) {
    paths_.push_back(folder_ + '/' + name);
    std::ofstream(paths_.back()) << text;
    return *this;
  }
  LoadedRules load(const std::vector<lang::RuleSwitch>& switches = {}) const {
    return load_rules(paths_, {.suggested_output = false}, switches);
  }
  const std::string& folder() const { return folder_; }

 private:
  std::string folder_ = testing::TempDir() + "shrike_load_XXXXXX";
  std::vector<std::string> paths_;
};

std::string rule(const std::string& name, const std::string& condition) {
  return "- rule: " + name + "\n  desc: d\n  condition: " + condition + "\n  output: o\n  priority: INFO\n  tags: [" + name +
         "]\n";
}

// "code file:line" of the errors.
std::string errors(const LoadedRules& loaded) {
  std::string all;
  for (const lang::Diagnostic& found : loaded.diagnostics.all()) {
    if (found.severity != lang::Severity::kError) continue;
    all += (all.empty() ? "" : " ") + found.code + ' ' + fs::path(found.position.file).filename().string() + ':' +
           std::to_string(found.position.line);
  }
  return all;
}

TEST(LoadRules, EachFileStandsOnTheEarlierOnes) {
  const std::string macro = "- macro: m\n  condition: evt.type = open\n";
  // Row 120 of rule-language.md 7.3, and its counterpart.
  EXPECT_EQ(errors(Files().add("a", rule("R", "m")).add("b", macro).load()), "LOAD_ERR_VALIDATE a:3");
  EXPECT_EQ(errors(Files().add("a", macro).add("b", rule("R", "m")).load()), "");
  // A list of a later file is a plain text in an earlier one, and event types are no plain texts.
  EXPECT_EQ(errors(Files().add("a", rule("R", "evt.type in (types)")).add("b", "- list: types\n  items: [open]\n").load()),
            "LOAD_ERR_COMPILE_CONDITION a:3");
  // What a later file mends is broken all the same.
  EXPECT_EQ(errors(Files().add("a", rule("R", "no.such = 1")).add("b", rule("R", "evt.type = open")).load()),
            "LOAD_ERR_COMPILE_CONDITION a:3");
  EXPECT_EQ(errors(Files().add("a", rule("R", "evt.type = open and (")).add("b", "").load()), "LOAD_ERR_COMPILE_CONDITION a:3");
}

TEST(LoadRules, PluginsAreAskedForLast) {
  const std::string other = "- required_plugin_versions: [{name: json, version: 0.1.0}]\n";
  EXPECT_EQ(errors(Files().add("a", other).load()), "LOAD_ERR_VALIDATE a:1");
  EXPECT_EQ(errors(Files().add("a", other).add("b", "- list: x\n").load()), "LOAD_ERR_YAML_VALIDATE b:1");
}

TEST(LoadRules, WhatIsNoFile) {
  Files files;
  EXPECT_EQ(load_rules({files.folder() + "/none"}, {}).diagnostics.all().at(0).code, "LOAD_ERR_FILE_READ");
  EXPECT_EQ(load_rules({files.folder()}, {}).diagnostics.all().at(0).code, "LOAD_ERR_FILE_READ");
  files.add("b.yaml", rule("B", "evt.type = open")).add("a.yaml", rule("A", "evt.type = open")).add("c.yml", "- list: a\n");
  EXPECT_EQ(load_rules({files.folder()}, {}).program.rules.at(0).name, "A");
}

TEST(LoadRules, SwitchesApplyAfterTheLastFile) {
  using By = lang::RuleSwitch::By;
  const LoadedRules loaded = Files()
                                 .add("a", rule("A", "evt.type = open"))
                                 .add("b", rule("B", "evt.type = open") + "  enabled: false\n")
                                 .load({{false, By::kName, "*"}, {true, By::kTag, "B"}});
  ASSERT_EQ(loaded.program.rules.size(), 2U);
  EXPECT_FALSE(loaded.program.rules[0].enabled);
  EXPECT_TRUE(loaded.program.rules[1].enabled);
}

TEST(LoadRules, MillionsOfEntriesAreLoaded) {
  std::string list = "- list: big\n  items:\n";
  for (int i = 0; i < 1'000'000; ++i) list += "  - /f/" + std::to_string(i) + '\n';
  const LoadedRules loaded = Files().add("a", list + rule("R", "evt.type = open and fd.name in (big)")).load();
  EXPECT_EQ(errors(loaded), "");
  EXPECT_EQ(loaded.program.rules.size(), 1U);
}

// Falco's packs, unmodified: no error and no warning, together and alone.
TEST(LoadRules, FalcosPacks) {
  const auto found_packs = test::falco_packs();
  if (!found_packs) GTEST_SKIP() << "Falco's packs are not here";
  const fs::path& packs = *found_packs;
  const auto load = [&](const std::vector<std::string>& names) {
    std::vector<std::string> paths;
    for (const std::string& name : names) paths.push_back(packs / name);
    const LoadedRules loaded = load_rules(paths, {});
    for (const lang::Diagnostic& found : loaded.diagnostics.all()) ADD_FAILURE() << lang::format(found);
    return loaded.program.rules.size();
  };
  const std::string stable = "falco_rules.yaml";
  const std::string incubating = "falco-incubating_rules.yaml";
  const std::string sandbox = "falco-sandbox_rules.yaml";
  EXPECT_EQ(load({stable}), 25U);
  EXPECT_EQ(load({incubating}), 31U);
  EXPECT_EQ(load({sandbox}), 37U);
  EXPECT_EQ(load({stable, incubating, sandbox}), 93U);
}

}  // namespace
}  // namespace shrike::app
