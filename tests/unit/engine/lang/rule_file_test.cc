// SPDX-License-Identifier: Apache-2.0
#include "engine/lang/rule_file.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/lang/yaml_tree.h"

namespace shrike::lang {
namespace {

struct Loaded {
  RuleSet set;
  Diagnostics diagnostics;

  void read(std::string text, std::string path = "r.yaml") {
    read_rule_file(std::make_shared<SourceFile>(SourceFile{std::move(path), std::move(text)}), set, diagnostics);
  }
  // Codes of all diagnostics, errors marked by '!'.
  std::string codes() const {
    std::string out;
    for (const Diagnostic& diagnostic : diagnostics.all()) {
      if (!out.empty()) out += ' ';
      out += (diagnostic.severity == Severity::kError ? "!" : "") + diagnostic.code.substr(5);
    }
    return out;
  }
  std::string formatted() const {
    std::string out;
    for (const Diagnostic& diagnostic : diagnostics.all()) out += format(diagnostic) + '\n';
    return out;
  }
};

Loaded load(std::string text) {
  Loaded loaded;
  loaded.read(std::move(text));
  return loaded;
}

// The base of the rows below: rule R with condition C and tags [t1], a list and a macro.
constexpr std::string_view kBase =
    "- list: L\n  items: [a, b]\n"
    "- macro: M\n  condition: x or y\n"
    "- rule: R\n  desc: d\n  condition: C\n  output: o\n  priority: INFO\n  tags: [t1]\n";

struct Row {
  const char* name;
  const char* yaml;
  const char* codes;
};

// Rows of one file, with the base before it. Numbers are those of rule-language.md 7.3 and 7.4.
constexpr Row kRows[] = {
    {"nothing", "", ""},
    {"empty documents and null items", "---\n---\n- ~\n-\n", ""},
    {"a mapping", "---\na: b\n", "!ERR_YAML_VALIDATE"},
    {"a text", "---\nhello\n", "!ERR_YAML_VALIDATE"},
    {"an item that is a text", "- hello\n", "!ERR_YAML_VALIDATE"},
    {"broken YAML", "- a: [b\n", "!ERR_YAML_PARSE"},
    {"a quote that is not closed", "- list: l\n  items: [a]\n- list: \"m \\\"\n", "!ERR_YAML_PARSE"},  // yaml-cpp takes it
    {"a single one", "- list: l\n  items: [a]\n- list: 'it''s\n", "!ERR_YAML_PARSE"},
    {"a file cut off in its last text", "- list: l\n  items:\n  - 'a", "!ERR_YAML_PARSE"},
    {"a comma after an item", "- list: l\n,\n", "!ERR_YAML_PARSE"},  // yaml-cpp finds empty documents there, for ever
    {"documents that end", "---\n...\n---\n...\n", ""},
    {"a key twice", "- list: a\n  items: []\n  items: []\n", "!ERR_YAML_VALIDATE"},
    {"row 135, unknown item", "- foo: 1\n", "UNKNOWN_ITEM"},
    {"row 116, a null in a list", "- list: a\n  items: [~]\n", "!ERR_YAML_VALIDATE"},
    {"a list in a list", "- list: a\n  items: [[b]]\n", "!ERR_YAML_VALIDATE"},
    {"row 117, items of nothing", "- list: a\n  items:\n", "!ERR_YAML_VALIDATE"},
    {"a list without items", "- list: a\n", "!ERR_YAML_VALIDATE"},
    {"an empty list", "- list: a\n  items: []\n", ""},
    {"a list's name with a blank", "- list: a b\n  items: []\n", "INVALID_LIST_NAME"},
    {"a macro's name with a dash", "- macro: a-b\n  condition: x\n", "INVALID_MACRO_NAME"},
    {"a macro without text", "- macro: a\n  condition: ''\n", "!ERR_YAML_VALIDATE"},
    {"a name that is a list", "- macro: [a]\n  condition: x\n", "!ERR_YAML_VALIDATE"},
    {"unknown keys", "- list: a\n  items: []\n  x1: 1\n- macro: b\n  condition: x\n  y1: 1\n", "UNKNOWN_KEY UNKNOWN_KEY"},
    {"row 125, the old switch", "- rule: R\n  enabled: false\n", "DEPRECATED_ITEM"},
    {"row 126, of an unknown rule", "- rule: Q\n  enabled: false\n", "DEPRECATED_ITEM !ERR_VALIDATE"},
    {"a rule of a name alone", "- rule: R\n", "!ERR_YAML_VALIDATE"},
    {"row 127, no desc", "- rule: Q\n  condition: x\n  output: o\n  priority: INFO\n", "!ERR_YAML_VALIDATE"},
    {"row 128, empty output", "- rule: Q\n  desc: d\n  condition: x\n  output: \"\"\n  priority: INFO\n", "!ERR_YAML_VALIDATE"},
    {"row 129, a wrong priority", "- rule: Q\n  desc: d\n  condition: x\n  output: o\n  priority: warn\n", "!ERR_YAML_VALIDATE"},
    {"row 131, tag for tags", "- rule: Q\n  desc: d\n  condition: x\n  output: o\n  priority: INFO\n  tag: [x]\n", "UNKNOWN_KEY"},
    {"a flag that is none", "- rule: Q\n  desc: d\n  condition: x\n  output: o\n  priority: INFO\n  enabled: maybe\n",
     "!ERR_YAML_VALIDATE"},
    {"a duration that is none", "- rule: Q\n  desc: d\n  condition: x\n  output: o\n  priority: INFO\n  capture_duration: 1s\n",
     "!ERR_YAML_VALIDATE"},
    {"tags of nothing", "- rule: Q\n  desc: d\n  condition: x\n  output: o\n  priority: INFO\n  tags:\n", "!ERR_YAML_VALIDATE"},
    {"exceptions of nothing", "- rule: Q\n  desc: d\n  condition: x\n  output: o\n  priority: INFO\n  exceptions:\n", ""},
    {"an unknown source", "- rule: Q\n  desc: d\n  condition: x\n  output: o\n  priority: INFO\n  source: k8s_audit\n",
     "UNKNOWN_SOURCE"},
    {"an empty source", "- rule: Q\n  desc: d\n  condition: x\n  output: o\n  priority: INFO\n  source:\n", "!ERR_YAML_VALIDATE"},
    {"another source", "- rule: R\n  desc: d\n  condition: x\n  output: o\n  priority: INFO\n  source: k8s_audit\n",
     "!ERR_VALIDATE"},
    {"row 133, an engine version of one number", "- required_engine_version: 26\n", ""},
    {"an engine version", "- required_engine_version: 0.57.0-rc1\n", ""},
    {"a newer engine", "- required_engine_version: 0.64.0\n", "!ERR_VALIDATE"},
    {"row 134, another major", "- required_engine_version: 1.0.0\n", "!ERR_VALIDATE"},
    {"no version", "- required_engine_version: new\n", "!ERR_YAML_VALIDATE"},
    {"the container plugin", "- required_plugin_versions:\n  - {name: container, version: 0.4.0}\n", ""},
    {"a newer container plugin", "- required_plugin_versions:\n  - {name: container, version: 0.5.0}\n", "!ERR_VALIDATE"},
    {"another plugin", "- required_plugin_versions:\n  - {name: k8saudit, version: 0.1.0}\n", "!ERR_VALIDATE"},
    {"container as alternative",
     "- required_plugin_versions:\n  - {name: k, version: 0.1.0, alternatives: [{name: container, version: 0.2.0}]}\n", ""},
    {"an alternative twice",
     "- required_plugin_versions:\n  - {name: k, version: 0.1.0, alternatives: [{name: k, version: 0.2.0}]}\n", "!ERR_VALIDATE"},
    {"a plugin without version", "- required_plugin_versions:\n  - {name: container}\n", "!ERR_YAML_VALIDATE"},

    {"row 136, nothing to append", "- rule: R\n  append: true\n  enabled: false\n", "DEPRECATED_ITEM !ERR_VALIDATE"},
    {"row 137, append", "- rule: R\n  append: true\n  condition: and x\n  enabled: false\n", "DEPRECATED_ITEM"},
    {"row 138", "- rule: R\n  tags: [t2]\n  override: {tags: append}\n", ""},
    {"row 139", "- rule: R\n  enabled: false\n  override: {enabled: replace}\n", ""},
    {"row 140", "- rule: R\n  enabled: false\n  override: {enabled: append}\n", "!ERR_YAML_VALIDATE"},
    {"row 141", "- rule: R\n  source: syscall\n  override: {source: replace}\n", "!ERR_YAML_VALIDATE"},
    {"row 142", "- rule: R\n  condition: x\n  override: {output: replace}\n", "!ERR_YAML_VALIDATE"},
    {"row 143", "- rule: R\n  condition: and x\n  priority: INFO\n  override: {condition: append}\n", "!ERR_YAML_VALIDATE"},
    {"row 144", "- rule: R\n  condition: and x\n  append: true\n  override: {condition: append}\n", "!ERR_YAML_VALIDATE"},
    {"row 145", "- rule: Q\n  condition: x\n  override: {condition: replace}\n", "!ERR_VALIDATE"},
    {"row 146", "- list: K\n  items: [a]\n  override: {items: replace}\n", ""},
    {"row 147", "- list: K\n  items: [a]\n  override: {items: append}\n", "!ERR_VALIDATE"},
    {"row 147, the old way", "- list: K\n  items: [a]\n  append: true\n", "DEPRECATED_ITEM !ERR_VALIDATE"},
    {"append to no macro", "- macro: K\n  condition: a\n  append: true\n", "DEPRECATED_ITEM !ERR_VALIDATE"},
    {"an unknown operation", "- list: L\n  items: [a]\n  override: {items: add}\n", "!ERR_YAML_VALIDATE"},
    {"a list's override of something else", "- list: L\n  items: [a]\n  override: {condition: append}\n", "!ERR_YAML_VALIDATE"},
    {"an override with the rule's source", "- rule: R\n  source: syscall\n  desc: e\n  override: {desc: replace}\n", ""},
    {"an override with no source", "- rule: R\n  source:\n  desc: e\n  override: {desc: replace}\n", ""},
    {"an override with another source", "- rule: R\n  source: k\n  desc: e\n  override: {desc: replace}\n", "!ERR_VALIDATE"},
    {"an empty override is none", "- rule: R\n  condition: x\n  override: {}\n", "!ERR_YAML_VALIDATE"},

    {"action by override", "- rule: R\n  action: block\n  override: {action: replace}\n", ""},
    {"an unlisted action", "- rule: R\n  action: block\n  desc: e\n  override: {desc: replace}\n", "!ERR_YAML_VALIDATE"},
    {"action cannot be appended", "- rule: R\n  action: block\n  override: {action: append}\n", "!ERR_YAML_VALIDATE"},
    {"action in the old append", "- rule: R\n  append: true\n  condition: and x\n  action: block\n",
     "DEPRECATED_ITEM !ERR_VALIDATE"},
    {"action in the old switch", "- rule: R\n  enabled: true\n  mode: enforce\n", "!ERR_VALIDATE"},
    {"an unknown action", "- rule: R\n  action: deny\n  override: {action: replace}\n", "!ERR_YAML_VALIDATE"},
    {"the host's mode is not for rules", "- rule: R\n  mode: host\n  override: {mode: replace}\n", "!ERR_YAML_VALIDATE"},
    {"acton", "- rule: R\n  acton: block\n  desc: e\n  override: {desc: replace}\n", "!ERR_YAML_VALIDATE"},
    {"Action", "- rule: R\n  Action: block\n  desc: e\n  override: {desc: replace}\n", "!ERR_YAML_VALIDATE"},
    {"modes", "- rule: R\n  modes: enforce\n  desc: e\n  override: {desc: replace}\n", "!ERR_YAML_VALIDATE"},

    {"documents one after the other", "---\n- list: a\n  items: []\n---\n- list: b\n  items: []\n...\n", ""},
    {"an error in a later document", "- foo: 1\n---\na: b\n", "UNKNOWN_ITEM !ERR_YAML_VALIDATE"},
    {"broken YAML says nothing else", "- foo: 1\n- list: a\n  items: [~]\n- a: [b\n", "!ERR_YAML_PARSE"},
    {"a key without value", "- rule:\n  enabled: true\n", "!ERR_YAML_VALIDATE"},
    {"the first kind counts", "- macro: a\n  list: b\n  items: [c]\n", "UNKNOWN_KEY"},
    {"an alias for a condition", "- macro: a\n  condition: &c x\n- macro: b\n  condition: *c\n", ""},
    {"an alias without its anchor", "- macro: a\n  condition: *c\n", "!ERR_YAML_PARSE"},
    {"a merge key",
     "- rule: Q\n  <<: &base {desc: d, condition: x, output: o, priority: INFO}\n- {rule: P, <<: *base, desc: e}\n", ""},
    {"a merge key of several", "- {rule: Q, <<: [{desc: d, condition: x}, {desc: e, output: o, priority: INFO}]}\n", ""},
    {"a merge key of a text", "- {rule: Q, <<: x}\n", "!ERR_YAML_VALIDATE"},
    {"an override of nothing is none", "- rule: Q\n  desc: d\n  condition: x\n  output: o\n  priority: INFO\n  override:\n", ""},
    {"an empty override with all keys", "- rule: Q\n  desc: d\n  condition: x\n  output: o\n  priority: INFO\n  override: {}\n",
     ""},
    {"append: false is a definition", "- rule: Q\n  desc: d\n  condition: x\n  output: o\n  priority: INFO\n  append: false\n",
     ""},
    {"a switch reads nothing else", "- rule: R\n  enabled: false\n  tags: 5\n  output_: x\n", "UNKNOWN_KEY DEPRECATED_ITEM"},
    {"a wrong priority where it is ignored", "- rule: R\n  append: true\n  condition: and x\n  priority: none\n",
     "DEPRECATED_ITEM"},
    {"append with another source", "- rule: R\n  append: true\n  condition: and x\n  source: k\n",
     "DEPRECATED_ITEM !ERR_VALIDATE"},
    {"an override's target is asked for first", "- rule: Q\n  condition: x\n  desc: e\n  override: {condition: replace}\n",
     "!ERR_VALIDATE"},
    {"an override of a rule's name", "- rule: R\n  override: {rule: replace}\n", "!ERR_YAML_VALIDATE"},
    {"a macro's condition replaced", "- macro: M\n  condition: z\n  override: {condition: replace}\n", ""},
    {"a macro's override append, unknown", "- macro: K\n  condition: z\n  override: {condition: append}\n", "!ERR_VALIDATE"},
    {"a list's append and override", "- list: L\n  items: [c]\n  append: true\n  override: {items: append}\n",
     "!ERR_YAML_VALIDATE"},
    {"two engine versions", "- required_engine_version: 0.20.0\n- required_engine_version: 0.63.0\n", ""},
    {"an engine version of two numbers", "- required_engine_version: 0.57\n", "!ERR_YAML_VALIDATE"},
    {"no engine version", "- required_engine_version:\n", "!ERR_YAML_VALIDATE"},
    {"an unknown key beside a version", "- required_engine_version: 0.57.0\n  name: x\n", "UNKNOWN_KEY"},
    {"a plugin's version of one number", "- required_plugin_versions:\n  - {name: container, version: 1}\n", "!ERR_VALIDATE"},
    {"the container plugin of another major", "- required_plugin_versions:\n  - {name: container, version: 1.0.0}\n",
     "!ERR_VALIDATE"},
    {"the first alternative that is there decides",
     "- required_plugin_versions:\n  - {name: container, version: 9.0.0, alternatives: [{name: k, version: 0.1.0}]}\n",
     "!ERR_VALIDATE"},
    {"values that are no list",
     "- rule: R\n  exceptions: [{name: e, fields: fd.name, values: a}]\n  override: {exceptions: replace}\n",
     "!ERR_YAML_VALIDATE"},
    {"a new exception without values",
     "- rule: R\n  exceptions: [{name: e, fields: fd.name, values: []}]\n  override: {exceptions: append}\n",
     "APPEND_NO_VALUES !ERR_VALIDATE"},
    {"a new exception without fields", "- rule: R\n  exceptions: [{name: e, values: [a]}]\n  override: {exceptions: append}\n",
     "!ERR_VALIDATE"},
    {"exceptions that are no list",
     "- rule: Q\n  desc: d\n  condition: x\n  output: o\n  priority: INFO\n  exceptions: {name: e}\n", "!ERR_YAML_VALIDATE"},
    {"an unknown source: operators are checked",
     "- rule: Q\n  desc: d\n  condition: x\n  output: o\n  priority: INFO\n  source: k8s_audit\n  exceptions: [{name: e, fields: "
     "[ka.verb], comps: [like]}]\n",
     "UNKNOWN_SOURCE !ERR_VALIDATE"},
    {"an unknown source: fields and values are not",
     "- rule: Q\n  desc: d\n  condition: x\n  output: o\n  priority: INFO\n  source: k8s_audit\n  exceptions: [{name: e, fields: "
     "[ka.verb], values: [[a, b]]}]\n",
     "UNKNOWN_SOURCE"},
    {"every operator of an exception",
     "- rule: Q\n  desc: d\n  condition: x\n  output: o\n  priority: INFO\n  exceptions:\n  - {name: e, fields: [fd.num, fd.num, "
     "fd.name, fd.name, fd.name, fd.name], comps: [<=, '!=', glob, iglob, regex, bstartswith anyof]}\n",
     ""},
    {"exists is no operator of an exception",
     "- rule: Q\n  desc: d\n  condition: x\n  output: o\n  priority: INFO\n  exceptions: [{name: e, fields: [fd.name], comps: "
     "[exists]}]\n",
     "!ERR_VALIDATE"},
    {"capture keys",
     "- rule: Q\n  desc: d\n  condition: x\n  output: o\n  priority: INFO\n  capture: on\n  capture_duration: 4294967295\n", ""},
    {"a duration too large",
     "- rule: Q\n  desc: d\n  condition: x\n  output: o\n  priority: INFO\n  capture_duration: 4294967296\n",
     "!ERR_YAML_VALIDATE"},

    {"row 151",
     "- rule: R\n  exceptions: [{name: e, fields: [proc.name, fd.name], values: [[a]]}]\n  override: {exceptions: append}\n",
     "!ERR_VALIDATE"},
    {"row 152",
     "- rule: R\n  exceptions: [{name: e, fields: fd.name, comps: startswith, values: [a]}]\n  override: {exceptions: append}\n",
     "!ERR_VALIDATE"},
    {"row 154",
     "- rule: R\n  exceptions: [{name: e, fields: fd.name, values: [a]}]\n  override: {exceptions: replace}\n"
     "- rule: R\n  exceptions: [{name: e, fields: fd.name, values: [a]}]\n  override: {exceptions: append}\n",
     "!ERR_VALIDATE"},
    {"an exception without a name",
     "- rule: R\n  exceptions: [{fields: fd.name, values: [a]}]\n  override: {exceptions: replace}\n", "!ERR_YAML_VALIDATE"},
    {"an exception without fields", "- rule: R\n  exceptions: [{name: e, values: [a]}]\n  override: {exceptions: replace}\n",
     "!ERR_YAML_VALIDATE"},
    {"two exceptions of one name",
     "- rule: R\n  exceptions: [{name: e, fields: fd.name}, {name: e, fields: fd.name}]\n  override: {exceptions: replace}\n",
     "EXCEPTION_NAME_NOT_UNIQUE"},
    {"an unknown field", "- rule: R\n  exceptions: [{name: e, fields: fd.nmae}]\n  override: {exceptions: replace}\n",
     "!ERR_VALIDATE"},
    {"a field with an argument",
     "- rule: R\n  exceptions: [{name: e, fields: 'proc.aname[2]'}]\n  override: {exceptions: replace}\n", ""},
    {"an unknown operator",
     "- rule: R\n  exceptions: [{name: e, fields: [fd.name], comps: [like]}]\n  override: {exceptions: replace}\n",
     "!ERR_VALIDATE"},
    {"fields and comps of two shapes",
     "- rule: R\n  exceptions: [{name: e, fields: [fd.name], comps: in}]\n  override: {exceptions: replace}\n", "!ERR_VALIDATE"},
    {"more fields than comps",
     "- rule: R\n  exceptions: [{name: e, fields: [fd.name, proc.name], comps: [in]}]\n  override: {exceptions: replace}\n",
     "!ERR_VALIDATE"},
    {"a list for a single field",
     "- rule: R\n  exceptions: [{name: e, fields: fd.name, values: [[a]]}]\n  override: {exceptions: replace}\n",
     "!ERR_VALIDATE"},
    {"an append without values",
     "- rule: R\n  exceptions: [{name: e, fields: fd.name}]\n  override: {exceptions: replace}\n"
     "- rule: R\n  exceptions: [{name: e}]\n  override: {exceptions: append}\n",
     "APPEND_NO_VALUES"},
};

TEST(RuleFile, Rows) {
  for (const Row& row : kRows) {
    Loaded loaded = load(std::string(kBase));
    ASSERT_EQ(loaded.codes(), "");
    loaded.read(row.yaml);
    if (!loaded.diagnostics.has_errors()) check_plugins(loaded.set, loaded.diagnostics);
    EXPECT_EQ(loaded.codes(), row.codes) << row.name << '\n' << loaded.formatted();
  }
}

TEST(RuleFile, ReadsEveryKeyOfARule) {
  Loaded loaded = load(
      "- rule: A rule, \"quoted\"\n  desc: d\n  condition: >\n    evt.type = open\n    and x\n  output: \"  out %fd.name \\n\"\n "
      " priority: Info\n"
      "  enabled: off\n  capture: Yes\n  capture_duration: 500\n  warn_evttypes: n\n  skip-if-unknown-filter: TRUE\n  tags: [b, "
      "a, b, 5]\n"
      "  action: kill\n  mode: monitor\n");
  ASSERT_EQ(loaded.codes(), "") << loaded.formatted();
  const Rule& rule = *loaded.set.find_rule("A rule, \"quoted\"");
  EXPECT_EQ(rule.condition.value(), "evt.type = open and x\n");
  EXPECT_EQ(rule.output.value(), "out %fd.name");
  EXPECT_EQ(rule.priority, Priority::kInformational);
  EXPECT_EQ(spelling(rule.priority), "Informational");
  EXPECT_FALSE(rule.enabled);
  EXPECT_TRUE(rule.capture);
  EXPECT_EQ(rule.capture_duration_ms, 500U);
  EXPECT_FALSE(rule.warn_evttypes);
  EXPECT_TRUE(rule.skip_if_unknown_filter);
  EXPECT_EQ(rule.tags, (std::set<std::string>{"5", "a", "b"}));
  EXPECT_EQ(rule.action, Action::kKill);
  EXPECT_EQ(rule.mode, Mode::kMonitor);
  EXPECT_EQ(rule.position, (Position{"r.yaml", 1, 9}));
  EXPECT_EQ(rule.action_position, (Position{"r.yaml", 14, 11}));
}

TEST(RuleFile, FlagsAreYaml11) {
  const auto enabled = [](const char* word) {
    Loaded loaded = load(std::string(kBase));
    loaded.read(std::string("- rule: R\n  enabled: ") + word + "\n  override: {enabled: replace}\n");
    return loaded.diagnostics.has_errors() ? "error" : loaded.set.find_rule("R")->enabled ? "true" : "false";
  };
  for (const char* word : {"true", "True", "TRUE", "yes", "Yes", "on", "ON", "y", "Y", "'true'"})
    EXPECT_STREQ(enabled(word), "true");
  for (const char* word : {"false", "no", "NO", "off", "Off", "n", "N"}) EXPECT_STREQ(enabled(word), "false");
  for (const char* word : {"1", "0", "tRUE", "maybe", "''", "~", "[true]"}) EXPECT_STREQ(enabled(word), "error") << word;
}

TEST(RuleFile, MergedKeysStandBehindTheItemsOwn) {
  const Loaded loaded = load(
      "- {rule: A, <<: &base {desc: d, condition: x, output: o, priority: INFO, tags: [t]}}\n"
      "- {rule: B, <<: [{priority: ALERT}, *base], desc: e}\n");
  ASSERT_EQ(loaded.codes(), "");
  const Rule& rule = loaded.set.rules.back();
  EXPECT_EQ(rule.name, "B");
  EXPECT_EQ(rule.desc, "e");
  EXPECT_EQ(rule.priority, Priority::kAlert);
  EXPECT_EQ(rule.tags, (std::set<std::string>{"t"}));
}

// Rows 129 and 130.
TEST(RuleFile, PrioritiesInAnyCase) {
  EXPECT_EQ(parse_priority("Info"), Priority::kInformational);
  EXPECT_EQ(parse_priority("INFORMATIONAL"), Priority::kInformational);
  EXPECT_EQ(parse_priority("emergency"), Priority::kEmergency);
  for (const char* text : {"warn", "err", "crit", "", " info", "0"}) EXPECT_FALSE(parse_priority(text)) << text;
}

TEST(RuleFile, ListsTakeRawScalars) {
  Loaded loaded = load("- list: L\n  items: [80, yes, 1e3, '\"a b\"', 'null']\n");
  EXPECT_EQ(loaded.set.find_list("L")->items, (std::vector<std::string>{"80", "yes", "1e3", "\"a b\"", "null"}));
}

// Row 132: everything is replaced, but not the place.
TEST(RuleFile, RedefinitionKeepsItsPlace) {
  Loaded loaded = load(std::string(kBase));
  loaded.read(
      "- rule: S\n  desc: d\n  condition: x\n  output: o\n  priority: INFO\n- rule: R\n  desc: e\n  condition: D\n  output: p\n  "
      "priority: DEBUG\n");
  ASSERT_EQ(loaded.codes(), "");
  ASSERT_EQ(loaded.set.rules.size(), 2U);
  EXPECT_EQ(loaded.set.rules[0].name, "R");
  EXPECT_EQ(loaded.set.rules[0].condition.value(), "D");
  EXPECT_TRUE(loaded.set.rules[0].tags.empty());
  EXPECT_LT(loaded.set.rules[0].first_order, loaded.set.rules[1].first_order);
  EXPECT_GT(loaded.set.rules[0].last_order, loaded.set.rules[1].last_order);
}

TEST(RuleFile, AppendAndOverrideChangeWhatTheySay) {
  Loaded loaded = load(std::string(kBase));
  loaded.read(
      "- list: L\n  items: [c]\n  override: {items: append}\n- macro: M\n  condition: and z\n  append: true\n"
      "- rule: R\n  condition: and x\n  output: more\n  tags: [t2]\n  priority: ALERT\n  enabled: false\n  action: block\n"
      "  override: {condition: append, output: append, tags: append, priority: replace, enabled: replace, action: replace}\n");
  ASSERT_EQ(loaded.codes(), "DEPRECATED_ITEM") << loaded.formatted();
  EXPECT_EQ(loaded.set.find_list("L")->items, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(loaded.set.find_macro("M")->condition.value(), "x or y and z");
  const Rule& rule = *loaded.set.find_rule("R");
  EXPECT_EQ(rule.condition.value(), "C and x");
  EXPECT_EQ(rule.output.value(), "o more");
  EXPECT_EQ(rule.tags, (std::set<std::string>{"t1", "t2"}));
  EXPECT_EQ(rule.priority, Priority::kAlert);
  EXPECT_EQ(rule.action, Action::kBlock);
  EXPECT_EQ(rule.mode, Mode::kHost);
  EXPECT_FALSE(rule.enabled);
}

TEST(RuleFile, OldAppendIgnoresOtherKeys) {
  Loaded loaded = load(std::string(kBase));
  loaded.read("- rule: R\n  append: true\n  condition: and x\n  enabled: false\n");
  EXPECT_TRUE(loaded.set.find_rule("R")->enabled);
}

struct ExceptionRow {
  const char* name;
  const char* exceptions;
  const char* condition;
};
constexpr ExceptionRow kExceptions[] = {
    {"row 148", "[{name: e, fields: [proc.name, fd.name], values: [[a, /b]]}]", "(C) and not ((proc.name = a and fd.name = /b))"},
    {"row 149", "[{name: e, fields: proc.name, values: [a, b c]}]", "(C) and not (proc.name in (a, \"b c\"))"},
    {"row 150", "[{name: e, fields: proc.name, values: [a]}, {name: f, fields: fd.name}]", "(C) and not (proc.name in (a))"},
    {"row 153", "[{name: e, fields: fd.name, comps: startswith  anyof, values: [/a, /b]}]",
     "(C) and not (fd.name startswith anyof (/a, /b))"},
    {"the example of 1.9",
     "[{name: e, fields: [proc.name, fd.name], comps: [in, startswith], values: [[[vi, nano], /home/], [ed, /srv/]]}]",
     "(C) and not ((proc.name in (vi, nano) and fd.name startswith /home/) or (proc.name in (ed) and fd.name startswith /srv/))"},
    {"values in parentheses stay", "[{name: e, fields: [proc.name], comps: [in], values: [['(a, b)']]}]",
     "(C) and not ((proc.name in (a, b)))"},
    {"blanks are quoted in a list of one", "[{name: e, fields: [proc.name], comps: [in], values: [[a b]]}]",
     "(C) and not ((proc.name in (\"a b\")))"},
    {"quotes are left alone", "[{name: e, fields: [proc.name], values: [['\"a b\"']]}]", "(C) and not ((proc.name = \"a b\"))"},
    {"two exceptions", "[{name: e, fields: proc.name, values: [a]}, {name: f, fields: fd.name, comps: pmatch, values: [/b]}]",
     "(C) and not (proc.name in (a)) and not (fd.name pmatch (/b))"},
    {"a list without its parentheses", "[{name: e, fields: [proc.name], comps: [in], values: [['a, b']]}]",
     "(C) and not ((proc.name in (a, b)))"},
    {"a blank under a list operator", "[{name: e, fields: [proc.name], comps: [in], values: [[a b]]}]",
     "(C) and not ((proc.name in (\"a b\")))"},
    {"none with values", "[{name: e, fields: proc.name, values: []}]", "C"},
};

TEST(RuleFile, ExceptionsAreCompiledIntoTheCondition) {
  for (const ExceptionRow& row : kExceptions) {
    Loaded loaded = load(std::string(kBase));
    loaded.read(std::string("- rule: R\n  exceptions: ") + row.exceptions + "\n  override: {exceptions: replace}\n");
    ASSERT_EQ(loaded.codes(), "") << row.name << '\n' << loaded.formatted();
    EXPECT_EQ(condition_with_exceptions(*loaded.set.find_rule("R")).value(), row.condition) << row.name;
  }
}

TEST(RuleFile, AppendedExceptionsJoinThoseOfTheirName) {
  Loaded loaded = load(std::string(kBase));
  loaded.read(
      "- rule: R\n  exceptions: [{name: e, fields: proc.name, values: [a]}]\n  override: {exceptions: replace}\n"
      "- rule: R\n  condition: or D\n  exceptions: [{name: e, values: [b]}, {name: f, fields: [fd.name], values: [[/c]]}]\n  "
      "append: true\n");
  ASSERT_EQ(loaded.codes(), "DEPRECATED_ITEM") << loaded.formatted();
  EXPECT_EQ(condition_with_exceptions(*loaded.set.find_rule("R")).value(),
            "(C or D) and not (proc.name in (a, b)) and not ((fd.name = /c))");
}

struct TextRow {
  const char* name;
  std::string yaml;
  const char* text;
};
const TextRow kTexts[] = {
    {"unknown key", "- rule: R\n  tag: [x]\n  desc: d\n  condition: x\n  output: o\n  priority: INFO\n",
     "shrike: r.yaml:2:3: warning: unknown key \"tag\", ignored\n  2 |   tag: [x]\n    |   ^\n  hint: did you mean tags?\n"},
    {"misspelt action", "- rule: R\n  acton: block\n  desc: d\n",
     "shrike: r.yaml:2:3: error: unknown key \"acton\"\n  2 |   acton: block\n    |   ^\n  hint: did you mean action?\n"},
    {"key twice", "- list: a\n  items: [b]\n  items: [c]\n",
     "shrike: r.yaml:3:3: error: key \"items\" stands twice in one mapping\n  3 |   items: [c]\n    |   ^\n  hint: keep one of "
     "the two\n"},
    {"broken YAML", "- list: a\n  items: [b\n",
     "shrike: r.yaml:2:12: error: not valid YAML: end of sequence flow not found\n  2 |   items: [b\n    |            ^\n"},
    {"a NUL byte", std::string("- list: a\0b\n", 12),
     "shrike: r.yaml:1:10: error: a NUL byte\n  1 | - list: a.b\n    |          ^\n  hint: rule files are UTF-8 text\n"},
    {"bad UTF-8", "- list: a\n  items: [\"\xC3(\"]\n",
     "shrike: r.yaml:2:12: error: not valid UTF-8\n  2 |   items: [\".(\"]\n    |            ^\n  hint: rule files are UTF-8 "
     "text\n"},
    {"a surrogate", "- \xED\xA0\x80\n",
     "shrike: r.yaml:1:3: error: not valid UTF-8\n  1 | - ...\n    |   ^\n  hint: rule files are UTF-8 text\n"},
    {"a control character", "- a\x04: b\n",
     "shrike: r.yaml:1:4: error: a control character\n  1 | - a.: b\n    |    ^\n  hint: only tabs and line ends may stand in a "
     "rule file; in quotes write \\x..\n"},
    {"an alias of itself", "- &a [*a]\n",
     "shrike: r.yaml:1:7: error: an alias inside its own anchor\n  1 | - &a [*a]\n    |       ^\n"},
    {"unexpected override",
     "- rule: R\n  condition: x\n  output: o\n  priority: INFO\n  desc: e\n"
     "- rule: R\n  desc: d\n  enabled: false\n  override: {enabled: replace}\n",
     "shrike: r.yaml:7:3: error: unexpected key \"desc\": override does not name it\n  7 |   desc: d\n    |   ^\n  hint: write: "
     "override: {desc: replace}\n"},
};

TEST(RuleFile, Messages) {
  for (const TextRow& row : kTexts) EXPECT_EQ(load(row.yaml).formatted(), row.text) << row.name;
}

std::string repeated(std::size_t count, std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += text;
  return out;
}

TEST(RuleFile, HostileFilesEndInAnError) {
  std::string shared = "- list: a\n  items: &a [" + repeated(2000, "x, ") + "x]\n";
  for (int i = 0; i < 3000; ++i) shared += "- list: b" + std::to_string(i) + "\n  items: *a\n";
  std::string long_text = "- macro: a\n  condition: &a " + std::string(1U << 20U, 'x') + '\n';
  for (int i = 0; i < 300; ++i) long_text += "- macro: b" + std::to_string(i) + "\n  condition: *a\n";
  std::string bomb = "- &a0 [x]\n";
  for (int i = 1; i < 60; ++i)
    bomb += "- &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) + ", *a" + std::to_string(i - 1) + "]\n";
  for (const std::string& text : {repeated(100'000, "["), repeated(100'000, "- "), repeated(10'000, "{a: "),
                                  repeated(10'000, "? "), shared, long_text, bomb}) {
    EXPECT_EQ(load(text).diagnostics.error_count(), 1U) << text.substr(0, 40);
  }
}

// One long line of unknown keys: neither the warnings nor their copies of the line grow with it.
TEST(RuleFile, WarningsAreBounded) {
  std::string text = "- {list: a, items: []";
  for (int i = 0; i < 20'000; ++i) text += ", key" + std::to_string(i) + ": 1";
  const Loaded loaded = load(text + "}\n");
  ASSERT_EQ(loaded.diagnostics.all().size(), 1000U);
  EXPECT_EQ(loaded.diagnostics.all().back().line, "");
  EXPECT_NE(loaded.diagnostics.all().back().message.find("not shown"), std::string::npos);
}

// What would be copied, compared or walked once for each of many.
TEST(RuleFile, LargeNamesKeysAndExceptionsAreRefused) {
  const auto error_of = [](const std::string& text) {
    const Loaded loaded = load(text);
    return loaded.diagnostics.all().empty() ? std::string() : loaded.diagnostics.all().back().message;
  };
  EXPECT_EQ(error_of("- list: " + std::string(4096, 'x') + "\n  items: []\n"), "");
  EXPECT_EQ(error_of("- list: " + std::string(4097, 'x') + "\n  items: []\n"), "\"list\" is longer than 4096 bytes");
  EXPECT_EQ(error_of("- &a " + std::string(1025, 'x') + "\n- {list: a, items: [], *a : x}\n"),
            "the key of a mapping is longer than 1024 bytes");
  EXPECT_EQ(error_of("- {list: a, items: [], ? " + std::string(1025, 'x') + "\n: x}\n"),
            "the key of a mapping is longer than 1024 bytes");
  std::string rule = "- rule: R\n  desc: d\n  condition: evt.type = open\n  output: o\n  priority: INFO\n  exceptions:\n";
  std::string append;
  for (int i = 0; i < 1000; ++i) rule += "    - {name: e" + std::to_string(i) + ", fields: proc.name, values: [a]}\n";
  EXPECT_EQ(error_of(rule), "");
  EXPECT_EQ(error_of(rule + "    - {name: e, fields: proc.name}\n"), "a rule with more than 1000 exceptions");
  EXPECT_EQ(error_of(rule + "- rule: R\n  exceptions: [{name: e, fields: proc.name, values: [a]}]\n"
                            "  override: {exceptions: append}\n"),
            "a rule with more than 1000 exceptions");
}

// The nodes of a line of anchors each looked for their own start to the end of the line.
TEST(RuleFile, NodesStandRightBehindTheirAnchorsAndTags) {
  const std::string text = "- {list: &a[], items: []}\n";
  EXPECT_EQ(load(text).diagnostics.all().back().position, (Position{"r.yaml", 1, 12}));
  const Loaded empty = load("- rule: !t\n  priority: x\n");
  EXPECT_EQ(empty.diagnostics.all().back().position, (Position{"r.yaml", 1, 9}));
  std::string many = "- {list: l, items: [!a";
  for (int i = 0; i < 300'000; ++i) many += ",!a";
  EXPECT_FALSE(load(many + "]}\n").diagnostics.has_errors());
}

TEST(RuleFile, ReadingStopsAtTheFirstError) {
  Loaded loaded = load("- list: a\n  items: []\n- list: b\n- list: c\n  items: []\n- list: d\n");
  EXPECT_EQ(loaded.codes(), "!ERR_YAML_VALIDATE");
  EXPECT_EQ(loaded.set.lists.size(), 1U);
}

TEST(LoadSource, RefusesWhatIsNoFile) {
  std::string folder = testing::TempDir() + "shrike_rule_file_XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const std::string fifo = folder + "/fifo";
  const std::string large = folder + "/large";
  const std::string good = folder + "/good";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  std::ofstream(large) << "x";
  ASSERT_EQ(truncate(large.c_str(), static_cast<off_t>(kMaxFileBytes + 1)), 0);
  std::ofstream(good) << "- a: b\n";
  EXPECT_EQ(load_source(folder).error().code, Code::kInvalid);
  EXPECT_EQ(load_source(fifo).error().code, Code::kInvalid);
  EXPECT_EQ(load_source(large).error().code, Code::kLimit);
  EXPECT_EQ(load_source(folder + "/none").error().sys_errno, ENOENT);
  EXPECT_EQ((*load_source(good))->text, "- a: b\n");
  for (const std::string& path : {fifo, large, good, folder}) std::remove(path.c_str());
}

// Would catch: a text of many MiB that is refused only once it is parsed, seconds later.
TEST(RuleFile, ATextOfMoreThanOneMiB) {
  const auto read = [](std::size_t size) {
    RuleSet set;
    Diagnostics diagnostics;
    const std::string text = "- macro: m\n  condition: \"" + std::string(size, 'a') + "\"\n";
    read_rule_file(std::make_shared<const SourceFile>(SourceFile{"r.yaml", text}), set, diagnostics);
    return diagnostics.all();
  };
  EXPECT_TRUE(read(kMaxTextBytes).empty());
  const auto found = read(kMaxTextBytes + 1);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].code, "LOAD_ERR_YAML_VALIDATE");
  EXPECT_EQ(found[0].position, (Position{"r.yaml", 2, 14}));
}

// Would catch: a file of such a size given to yaml-cpp, which takes seconds to find out the same.
TEST(RuleFile, MoreThanCanBeReadIsRefusedAtAGlance) {
  const auto refusal = [](std::string text) {
    RuleSet set;
    Diagnostics diagnostics;
    read_rule_file(std::make_shared<const SourceFile>(SourceFile{"r.yaml", std::move(text)}), set, diagnostics);
    const auto all = diagnostics.all();
    return all.size() == 1 ? all[0].code + ' ' + std::to_string(all[0].position.line) + ':' +
                                 std::to_string(all[0].position.column) + ' ' + all[0].message
                           : std::to_string(all.size());
  };
  EXPECT_EQ(refusal("- macro: m\n  condition: " + std::string(2 * kMaxYamlRun, 'a') + "\n"),
            "LOAD_ERR_YAML_VALIDATE 2:1 more than 1 MiB without a line end or a comma");
  EXPECT_EQ(refusal("# \n" + std::string(kMaxYamlSeparators, '\n')),
            "LOAD_ERR_YAML_VALIDATE 1:1 more than 4000000 lines and commas in one file");
}

}  // namespace
}  // namespace shrike::lang
