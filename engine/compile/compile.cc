// SPDX-License-Identifier: Apache-2.0
#include "engine/compile/compile.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "engine/compile/event_set.h"
#include "engine/compile/expand.h"
#include "engine/compile/lower_program.h"

namespace shrike::compile {
namespace {

constexpr std::size_t kManyEvents = 100;  // above it a rule counts as unrestricted (rule-language.md 1.11)

constexpr std::size_t kMaxProblems = 50;  // of one rule that are shown: each names its place, which takes a walk through the text
constexpr std::size_t kMaxErrors = 1000;  // of a set; then nobody reads on

// rule-language.md 5.4: what Falco's default `append_output` adds to rules of the syscall source.
constexpr std::string_view kSuggestedOutput =
    " container_id=%container.id container_name=%container.name container_image_repository=%container.image.repository"
    " container_image_tag=%container.image.tag k8s_pod_name=%k8s.pod.name k8s_ns_name=%k8s.ns.name";

lang::Diagnostic at_rule(const lang::Rule& rule, lang::Severity severity, std::string code, std::string message,
                         lang::Position position, std::string hint = {}) {
  return {severity, std::move(code), std::move(message), std::move(hint), std::move(position), rule.name, {}};
}

std::string not_shown(std::size_t problems) {
  return problems == kMaxProblems ? "" : "; " + std::to_string(problems - kMaxProblems) + " more of this rule are not shown";
}

// The rule's condition, or nothing: then it is left out and `diagnostics` says why.
std::optional<std::uint32_t> add_condition(ProgramBuilder& builder, const ExpandedSet& expanded, const ExpandedRule& rule,
                                           program::Rule& out, lang::Diagnostics& diagnostics) {
  std::vector<ProgramBuilder::LocatedRemark> remarks;
  auto root = builder.add_condition(*rule.condition, out.condition_fields, remarks);
  for (std::size_t i = 0; i < std::min(remarks.size(), kMaxProblems); ++i) {
    const auto& [remark, source] = remarks[i];
    lang::Diagnostic warning =
        diagnose(expanded, source, remark.span.begin, "LOAD_COMPILE_CONDITION", remark.message, remark.hint);
    warning.severity = lang::Severity::kWarning;
    if (i + 1 == kMaxProblems) warning.message += not_shown(remarks.size());
    diagnostics.add(std::move(warning));
  }
  if (root) return *root;
  std::vector<ProgramBuilder::Located>& problems = root.error();
  const auto is_forgiven = [&](const ProgramBuilder::Located& located) {
    return rule.rule->skip_if_unknown_filter && located.problem.kind != Problem::Kind::kOther;
  };
  // What stops the rule must not go under in what doesn't.
  if (problems.size() > kMaxProblems && is_forgiven(problems.front())) {
    const auto serious = std::ranges::find_if_not(problems, is_forgiven);
    if (serious != problems.end()) std::iter_swap(problems.begin(), serious);
  }
  for (std::size_t i = 0; i < std::min(problems.size(), kMaxProblems); ++i) {
    const auto& [problem, source] = problems[i];
    const bool forgiven = is_forgiven(problems[i]);
    lang::Diagnostic found =
        diagnose(expanded, source, problem.span.begin, forgiven ? "LOAD_UNKNOWN_FILTER" : "LOAD_ERR_COMPILE_CONDITION",
                 problem.message, problem.hint);
    if (forgiven) {
      found.severity = lang::Severity::kWarning;
      found.message += "; the rule is skipped (skip-if-unknown-filter)";
    }
    if (i + 1 == kMaxProblems) found.message += not_shown(problems.size());
    diagnostics.add(std::move(found));
  }
  return std::nullopt;
}

bool matches(const AppendOutput& entry, const lang::Rule& rule) {
  const auto on_rule = [&](const std::string& tag) { return std::ranges::find(rule.tags, tag) != rule.tags.end(); };
  return (entry.source.empty() || entry.source == rule.source) && (entry.rule.empty() || entry.rule == rule.name) &&
         std::ranges::all_of(entry.tags, on_rule);
}

void add_field(program::OutputField field, program::Rule& out) {
  if (std::ranges::find(out.output_fields, field.key, &program::OutputField::key) == out.output_fields.end())
    out.output_fields.push_back(std::move(field));
}

void add_text(ProgramBuilder& builder, std::string_view text, program::Rule& out) {
  auto added = builder.add_output(text);
  if (!added) return;  // check_append_output has had it
  std::ranges::move(added->parts, std::back_inserter(out.output));
  for (program::OutputField& field : added->fields) add_field(std::move(field), out);
}

// What the entry adds to a rule it matches.
void append(ProgramBuilder& builder, const AppendOutput& entry, const lang::Rule& rule, const Options& options,
            program::Rule& out) {
  if (!entry.extra_output.empty()) add_text(builder, ' ' + entry.extra_output, out);
  if (entry.suggested_output && rule.source == "syscall") {
    add_text(builder, kSuggestedOutput, out);
    for (const auto& [key, value] : options.static_fields) {
      out.output.push_back({" static_" + key + '=' + value, std::nullopt, 0});
      add_field({.key = "static." + key, .format = {{value, std::nullopt, 0}}}, out);
    }
  }
  for (const std::string& name : entry.extra_fields) {
    auto added = builder.add_output('%' + name);
    if (added && !added->fields.empty()) add_field(std::move(added->fields.front()), out);
  }
  for (const auto& [key, format] : entry.extra_formats) {
    auto added = builder.add_output(format);
    if (!added) continue;
    if (added->parts.empty()) added->parts.push_back({});  // an empty text, not a slot
    add_field({.key = key, .format = std::move(added->parts)}, out);
  }
}

bool add_output(ProgramBuilder& builder, const lang::Rule& rule, const Options& options, program::Rule& out,
                lang::Diagnostics& diagnostics) {
  auto output = builder.add_output(rule.output.value());
  if (!output) {
    const Problem& problem = output.error();
    const bool forgiven = rule.skip_if_unknown_filter && problem.kind == Problem::Kind::kUnknownField;
    diagnostics.add(at_rule(rule, forgiven ? lang::Severity::kWarning : lang::Severity::kError,
                            forgiven ? "LOAD_UNKNOWN_FILTER" : "LOAD_ERR_COMPILE_OUTPUT", problem.message,
                            rule.output.position(problem.span.begin), problem.hint));
    return false;
  }
  out.output = std::move(output->parts);
  out.output_fields = std::move(output->fields);
  if (options.suggested_output) append(builder, {.suggested_output = true}, rule, options, out);
  for (const AppendOutput& entry : options.append_output) {
    if (matches(entry, rule)) append(builder, entry, rule, options, out);
  }
  return true;
}

// A rule's own part of the program, or nothing: then it is left out and `diagnostics` says why.
std::optional<program::Rule> compile_rule(ProgramBuilder& builder, const ExpandedSet& expanded, const ExpandedRule& rule,
                                          const Options& options, lang::Diagnostics& diagnostics) {
  program::Rule out;
  const auto root = add_condition(builder, expanded, rule, out, diagnostics);
  if (!root) return std::nullopt;
  if (!add_output(builder, *rule.rule, options, out, diagnostics)) return std::nullopt;
  out.name = rule.rule->name;
  out.desc = rule.rule->desc;
  out.condition = lang::dump(*rule.condition);
  out.output_text = rule.rule->output.value();
  out.priority = static_cast<std::uint8_t>(rule.rule->priority);
  out.source = rule.rule->source;
  out.tags.assign(rule.rule->tags.begin(), rule.rule->tags.end());
  out.enabled = rule.rule->enabled;
  out.action = lang::spelling(rule.rule->action);
  out.mode = rule.rule->mode == lang::Mode::kHost ? "" : lang::spelling(rule.rule->mode);
  out.root = *root;
  out.events = infer_events(*rule.condition);
  out.any_event = out.events.count() > kManyEvents;
  if (out.any_event && rule.rule->warn_evttypes) {
    diagnostics.add(at_rule(*rule.rule, lang::Severity::kWarning, "LOAD_NO_EVTTYPE", "the rule is asked for nearly every event",
                            rule.rule->position, "restrict it: evt.type in (…)"));
  }
  return out;
}

// Sets what the plan makes of each rule.
void plan_rules(Compiled& compiled, const PlanOptions& options) {
  for (const KernelRule& rule : compiled.kernel_rules) compiled.program.rules[rule.rule].enforcement = enforcement(rule, options);
  compiled.plan = make_plan(compiled.kernel_rules, options);
  for (const program::KernelPlan::Rule& rule : compiled.plan.rules) compiled.program.rules[rule.rule].decided_in_kernel = true;
}

}  // namespace

std::optional<Problem> check_append_output(const AppendOutput& entry) {
  ProgramBuilder builder;
  const auto wrong = [&](const std::string& text) -> std::optional<Problem> {
    auto added = builder.add_output(text);
    return added ? std::nullopt : std::optional(std::move(added).error());
  };
  if (auto problem = wrong(entry.extra_output)) return problem;
  for (const std::string& name : entry.extra_fields) {
    if (auto problem = wrong('%' + name)) return problem;
    // A transformer or text behind the field.
    const auto added = builder.add_output('%' + name);
    if (added->parts.size() != 1 || added->fields.size() != 1 || added->fields[0].key != name)
      return Problem{Problem::Kind::kOther,
                     '"' + name + "\" is no field",
                     "name a text with fields in it: - key: \"%proc.name/%fd.name\"",
                     {}};
  }
  for (const auto& [key, format] : entry.extra_formats) {
    if (auto problem = wrong(format)) return problem;
  }
  return std::nullopt;
}

Compiled compile_rules(const lang::RuleSet& set, const Options& options, lang::Diagnostics& diagnostics) {
  ProgramBuilder builder;
  Compiled compiled;
  std::size_t clauses = 0;
  bool stopped = false;
  expand_each(set, diagnostics, [&](const ExpandedSet& expanded, const ExpandedRule& rule) {
    if (diagnostics.error_count() >= kMaxErrors) {
      if (!std::exchange(stopped, true)) {
        diagnostics.add(at_rule(*rule.rule, lang::Severity::kError, "LOAD_ERR_COMPILE_CONDITION",
                                "more than " + std::to_string(kMaxErrors) + " errors: the rules from here on are not looked at",
                                rule.rule->position));
      }
      return;
    }
    auto out = compile_rule(builder, expanded, rule, options, diagnostics);
    if (!out) return;
    std::optional<KernelRule> kernel;
    if (out->enabled && rule.rule->action != lang::Action::kAlert) kernel = lower_rule(expanded, rule, clauses, diagnostics);
    // Less severe than asked for: checked like any other, but not part of the program.
    if (rule.rule->priority > options.priority) return;
    if (kernel) {
      kernel->rule = static_cast<std::uint32_t>(builder.program().rules.size());
      compiled.kernel_rules.push_back(*std::move(kernel));
    }
    builder.program().rules.push_back(*std::move(out));
  });
  compiled.program = builder.take();
  if (options.plan) plan_rules(compiled, *options.plan);
  compiled.program.index_rules();
  return compiled;
}

program::Program compile(const lang::RuleSet& set, const Options& options, lang::Diagnostics& diagnostics) {
  return compile_rules(set, options, diagnostics).program;
}

}  // namespace shrike::compile
