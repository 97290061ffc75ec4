// SPDX-License-Identifier: Apache-2.0
// Dumps of tree, program and kernel plan of tests/golden/rules.yaml against the files beside it. After a change that is meant:
//   SHRIKE_REWRITE_GOLDEN=1 build/tests/unit/compile_test --gtest_filter='Golden.*'
// and read the difference.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/support/world.h"

namespace shrike::compile {
namespace {

const std::string kFolder = SHRIKE_SOURCE_DIR "/tests/golden/";

std::string read(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void expect_golden(const std::string& name, const std::string& text) {
  const std::string path = kFolder + name;
  if (std::getenv("SHRIKE_REWRITE_GOLDEN") != nullptr) {
    std::ofstream(path) << text;
    return;
  }
  EXPECT_EQ(text, read(path)) << path;
}

Compiled compiled() {
  return test::compile_rules_text(read(kFolder + "rules.yaml"), {.suggested_output = false, .plan = PlanOptions{}});
}

TEST(Golden, Tree) {
  std::string text;
  for (const program::Rule& rule : compiled().program.rules) text += rule.name + "\n  " + rule.condition + '\n';
  expect_golden("tree.txt", text);
}

TEST(Golden, Program) { expect_golden("program.txt", compiled().program.dump()); }
TEST(Golden, KernelPlan) { expect_golden("kernel_plan.txt", compiled().plan.dump()); }

}  // namespace
}  // namespace shrike::compile
