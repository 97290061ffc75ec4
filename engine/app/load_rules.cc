// SPDX-License-Identifier: Apache-2.0
#include "engine/app/load_rules.h"

#include <algorithm>
#include <filesystem>

#include "engine/lang/rule_file.h"

namespace shrike::app {

namespace fs = std::filesystem;

Result<std::vector<std::string>> expand_paths(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    std::error_code error;
    if (!fs::is_directory(path, error)) {
      files.push_back(path);
      continue;
    }
    std::vector<std::string> found;
    for (fs::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error)) {
      if (entry->path().extension() == ".yaml") found.push_back(entry->path().string());
    }
    if (error) return std::unexpected(system_error("read directory " + path, error.value()));
    if (found.empty()) return fail(Code::kNotFound, path + ": no *.yaml in this directory");
    std::ranges::sort(found);
    files.insert(files.end(), found.begin(), found.end());
  }
  return files;
}

LoadedRules load_rules(const std::vector<std::string>& paths, const compile::Options& options,
                       const std::vector<lang::RuleSwitch>& switches) {
  LoadedRules loaded;
  const auto file_error = [&](const std::string& path, const Error& error) {
    loaded.diagnostics.add({lang::Severity::kError, "LOAD_ERR_FILE_READ", error.message, {}, {path, 0, 0}, {}, {}});
  };
  auto files = expand_paths(paths);
  if (!files) {
    file_error(paths.empty() ? std::string() : paths.front(), files.error());
    return loaded;
  }
  loaded.files = *std::move(files);
  lang::RuleSet& set = loaded.set;
  for (std::size_t i = 0; i < loaded.files.size(); ++i) {
    auto source = lang::load_source(loaded.files[i]);
    if (!source) {
      file_error(loaded.files[i], source.error());
      return loaded;
    }
    lang::read_rule_file(*source, set, loaded.diagnostics);
    if (loaded.diagnostics.has_errors()) return loaded;
    if (i + 1 == loaded.files.size()) break;
    // Each file has to stand on the earlier ones alone. Warnings are those of the whole set, below.
    lang::Diagnostics interim;
    (void)compile::compile(set, options, interim);
    if (interim.has_errors()) {
      for (const lang::Diagnostic& diagnostic : interim.all()) {
        if (diagnostic.severity == lang::Severity::kError) loaded.diagnostics.add(diagnostic);
      }
      return loaded;
    }
  }
  lang::apply(switches, set);
  compile::Compiled compiled = compile::compile_rules(set, options, loaded.diagnostics);
  if (!loaded.diagnostics.has_errors()) lang::check_plugins(set, loaded.diagnostics);
  loaded.program = std::move(compiled.program);
  loaded.plan = std::move(compiled.plan);
  loaded.kernel_rules = std::move(compiled.kernel_rules);
  return loaded;
}

}  // namespace shrike::app
