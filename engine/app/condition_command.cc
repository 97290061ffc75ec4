// SPDX-License-Identifier: Apache-2.0
// `condition check`: one condition by itself, without definitions. Its answer does not depend on the host.
#include <algorithm>
#include <cstdio>
#include <expected>
#include <nlohmann/json.hpp>
#include <optional>

#include "engine/app/commands.h"
#include "engine/compile/lower_program.h"
#include "engine/lang/parser.h"
#include "engine/lang/rule_file.h"

namespace shrike::app {
namespace {

using nlohmann::json;

constexpr const char* kBatchHint = R"(write: ["evt.type = execve", "proc.name = nc"])";
constexpr std::string_view kPlace = "condition";  // stands for the file in diagnostics

using Text = std::shared_ptr<const lang::SourceFile>;

lang::Diagnostic at(const Text& text, lang::Severity severity, std::size_t offset, std::string message, std::string hint) {
  lang::Diagnostic found{severity,
                         "LOAD_COMPILE_CONDITION",
                         std::move(message),
                         std::move(hint),
                         lang::position_at(*text, std::min(offset, text->text.size())),
                         {},
                         {}};
  if (severity == lang::Severity::kError) found.code = "LOAD_ERR_COMPILE_CONDITION";
  found.line = lang::line_at(*text, found.position.line);
  return found;
}

// What is wrong with the condition first, if anything is.
std::optional<lang::Diagnostic> check(const Text& text, bool syntax_only, lang::Diagnostics& warnings) {
  auto tree = lang::parse(text->text);
  if (!tree) {
    lang::ParseError& error = tree.error();
    return at(text, lang::Severity::kError, error.offset, std::move(error.message), std::move(error.hint));
  }
  if (syntax_only) return std::nullopt;
  compile::ProgramBuilder builder;
  std::vector<std::string> fields;
  std::vector<compile::ProgramBuilder::LocatedRemark> remarks;
  auto root = builder.add_condition(**tree, fields, remarks);
  for (auto& [remark, source] : remarks)
    warnings.add(at(text, lang::Severity::kWarning, remark.span.begin, std::move(remark.message), std::move(remark.hint)));
  if (root) return std::nullopt;
  const auto begins = [](const compile::ProgramBuilder::Located& located) { return located.problem.span.begin; };
  compile::Problem& first = std::ranges::min_element(root.error(), {}, begins)->problem;
  return at(text, lang::Severity::kError, first.span.begin, std::move(first.message), std::move(first.hint));
}

int wrong_batch(lang::Position position, std::string message, std::string hint = {}) {
  const lang::Diagnostic wrong{lang::Severity::kError, {}, std::move(message), std::move(hint), std::move(position), {}, {}};
  std::fputs((lang::format(wrong) + '\n').c_str(), stderr);
  return kUsage;
}

// The text as JSON, or the byte at which it is none.
std::expected<json, std::size_t> parse_json(const std::string& text) {
  try {
    return json::parse(text);
  } catch (const json::parse_error& error) {
    return std::unexpected(std::min(error.byte == 0 ? 0 : error.byte - 1, text.size()));
  }
}

int check_batch(const Options& options) {
  const auto file = lang::load_source(options.batch);
  if (!file) return wrong_batch({options.batch, 0, 0}, file.error().message);
  const auto parsed = parse_json((*file)->text);
  if (!parsed) return wrong_batch(lang::position_at(**file, parsed.error()), "not valid JSON", kBatchHint);
  const json& expressions = *parsed;
  if (!expressions.is_array()) return wrong_batch({options.batch, 0, 0}, "not a JSON array of strings", kBatchHint);
  const auto no_text = std::ranges::find_if(expressions, [](const json& value) { return !value.is_string(); });
  if (no_text != expressions.end()) {
    return wrong_batch({options.batch, 0, 0},
                       "element " + std::to_string(no_text - expressions.begin() + 1) + " of the array is no string", kBatchHint);
  }
  json answers = json::array();
  for (const json& expression : expressions) {
    lang::Diagnostics warnings;
    const auto text = std::make_shared<lang::SourceFile>(lang::SourceFile{std::string(kPlace), expression.get<std::string>()});
    const auto error = check(text, options.syntax_only, warnings);
    if (!error) {
      answers.push_back({{"ok", true}});
    } else {
      answers.push_back(
          {{"ok", false}, {"error", error->message}, {"line", error->position.line}, {"column", error->position.column}});
    }
  }
  std::puts(answers.dump(-1, ' ', false, json::error_handler_t::replace).c_str());
  return kDone;
}

}  // namespace

int condition_check(const Options& options) {
  if (!options.batch.empty()) return check_batch(options);
  lang::Diagnostics found;
  const auto text = std::make_shared<lang::SourceFile>(lang::SourceFile{std::string(kPlace), options.expression});
  if (auto error = check(text, options.syntax_only, found)) found.add(*std::move(error));
  print_diagnostics(found, true);
  if (found.has_errors()) return kNo;
  std::puts("ok");
  return kDone;
}

}  // namespace shrike::app
