// SPDX-License-Identifier: Apache-2.0
// What the verifier walks per program stays what tests/golden/verified_instructions.txt says of it. A program that grows past its
// line comes closer to the verifier's limit of a million on some kernel, and to a slow start.
#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

#include "engine/kernel/probe.h"
#include "tests/kernel/kernel_fixture.h"

namespace shrike::test {
namespace {

class Verified : public KernelTest {
 protected:
  void SetUp() override { prepare(); }

  // program → most instructions, over the kernels the file was made with
  static std::map<std::string, std::uint32_t> golden() {
    std::map<std::string, std::uint32_t> all;
    std::ifstream file(SHRIKE_SOURCE_DIR "/tests/golden/verified_instructions.txt");
    for (std::string line; std::getline(file, line);) {
      std::istringstream words(line);
      std::string name;
      std::uint32_t count = 0;
      if (!line.starts_with('#') && words >> name >> count) all[name] = count;
    }
    return all;
  }

  // Compilers and kernels differ a little.
  static void expect_golden(const kernel::Loader& loader) {
    const auto known = golden();
    ASSERT_FALSE(known.empty());
    for (const auto& [program, instructions] : loader.verified_instructions()) {
      std::printf("verified: %s %u\n", std::string(program).c_str(), instructions);
      const auto row = known.find(std::string(program));
      EXPECT_NE(row, known.end()) << program << " is not in the golden file";
      if (row == known.end()) continue;
      EXPECT_LE(instructions, row->second + row->second / 4) << program << " grew: look why, or write the new number down";
    }
  }
};

TEST_F(Verified, InstructionsOfTheTracingTier) {
  auto loader = kernel::Loader::create(without_casts({.cgroup_fd = 0}));  // never attached: loading them is all that is asked
  ASSERT_TRUE(loader.has_value()) << loader.error().message;
  expect_golden(**loader);
}

TEST_F(Verified, InstructionsOfTheFullTier) {
  if (kernel::probe_host().tier != "full") GTEST_SKIP() << "the full tier is not to be had here";
  auto loader = kernel::Loader::create({.full = true});
  ASSERT_TRUE(loader.has_value()) << loader.error().message;
  expect_golden(**loader);
}

}  // namespace
}  // namespace shrike::test
