// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <nlohmann/json.hpp>

#include "engine/app/commands.h"
#include "engine/app/config.h"
#include "engine/app/config_print.h"

namespace shrike::app {
namespace {

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

nlohmann::json to_json(const lang::Diagnostics& diagnostics, lang::Severity severity) {
  nlohmann::json all = nlohmann::json::array();
  for (const lang::Diagnostic& one : diagnostics.all()) {
    if (one.severity != severity) continue;
    all.push_back({{"code", one.code},
                   {"message", one.message},
                   {"hint", one.hint},
                   {"file", one.position.file},
                   {"line", one.position.line},
                   {"column", one.position.column}});
  }
  return all;
}

}  // namespace

int config_check(const Options& options) {
  lang::Diagnostics diagnostics;
  const Config config = read_config(options.config, diagnostics, {.check_host = true});
  const bool ok = !diagnostics.has_errors();
  if (options.format == "json") {
    const nlohmann::json answer = {{"ok", ok},
                                   {"files", config.files},
                                   {"errors", to_json(diagnostics, lang::Severity::kError)},
                                   {"warnings", to_json(diagnostics, lang::Severity::kWarning)}};
    print(answer.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n');
    return ok ? kDone : kNo;
  }
  print_diagnostics(diagnostics, true);
  if (ok)
    print("ok: " + std::to_string(config.files.size()) + " files, " + std::to_string(all_sinks(config).size()) + " sinks\n");
  return ok ? kDone : kNo;
}

int config_show(const Options& options) {
  lang::Diagnostics diagnostics;
  Config config;
  if (!options.config.empty()) config = read_config(options.config, diagnostics);
  print_diagnostics(diagnostics, true);
  if (diagnostics.has_errors()) return kNo;
  const nlohmann::ordered_json all = effective_config(config);
  print(options.format == "json" ? all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + '\n' : to_yaml(all));
  return kDone;
}

int print_config_keys(const Options& options) {
  print(options.format == "json"       ? config_keys_json().dump(2) + '\n'
        : options.format == "markdown" ? config_keys_markdown()
        : options.format == "yaml"     ? config_keys_yaml()
                                       : config_keys_text());
  return kDone;
}

}  // namespace shrike::app
