// SPDX-License-Identifier: Apache-2.0
// Rows 1 to 58 of rule-language.md 7.1, numbered as there, through the whole of compile.
#include <gtest/gtest.h>

#include "engine/lang/parser.h"
#include "tests/support/world.h"

namespace shrike::compile {
namespace {

enum class Want { kAccepted, kSyntax, kCompile, kWarning };
struct Row {
  int number;
  const char* condition;
  Want want;
  const char* says;  // part of the error or warning; of what is accepted, the normal form (empty: not looked at)
};

constexpr Row kRows[] = {
    {1, "mA or mB and mC", Want::kAccepted, "(proc.name = a or (proc.name = b and proc.name = c))"},
    {2, "not mA and mB", Want::kAccepted, "(not proc.name = a and proc.name = b)"},
    {3, "not not mA", Want::kAccepted, "proc.name = a"},
    {4, "mA AND mB", Want::kSyntax, "keywords are lower-case"},
    {5, "mA or(mB) and mC", Want::kSyntax, "found \"and\""},
    {6, "mA or (mB) and mC", Want::kAccepted, "(proc.name = a or (proc.name = b and proc.name = c))"},
    {7, "mA and(mB)or(mC)", Want::kAccepted, "((proc.name = a and proc.name = b) or proc.name = c)"},
    {8, "()", Want::kSyntax, "an empty group"},
    {9, "mA mB", Want::kSyntax, "expected \"and\", \"or\" or the end"},
    {10, "fd.name===/x", Want::kSyntax, "expected a value after \"=\""},
    {11, "fd.name=/x", Want::kAccepted, "fd.name = /x"},
    {12, "fd.name = k=v", Want::kSyntax, "goes in quotes"},
    {13, "proc.args contains --opt=1", Want::kSyntax, "goes in quotes"},
    {14, "fd.name contains\"x\"", Want::kSyntax, "put a blank after contains"},
    {15, "fd.name contains (x)", Want::kSyntax, "one value only"},
    {16, "proc.name in (sh, bash,)", Want::kSyntax, "no comma before \")\""},
    {17, "proc.name in ()", Want::kAccepted, "proc.name in ()"},
    {18, "proc.name in (sh bash)", Want::kSyntax, "separated by commas"},
    {19, "proc.name in \"sh\"", Want::kSyntax, "expected a list"},
    {20, "fd.name pmatch /etc", Want::kSyntax, "expected a list"},
    {21, "proc.name not in (sh)", Want::kSyntax, "write: not proc.name in (…)"},
    {22, "proc.pid > \"5\"", Want::kSyntax, "without quotes"},
    {23, "proc.name >= b", Want::kSyntax, "expected a number"},
    {24, "evt.num > 1e3", Want::kSyntax, "an exponent has a sign"},
    {24, "evt.num > 1e+3", Want::kCompile, "is not a valid number"},
    {25, "evt.num = 0x10", Want::kCompile, "is not a valid number"},
    {26, "proc.aname [2] = sh", Want::kSyntax, "no blank before \"[\""},
    {27, "proc.aname[\"2\"] = sh", Want::kAccepted, "proc.aname[2] = sh"},
    {28, "evt.arg.0 = x", Want::kSyntax, "write: evt.arg[0]"},
    {29, "proc.name = proc.pname", Want::kWarning, "val(proc.pname)"},
    {29, "proc.name = \"proc.aname[2]\"", Want::kWarning, "val(proc.aname[2])"},
    {29, "proc.name in (a, proc.pname)", Want::kWarning, "val(proc.pname)"},
    {29, "proc.name = \"tolower(proc.pname)\"", Want::kWarning, "reads like a transformer"},
    {29, "proc.name = proc.pnam", Want::kAccepted, "proc.name = proc.pnam"},
    {30, "proc.name = val(proc.pname)", Want::kAccepted, "proc.name = val(proc.pname)"},
    {31, "proc.name = val(tolower(proc.pname))", Want::kSyntax, "drop it"},
    {32, "val(proc.name) = sh", Want::kSyntax, "val() stands on the right side only"},
    {33, "tolower (proc.name) = sh", Want::kSyntax, "no blank before the \"(\""},
    {34, "proc.name = anyof (sh, ksh)", Want::kAccepted, "proc.name = anyof (sh, ksh)"},
    {35, "proc.name = anyof(sh, ksh)", Want::kSyntax, "expected a blank after \"anyof\""},
    {36, "proc.name = anyof", Want::kAccepted, "proc.name = anyof"},
    {37, "proc.name in anyof (sh)", Want::kSyntax, "not with in"},
    {38, "proc.pid > anyof (1, 2)", Want::kSyntax, "modifiers don't go with < <= > >="},
    {39, "fd.name = \"C:\\\\\"", Want::kSyntax, "never closed"},
    {39, "fd.name = \"C:\\x5c\"", Want::kAccepted, "fd.name = C:\\"},
    {40, "fd.name = C:\\", Want::kAccepted, "fd.name = C:\\"},
    {41, "fd.name = \"a\\qb\"", Want::kSyntax, "unknown escape"},
    {42, "proc.cmdline contains '\\\"'", Want::kSyntax, "unknown escape"},
    {43, "proc.cmdline contains '\"'", Want::kAccepted, "proc.cmdline contains \"\\\"\""},
    {44, "proc.name glob {a,b}", Want::kSyntax, "one value only"},
    {45, "proc.name regex a(b|c)", Want::kSyntax, "goes in quotes"},
    {46, "proc.name regex \"(?i)sh\"", Want::kCompile, "invalid regex"},
    {47, "proc.name regex \"^sh$\"", Want::kWarning, "write: = sh"},
    {47, "proc.name regex sh", Want::kWarning, "write: = sh"},
    {47, "proc.name regex .*sh", Want::kWarning, "write: endswith sh"},
    {47, "proc.name regex \"^a b.*\"", Want::kWarning, "write: startswith \"a b\""},
    {47, "proc.name regex .*sh.*", Want::kWarning, "write: contains sh"},
    {47, "proc.name regex .*", Want::kWarning, "write: exists"},
    {47, "proc.name regex \"\"", Want::kWarning, "write: = \"\""},
    {47, "proc.name regex s.h", Want::kAccepted, "proc.name regex s.h"},
    {48, "fd.name exists and mA", Want::kAccepted, "(fd.name exists and proc.name = a)"},
    {49, "fd.name exists = true", Want::kSyntax, "exists takes no value"},
    {50, "evt.type = opne", Want::kCompile, "unknown event type \"opne\""},
    {51, "evt.arg.nosuch = 1", Want::kCompile, "unknown event argument \"nosuch\""},
    {52, "proc.duration contains 5", Want::kCompile, "'contains' operator not supported"},
    {53, "evt.is_open_read = 1", Want::kCompile, "is not a valid bool"},
    {54, "fd.net = 10.0.0.1", Want::kCompile, "is not a network"},
    {55, "fd.sip in (10.0.0.0/8)", Want::kCompile, "is not a valid IPv4 address"},
    {56, "evt.buffer bcontains abc", Want::kCompile, "odd number of hex digits"},
    {57, "toupper(proc.aname) = X", Want::kCompile, "can't stand in a transformer"},
    {58, "fd.types contains ipv4", Want::kCompile, "'contains' operator not supported for \"fd.types\", a list of string"},
};

constexpr const char* kMacros =
    "- macro: mA\n  condition: proc.name = a\n"
    "- macro: mB\n  condition: proc.name = b\n"
    "- macro: mC\n  condition: proc.name = c\n"
    "- rule: uses them\n  desc: d\n  condition: evt.type = execve and (mA or mB or mC)\n  output: x\n  priority: INFO\n";

std::string file_of(const std::string& condition) {
  std::string rule = test::one_rule(condition);
  return kMacros + rule + "  warn_evttypes: false\n";
}

TEST(SyntaxRows, EveryRowOfTheReference) {
  std::vector<bool> seen(59);
  for (const Row& row : kRows) {
    seen[static_cast<std::size_t>(row.number)] = true;
    const std::string where = std::to_string(row.number) + ": " + row.condition;
    const std::string found = test::diagnose_text(file_of(row.condition));
    const bool error = found.find("error: ") != std::string::npos;
    switch (row.want) {
      case Want::kAccepted: {
        EXPECT_EQ(found, "") << where;
        const program::Program program = test::compile_text(file_of(row.condition));
        ASSERT_EQ(program.rules.size(), 2U) << where;
        EXPECT_EQ(program.rules[1].condition, row.says) << where;
        break;
      }
      case Want::kWarning:
        EXPECT_FALSE(error) << where << '\n' << found;
        EXPECT_NE(found.find("warning: "), std::string::npos) << where << '\n' << found;
        EXPECT_NE(found.find(row.says), std::string::npos) << where << '\n' << found;
        break;
      case Want::kSyntax:
      case Want::kCompile:
        EXPECT_TRUE(error) << where << '\n' << found;
        EXPECT_NE(found.find(row.says), std::string::npos) << where << '\n' << found;
        EXPECT_NE(found.find("test.yaml:15:"), std::string::npos) << where << '\n' << found;
        EXPECT_EQ(lang::parse(row.condition).has_value(), row.want == Want::kCompile) << where << ": what the grammar alone says";
        break;
    }
  }
  for (std::size_t number = 1; number < seen.size(); ++number) EXPECT_TRUE(seen[number]) << number;
}

}  // namespace
}  // namespace shrike::compile
