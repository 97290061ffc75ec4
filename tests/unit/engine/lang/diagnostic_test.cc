// SPDX-License-Identifier: Apache-2.0
#include "engine/lang/diagnostic.h"

#include <gtest/gtest.h>

namespace shrike::lang {
namespace {

Diagnostic at(std::string line, std::size_t column) {
  return {Severity::kError, "X", "wrong", "", {"r.yaml", 3, column}, "", std::move(line)};
}

TEST(Format, ShowsLineCaretAndHint) {
  Diagnostic diagnostic = at("  condition: proc.nmae = cat", 14);
  diagnostic.message = "unknown field \"proc.nmae\"";
  diagnostic.hint = "did you mean proc.name?";
  EXPECT_EQ(format(diagnostic),
            "shrike: r.yaml:3:14: error: unknown field \"proc.nmae\"\n"
            "  3 |   condition: proc.nmae = cat\n"
            "    |              ^\n"
            "  hint: did you mean proc.name?");
}

struct Row {
  const char* name;
  Diagnostic diagnostic;
  const char* text;
};
const Row kRows[] = {
    {"a tab is one column", at("\ta\tb", 4), "shrike: r.yaml:3:4: error: wrong\n  3 |  a b\n    |    ^"},
    {"a letter of two bytes is one column", at("\xC3\xA4 b", 4), "shrike: r.yaml:3:4: error: wrong\n  3 | \xC3\xA4 b\n    |   ^"},
    {"escape sequences don't reach the terminal", at("\x1B[2J\x7F\xC2\x9B\xE2\x80\xAE x", 1),
     "shrike: r.yaml:3:1: error: wrong\n  3 | .[2J... x\n    | ^"},
    {"behind the end of the line", at("ab", 3), "shrike: r.yaml:3:3: error: wrong\n  3 | ab\n    |   ^"},
    {"without a line", at("", 3), "shrike: r.yaml:3:3: error: wrong"},
    {"a warning of the whole file", {Severity::kWarning, "X", "w", "", {"r.yaml", 0, 0}, "", ""}, "shrike: r.yaml: warning: w"},
    {"of nothing in particular", {Severity::kError, "X", "a\nb", "", {}, "", ""}, "shrike: error: a.b"},
    {"a longer line number",
     {Severity::kError, "X", "w", "", {"r", 1234, 2}, "", "ab"},
     "shrike: r:1234:2: error: w\n  1234 | ab\n       |  ^"},
};

TEST(Format, Rows) {
  for (const Row& row : kRows) EXPECT_EQ(format(row.diagnostic), row.text) << row.name;
}

TEST(Format, LongLinesAreCutAroundTheCaret) {
  const std::string line = std::string(1000, 'a') + 'X' + std::string(1000, 'b');
  EXPECT_EQ(format(at(line, 1001)), "shrike: r.yaml:3:1001: error: wrong\n  3 | …" + std::string(80, 'a') + 'X' +
                                        std::string(79, 'b') + "…\n    | " + std::string(81, ' ') + '^');
  EXPECT_EQ(format(at(line, 1)), "shrike: r.yaml:3:1: error: wrong\n  3 | " + std::string(160, 'a') + "…\n    | ^");
}

TEST(Nearest, Rows) {
  const std::vector<std::string_view> names = {"proc.name", "proc.pname", "fd.name", "action"};
  EXPECT_EQ(nearest("proc.nmae", names), "proc.name");
  EXPECT_EQ(nearest("acton", names), "action");
  EXPECT_EQ(nearest("fd.nam", names), "fd.name");
  EXPECT_EQ(nearest("whatever", names), "");
  EXPECT_EQ(nearest("", names), "");
  EXPECT_EQ(nearest(std::string(1'000'000, 'a'), names), "");
}

TEST(EditDistance, CountsSwapsAsOne) {
  EXPECT_EQ(edit_distance("mode", "mode", 2), 0U);
  EXPECT_EQ(edit_distance("mdoe", "mode", 2), 1U);
  EXPECT_EQ(edit_distance("modes", "mode", 2), 1U);
  EXPECT_EQ(edit_distance("node2", "mode", 2), 2U);
  EXPECT_EQ(edit_distance("tags", "mode", 2), 3U);
}

// All rules of a file may stand on a few long lines, and each be warned of.
TEST(Diagnostics, LinesAreBounded) {
  Diagnostics all;
  Diagnostic one;
  one.line = "l";
  for (int i = 0; i < 1001; ++i) all.add(one);
  EXPECT_EQ(all.all()[999].line, "l");
  EXPECT_EQ(all.all()[1000].line, "");
}

}  // namespace
}  // namespace shrike::lang
