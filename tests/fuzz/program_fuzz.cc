// SPDX-License-Identifier: Apache-2.0
// The bytes decide a rule file and events for it (tests/judge/generate.h); the compiled program must say what the judge says.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>

#include "engine/app/recorded_world.h"
#include "engine/event/recorded.h"
#include "tests/judge/compare.h"

namespace {

void check(const std::string& wrong) {
  if (wrong.empty()) return;
  std::fputs(wrong.c_str(), stderr);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace shrike;
  static const app::RecordedWorld world("host");
  judge::Dice dice(std::span(data, size));
  judge::Judge judge(world.context);
  judge::Generator generator(dice, 1 + dice.below(6));
  judge::Trial trial(generator.rules(1 + dice.below(6)), world.context, judge);
  check(trial.error());
  // Events of their own seed too: a fuzzer's bytes are spent on the rules.
  judge::Dice more(size);
  for (std::uint64_t number = 1; number <= 8; ++number) {
    event::RecordedEvent recorded;
    generator.event(recorded, number);
    check(trial.differ(recorded.event()));
    if (dice.exhausted()) dice = more;
  }
  return 0;
}
