// SPDX-License-Identifier: Apache-2.0
// The compiled program beside the judge, for one random rule file.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/compile/compile.h"
#include "engine/lang/ast.h"
#include "engine/match/matcher.h"
#include "tests/judge/generate.h"
#include "tests/judge/judge.h"

namespace shrike::judge {

class Trial {
 public:
  // Both sides of the file. error() says why there is none.
  Trial(RuleFile file, const event::Context& context, Judge& judge);

  const std::string& error() const { return error_; }

  // Asks both which rules fire for the event; says how they differ, or nothing.
  std::string differ(const event::Event& event);

  std::size_t pairs() const { return pairs_; }
  std::size_t fired() const { return fired_; }

 private:
  RuleFile file_;
  const event::Context& context_;
  Judge& judge_;
  std::string error_;
  program::Program program_;
  std::vector<lang::ExprPtr> conditions_;  // of the file's rules
  std::unique_ptr<match::Matcher> matcher_;
  std::size_t pairs_ = 0;
  std::size_t fired_ = 0;
};

}  // namespace shrike::judge
