// SPDX-License-Identifier: Apache-2.0
#include "engine/compile/expand.h"

#include <filesystem>
#include <gtest/gtest.h>
#include "tests/support/packs.h"

namespace shrike::compile {
namespace {

// Files read one after the other, expanded after each, as a load does it.
struct Expanded {
  lang::RuleSet set;
  lang::Diagnostics diagnostics;
  ExpandedSet result;

  void read(std::shared_ptr<const lang::SourceFile> file) {
    lang::read_rule_file(std::move(file), set, diagnostics);
    lang::Diagnostics here;
    result = expand(set, here);
    for (const lang::Diagnostic& diagnostic : here.all()) diagnostics.add(diagnostic);
  }
  void read(std::string text) { read(std::make_shared<lang::SourceFile>(lang::SourceFile{"r.yaml", std::move(text)})); }

  // All errors, else the last rule's condition.
  std::string outcome() const {
    std::string errors;
    for (const lang::Diagnostic& diagnostic : diagnostics.all()) {
      if (diagnostic.severity == lang::Severity::kError) errors += (errors.empty() ? "! " : "; ") + diagnostic.message;
    }
    if (!errors.empty()) return errors;
    return result.rules.empty() ? "" : lang::dump(*result.rules.back().condition);
  }
  std::string formatted(bool warnings) const {
    std::string out;
    for (const lang::Diagnostic& diagnostic : diagnostics.all()) {
      if (warnings || diagnostic.severity == lang::Severity::kError) out += lang::format(diagnostic) + '\n';
    }
    return out;
  }
};

Expanded expanded(std::string text) {
  Expanded all;
  all.read(std::move(text));
  return all;
}

std::string list(const std::string& name, const std::string& items) { return "- list: " + name + "\n  items: [" + items + "]\n"; }
std::string macro(const std::string& name, const std::string& condition) {
  return "- macro: " + name + "\n  condition: " + condition + "\n";
}
std::string rule(const std::string& condition, const std::string& name = "R") {
  return "- rule: " + name + "\n  desc: d\n  output: o\n  priority: INFO\n  condition: " + condition + "\n";
}

struct Row {
  const char* name;
  std::string yaml;
  const char* outcome;
};

// Numbers are the rows of rule-language.md 7.3 and 7.4.
const Row kRows[] = {
    {"row 106, an empty list", list("L", "") + rule("proc.name in (L)"), "proc.name in ()"},
    {"row 107, an empty list takes a comma", list("L", "") + rule("proc.name in (a, L, b)"), "proc.name in (a, b)"},
    {"an empty list in front", list("L", "") + rule("proc.name in ( L , b)"), "proc.name in (b)"},
    {"an empty list at the end", list("L", "") + rule("proc.name in (a ,L)"), "proc.name in (a)"},
    {"two empty lists", list("L", "") + list("K", "") + rule("proc.name in (L, K)"), "proc.name in ()"},
    {"row 108, items with blanks", list("L", "a b, c") + rule("proc.name in (L)"), "proc.name in (\"a b\", c)"},
    {"items with quotes of their own", list("L", "'\"a b\"', '\"x(1)\"'") + rule("proc.name in (L)"),
     "proc.name in (\"a b\", \"x(1)\")"},
    {"row 109, an item with parentheses", list("L", "x(1)") + rule("proc.name in (L)"), "! expected \",\" or \")\", found \"(\""},
    {"row 110", list("L", "sh, bash") + rule("proc.name = L"), "! expected \"and\", \"or\" or the end, found \",\""},
    {"row 111", list("L", "sh, bash") + rule("proc.name in L"), "! expected \"and\", \"or\" or the end, found \",\""},
    {"a list of one after =", list("L", "sh") + rule("proc.name=L"), "proc.name = sh"},
    {"row 112, a list in a list", list("inner", "a") + list("outer", "inner, b") + rule("proc.name in (outer)"),
     "proc.name in (a, b)"},
    {"row 112b, fixed", list("l1", "a") + list("l2", "l1") + list("l3", "l2") + rule("proc.name in (l3)"), "proc.name in (a)"},
    {"row 112c", list("l3", "l2") + list("l2", "l1") + list("l1", "a") + rule("proc.name in (l3)"), "proc.name in (a)"},
    {"an empty list in a list", list("e", "") + list("L", "e, b, e") + rule("proc.name in (L)"), "proc.name in (b)"},
    {"a list that names itself", list("ssh", "ssh, sshd") + rule("proc.name in (ssh)"), "proc.name in (ssh, sshd)"},
    {"lists in a circle", list("a", "b, x") + list("b", "a, y") + rule("proc.name in (a)"), "proc.name in (a, y, x)"},
    {"row 113, no list's name", list("L", "a") + rule("proc.name in (my_L, L.x, x-L)"), "proc.name in (my_L, L.x, x-L)"},
    {"row 114, fixed: not in quotes", list("bin", "a") + rule("fd.name contains \"/ bin /\" and proc.name in ('bin', bin)"),
     "(fd.name contains \"/ bin /\" and proc.name in (bin, a))"},
    {"row 115, an unknown list", rule("proc.name in (typo_list)"), "proc.name in (typo_list)"},
    {"row 118, numbers", list("L", "80") + rule("fd.sport in (L)"), "fd.sport in (80)"},
    {"row 119, a macro further down", rule("m") + macro("m", "a.b = c"), "a.b = c"},
    {"row 121, a macro uses one further down", macro("m", "n") + macro("n", "a.b = c") + rule("m"),
     "! undefined macro \"n\" used in filter"},
    {"a macro uses one further down, but is defined anew below",
     macro("m", "x.y exists") + macro("n", "a.b = c") + macro("m", "n") + rule("m"), "a.b = c"},
    {"row 122, a loop", macro("m", "a.b = c") + macro("m", "m and d.e = f") + rule("m"), "! reference loop in macro \"m\""},
    {"a loop of two", macro("m", "a.b = c") + macro("n", "m") + macro("m", "n") + rule("m"), "! reference loop in macro \"m\""},
    {"a macro of itself", macro("m", "m"), "! undefined macro \"m\" used in filter"},
    {"row 123, a macro is one unit", macro("m", "a.b = c or d.e = f") + rule("not m"), "not (a.b = c or d.e = f)"},
    {"macros in macros", macro("a", "x.y = 1") + macro("b", "a or x.y = 2") + rule("b and not a"),
     "((x.y = 1 or x.y = 2) and not x.y = 1)"},
    {"row 124, append is text", rule("a.b=1 or a.b=2") + "- rule: R\n  condition: and a.b=3\n  append: true\n",
     "(a.b = 1 or (a.b = 2 and a.b = 3))"},
    {"row 155, a list in an exception",
     list("L", "a, b c") + "- rule: R\n  desc: d\n  output: o\n  priority: INFO\n  condition: x.y=1\n  exceptions: [{name: e, "
                           "fields: proc.name, values: [L]}]\n",
     "(x.y = 1 and not proc.name in (a, \"b c\"))"},
    {"row 156, exceptions around or",
     "- rule: R\n  desc: d\n  output: o\n  priority: INFO\n  condition: x.y=1 or x.y=2\n  exceptions: [{name: e, fields: "
     "proc.name, values: [a]}]\n",
     "((x.y = 1 or x.y = 2) and not proc.name in (a))"},
    {"an error in a macro is told once", macro("m", "a.b ==") + macro("n", "m") + rule("m and n") + rule("m", "S"),
     "! expected a value after \"=\", found the end of the condition"},
    {"a keyword as macro", rule("a.b = c and not"), "! undefined macro \"not\" used in filter"},
};

TEST(Expand, Rows) {
  for (const Row& row : kRows) EXPECT_EQ(expanded(row.yaml).outcome(), row.outcome) << row.name;
}

// Row 120: every file is valid with those before it.
TEST(Expand, MacrosOfLaterFilesAreUnknown) {
  Expanded all;
  all.read(rule("m"));
  EXPECT_EQ(all.outcome(), "! undefined macro \"m\" used in filter");
}

struct TextRow {
  const char* name;
  std::string yaml;
  const char* text;
};
const TextRow kTexts[] = {
    {"in a folded condition",
     "- rule: R\n  desc: d\n  output: o\n  priority: INFO\n  condition: >\n    a.b = c\n    AND d.e = f\n",
     "shrike: r.yaml:7:5: error: expected \"and\", \"or\" or the end, found \"AND\"\n  7 |     AND d.e = f\n    |     ^\n  hint: "
     "keywords are lower-case: and\n"},
    {"inside a list, at its name", list("L", "x(1)") + macro("m", "proc.name in (a, L)"),
     "shrike: r.yaml:4:31: error: expected \",\" or \")\", found \"(\"\n  4 |   condition: proc.name in (a, L)\n    |            "
     "                   ^\n"
     "  hint: a value with one of = ( ) in it goes in quotes\n"},
    {"behind a list", list("L", "aaaaa, bbbbb, ccccc") + macro("m", "proc.name in (L) && b"),
     "shrike: r.yaml:4:31: error: expected \"and\", \"or\" or the end, found \"&&\"\n  4 |   condition: proc.name in (L) && b\n  "
     "  |                               ^\n"
     "  hint: write: and\n"},
    {"behind an empty list", list("L", "") + macro("m", "proc.name in (a, L) && b"),
     "shrike: r.yaml:4:34: error: expected \"and\", \"or\" or the end, found \"&&\"\n  4 |   condition: proc.name in (a, L) && "
     "b\n    |                                  ^\n"
     "  hint: write: and\n"},
    {"an undefined macro", macro("spawned", "a.b = c") + rule("a.b = d and spwaned"),
     "shrike: r.yaml:7:26: error: undefined macro \"spwaned\" used in filter\n  7 |   condition: a.b = d and spwaned\n    |      "
     "                    ^\n"
     "  hint: did you mean spawned?\n"},
    {"an exception's value",
     "- rule: R\n  desc: d\n  output: o\n  priority: INFO\n  condition: a.b = c\n  exceptions:\n  - name: e\n    fields: "
     "[proc.name]\n"
     "    values:\n    - [a]\n    - [x=y]\n",
     "shrike: r.yaml:11:7: error: expected \"and\", \"or\" or \")\", found \"=\"\n  11 |     - [x=y]\n     |       ^\n"
     "  hint: a value with blanks or one of = , ( ) \" ' goes in quotes\n"},
    {"a condition broken by itself",
     "- rule: R\n  desc: d\n  output: o\n  priority: INFO\n  condition: a.b =\n  exceptions: [{name: e, fields: proc.name, "
     "values: [a]}]\n",
     "shrike: r.yaml:5:19: error: expected a value after \"=\", found the end of the condition\n  5 |   condition: a.b =\n    |  "
     "                 ^\n"
     "  hint: for the empty text write \"\"\n"},
    {"an unclosed text", macro("m", "a.b = \"x and\n    c"),
     "shrike: r.yaml:2:20: error: the text is never closed\n  2 |   condition: a.b = \"x and\n    |                    ^\n"},
};

TEST(Expand, Messages) {
  for (const TextRow& row : kTexts) EXPECT_EQ(expanded(row.yaml).formatted(false), row.text) << row.name;
}

TEST(Expand, WarnsOfWhatIsNeverUsed) {
  const Expanded all = expanded(list("used", "inner") + list("inner", "a") + list("unused", "b") +
                                macro("m", "proc.name in (used)") + macro("n", "m"));
  EXPECT_EQ(all.formatted(true),
            "shrike: r.yaml:9:10: warning: macro \"n\" is never used\n  9 | - macro: n\n    |          ^\n"
            "shrike: r.yaml:5:9: warning: list \"unused\" is never used\n  5 | - list: unused\n    |         ^\n");
}

TEST(Expand, DisabledRulesAreExpandedAndUnknownSourcesAreNot) {
  const Expanded all = expanded(rule("a.b = c") + "  enabled: false\n" + rule("nosuch", "S") + "  source: k8s_audit\n");
  EXPECT_EQ(all.outcome(), "a.b = c");
  EXPECT_EQ(all.result.rules.size(), 1U);
}

TEST(Expand, BombsEndInAnError) {
  std::string lists = list("l0", "aaaaaaaa, bbbbbbbb");
  std::string empty = list("l0", "");
  std::string macros = macro("m0", "a.b = c or d.e = f");
  for (int i = 1; i < 100; ++i) {
    const std::string before = std::to_string(i - 1);
    lists += list("l" + std::to_string(i), "l" + before + ", l" + before);
    empty += list("l" + std::to_string(i), "l" + before + ", l" + before);
    macros += macro("m" + std::to_string(i), "m" + before + " or m" + before);
  }
  EXPECT_EQ(expanded(lists + rule("proc.name in (l99)")).outcome(), "! the lists of this condition are larger than 64 MiB");
  EXPECT_EQ(expanded(empty + rule("proc.name in (l99)")).outcome(), "! the lists of this condition are larger than 64 MiB");
  EXPECT_EQ(expanded(macros + rule("m99")).outcome(), "! with its macros the rule has more than 2000000 checks and constants");
  // The arguments of transformers count: 1,000 of them doubled eleven times.
  std::string call = "len(concat(proc.name";
  for (int i = 0; i < 997; ++i) call += ", proc.name";
  std::string calls = "- macro: c0\n  condition: " + call + ")) > 5\n";
  for (int i = 1; i < 12; ++i) {
    const std::string before = "c" + std::to_string(i - 1);
    calls += "- macro: c" + std::to_string(i) + "\n  condition: " + before + " or " + before + "\n";
  }
  EXPECT_EQ(expanded(calls + rule("c11")).outcome(), "! with its macros the rule has more than 2000000 checks and constants");
}

TEST(Expand, DepthIsBounded) {
  std::string condition = "a.b = c";
  for (int i = 0; i < 900; ++i) condition = "not (a.b = c or a.b = d and " + condition + ")";
  std::string deep = macro("m0", condition);
  EXPECT_EQ(expanded(deep + rule("m0")).diagnostics.error_count(), 0U);
  std::string nested;
  for (int i = 0; i < 900; ++i) nested += "not (a.b = c or a.b = d and ";
  for (int i = 1; i < 5; ++i)
    deep += macro("m" + std::to_string(i), nested + "m" + std::to_string(i - 1) + std::string(900, ')'));
  EXPECT_EQ(expanded(deep + rule("m4")).outcome(), "! with its macros the rule nests deeper than 3000 levels");
}

// Each macro is first defined before the one it uses, and gets its real text in reverse: the walk goes through all of them at
// once.
// Either way round: neither overflows the stack, and none is cut off without a word.
TEST(Expand, LongChainsOfListsAreBounded) {
  const auto chain = [](int size, bool inner_first) {
    std::string lists;
    for (int i = 0; i < size; ++i) {
      const int at = inner_first ? size - 1 - i : i;
      lists += list("l" + std::to_string(at), at + 1 == size ? "last" : "l" + std::to_string(at + 1));
    }
    return expanded(lists + rule("proc.name in (l0)")).outcome();
  };
  for (const bool inner_first : {false, true}) {
    EXPECT_EQ(chain(1000, inner_first), "proc.name in (last)");
    EXPECT_EQ(chain(1001, inner_first), "! lists nest deeper than 1000 levels here");
  }
  EXPECT_EQ(chain(150'000, true), "! lists nest deeper than 1000 levels here");
}

// Each of them walked the blanks before it, or the names of all macros.
TEST(Expand, EmptyListsAndUndefinedMacrosAreCheap) {
  std::string empty;
  for (int i = 0; i < 100'000; ++i) empty += "e ";
  EXPECT_EQ(expanded(list("e", "") + rule("proc.name in (" + std::string(500'000, ' ') + empty + ")")).outcome(),
            "proc.name in ()");
  EXPECT_EQ(expanded(list("e", "") + rule("proc.name in (a , e, b, e ) and not(proc.name in ( e , e))")).outcome(),
            "(proc.name in (a, b) and not proc.name in ())");
  std::string condition = "zz";
  std::string macros;
  for (int i = 0; i < 10'000; ++i) {
    macros += macro("macro_name_" + std::to_string(i), "evt.num=0");
    condition += " or macro_mame_" + std::to_string(i);
  }
  const Expanded all = expanded(macros + rule(condition));
  EXPECT_EQ(all.diagnostics.error_count(), 50U);
  EXPECT_NE(all.outcome().find("; of one condition no more than 50 errors are shown"), std::string::npos);
}

TEST(Expand, LongChainsOfMacrosAreBounded) {
  std::string yaml;
  for (int i = 0; i < 20'000; ++i) yaml += macro("m" + std::to_string(i), "a.b = c");
  for (int i = 0; i < 19'999; ++i) yaml += macro("m" + std::to_string(i), "m" + std::to_string(i + 1));
  EXPECT_GT(expanded(yaml + rule("m0")).diagnostics.error_count(), 0U);
}

TEST(Expand, PacksOfFalcoLoad) {
  const auto found = test::falco_packs();
  if (!found) GTEST_SKIP() << "Falco's packs are not here";
  const std::filesystem::path& packs = *found;
  Expanded together;
  for (const auto& [name, rules] : {std::pair("falco_rules.yaml", 25U), std::pair("falco-incubating_rules.yaml", 31U),
                                    std::pair("falco-sandbox_rules.yaml", 37U)}) {
    const auto file = lang::load_source((packs / name).string());
    ASSERT_TRUE(file) << file.error().message;
    Expanded alone;
    alone.read(*file);
    EXPECT_EQ(alone.formatted(true), "") << name;
    EXPECT_EQ(alone.result.rules.size(), rules) << name;
    together.read(*file);
  }
  EXPECT_EQ(together.formatted(true), "");
  EXPECT_EQ(together.result.rules.size(), 93U);
}

}  // namespace
}  // namespace shrike::compile
