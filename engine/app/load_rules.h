// SPDX-License-Identifier: Apache-2.0
// Rule files from disk to a Program.
#pragma once

#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/compile/compile.h"
#include "engine/lang/diagnostic.h"
#include "engine/lang/rule_file.h"
#include "engine/lang/rule_switch.h"
#include "engine/program/program.h"

namespace shrike::app {

// Files as given; a directory stands for its *.yaml in name order. Errors: kNotFound, kSystem; an empty directory is kNotFound.
Result<std::vector<std::string>> expand_paths(const std::vector<std::string>& paths);

struct LoadedRules {
  program::Program program;  // to be used only if diagnostics has no errors; as are the next two
  program::KernelPlan plan;  // by Options::plan
  std::vector<compile::KernelRule> kernel_rules;
  lang::RuleSet set;  // what the files say
  lang::Diagnostics diagnostics;
  std::vector<std::string> files;
};

// Files are one set, in order; each must be valid in the context of itself and the earlier ones (rule-language.md 1.7).
// `switches` apply once, after the last file.
LoadedRules load_rules(const std::vector<std::string>& paths, const compile::Options& options,
                       const std::vector<lang::RuleSwitch>& switches = {});

}  // namespace shrike::app
