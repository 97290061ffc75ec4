// SPDX-License-Identifier: Apache-2.0
#include "engine/compile/compile.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <tuple>
#include <utility>

#include "engine/compile/event_set.h"
#include "engine/compile/expand.h"
#include "engine/compile/lower_program.h"
#include "engine/compile/opening.h"

namespace shrike::compile {
namespace {

constexpr std::size_t kManyEvents = 100;  // above it a rule counts as unrestricted (rule-language.md 1.11)

// Of the last of kMaxProblems findings of a kind.
constexpr std::string_view kLastShown = "; further ones of this rule are not shown";

constexpr std::size_t kMaxErrors = 1000;  // of a set; then nobody reads on

// rule-language.md 5.4: what Falco's default `append_output` adds to rules of the syscall source.
constexpr std::string_view kSuggestedOutput =
    " container_id=%container.id container_name=%container.name container_image_repository=%container.image.repository"
    " container_image_tag=%container.image.tag k8s_pod_name=%k8s.pod.name k8s_ns_name=%k8s.ns.name";

constexpr std::string_view kDeprecatedFields[] = {"evt.dir", "evt.latency", "evt.wait_latency"};

bool is_deprecated(std::string_view field) {
  return std::ranges::any_of(kDeprecatedFields, [&](std::string_view name) {
    return field == name || (field.starts_with(name) && field[name.size()] == '.');
  });
}

lang::Diagnostic at_rule(const lang::Rule& rule, std::string code, std::string message, std::string hint) {
  return {lang::Severity::kWarning,
          std::move(code),
          std::move(message),
          std::move(hint),
          rule.position,
          rule.name,
          lang::shown_line(*rule.file, rule.position.line)};
}

lang::Diagnostic at_output(const lang::Rule& rule, lang::Severity severity, std::string code, std::size_t offset,
                           std::string message, std::string hint) {
  auto [position, line] = rule.output.place(offset);
  return {severity, std::move(code), std::move(message), std::move(hint), std::move(position), rule.name, std::move(line)};
}

// Where findings on conditions go. What is wrong with a macro is said once, not for each rule that uses it.
class Findings {
 public:
  explicit Findings(lang::Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

  void add(lang::Diagnostic found) {
    const lang::Position& at = found.position;
    if (seen_.insert({at.file, at.line, at.column, found.code, found.message}).second) diagnostics_.add(std::move(found));
  }
  void warn(const ExpandedSet& set, std::uint32_t source, const lang::Span& span, std::string code, std::string message,
            std::string hint) {
    lang::Diagnostic found = diagnose(set, source, span.begin, std::move(code), std::move(message), std::move(hint));
    found.severity = lang::Severity::kWarning;
    add(std::move(found));
  }

 private:
  lang::Diagnostics& diagnostics_;
  std::set<std::tuple<std::string, std::size_t, std::size_t, std::string, std::string>> seen_;
};

// Warns of fields that have had their day, and of those that legacy plugins had.
class FieldWarnings {
 public:
  FieldWarnings(const ExpandedSet& set, Findings& findings) : set_(set), findings_(findings) {}

  void visit(const lang::Expr& expr) {
    std::visit(lang::Overload{[&](const lang::And& n) { visit_all(n.operands); },
                              [&](const lang::Or& n) { visit_all(n.operands); }, [&](const lang::Not& n) { visit(*n.operand); },
                              [](const lang::MacroRef&) {}, [&](const lang::Compare& n) { compare(n, expr.source); }},
               expr.node);
  }

 private:
  void visit_all(const std::vector<lang::ExprPtr>& operands) {
    for (const lang::ExprPtr& operand : operands) visit(*operand);
  }

  void compare(const lang::Compare& compare, std::uint32_t source) {
    if (const auto* name = std::get_if<lang::FieldRef>(&compare.left)) {
      field(*name, source);
      const bool legacy = name->name.starts_with("ka.") || name->name.starts_with("jevt.");
      if (legacy && names_na(compare)) {
        warn(source, name->span, "LOAD_UNSAFE_NA_CHECK", "comparing " + name->name + " with <NA> is unsafe",
             "write: " + name->name + " exists");
      }
    } else {
      transform(std::get<lang::Transform>(compare.left), source);
    }
    if (const auto* value = std::get_if<lang::ValueOf>(&compare.right)) field(value->field, source);
    if (const auto* call = std::get_if<lang::Transform>(&compare.right)) transform(*call, source);
  }

  static bool names_na(const lang::Compare& compare) {
    const auto is_na = [](const lang::Literal& literal) { return literal.text == "<NA>"; };
    if (const auto* one = std::get_if<lang::Literal>(&compare.right)) return is_na(*one);
    const auto* list = std::get_if<std::vector<lang::Literal>>(&compare.right);
    return list != nullptr && std::ranges::any_of(*list, is_na);
  }

  void transform(const lang::Transform& call, std::uint32_t source) { arguments(call.arguments, source); }
  void arguments(const std::vector<lang::TransformArgument>& all, std::uint32_t source) {
    for (const lang::TransformArgument& argument : all) {
      std::visit(lang::Overload{[&](const lang::FieldRef& name) { field(name, source); }, [](const lang::Literal&) {},
                                [&](const lang::TransformPtr& call) { transform(*call, source); },
                                [&](const lang::TransformList& list) { arguments(list.items, source); }},
                 argument.node);
    }
  }

  void field(const lang::FieldRef& name, std::uint32_t source) {
    if (!is_deprecated(name.name)) return;
    warn(source, name.span, "LOAD_DEPRECATED_ITEM", "field " + name.name + " is deprecated", "leave it out");
  }

  void warn(std::uint32_t source, const lang::Span& span, std::string code, std::string message, std::string hint) {
    if (warnings_ == kMaxProblems) return;
    if (++warnings_ == kMaxProblems) message += kLastShown;
    findings_.warn(set_, source, span, std::move(code), std::move(message), std::move(hint));
  }

  const ExpandedSet& set_;
  Findings& findings_;
  std::size_t warnings_ = 0;
};

// The rule's condition, or nothing: then it is left out and `findings` says why.
std::optional<std::uint32_t> add_condition(ProgramBuilder& builder, const ExpandedSet& expanded, const ExpandedRule& rule,
                                           const lang::Expr& condition, program::Rule& out, Findings& findings) {
  FieldWarnings(expanded, findings).visit(*rule.condition);
  std::vector<ProgramBuilder::LocatedRemark> remarks;
  auto root = builder.add_condition(condition, out.condition_fields, remarks);
  if (remarks.size() == kMaxProblems) remarks.back().remark.message += kLastShown;
  for (auto& [remark, source] : remarks) {
    findings.warn(expanded, source, remark.span, "LOAD_COMPILE_CONDITION", std::move(remark.message), std::move(remark.hint));
  }
  if (root) return *root;
  std::vector<ProgramBuilder::Located>& problems = root.error();
  // As upstream, the first problem says whether the rule is forgiven.
  const auto& [first, first_source] = problems.front();
  if (rule.rule->skip_if_unknown_filter && first.kind != Problem::Kind::kOther) {
    findings.warn(expanded, first_source, first.span, "LOAD_UNKNOWN_FILTER",
                  first.message + "; the rule is skipped (skip-if-unknown-filter)", first.hint);
    return std::nullopt;
  }
  if (problems.size() == kMaxProblems) problems.back().problem.message += kLastShown;
  for (auto& [problem, source] : problems) {
    findings.add(diagnose(expanded, source, problem.span.begin, "LOAD_ERR_COMPILE_CONDITION", std::move(problem.message),
                          std::move(problem.hint)));
  }
  return std::nullopt;
}

bool matches(const AppendOutput& entry, const lang::Rule& rule) {
  const auto on_rule = [&](const std::string& tag) { return std::ranges::find(rule.tags, tag) != rule.tags.end(); };
  return (entry.source.empty() || entry.source == rule.source) && (entry.rule.empty() || entry.rule == rule.name) &&
         std::ranges::all_of(entry.tags, on_rule);
}

void add_field(const program::OutputField& field, program::Rule& out) {
  if (std::ranges::find(out.output_fields, field.key, &program::OutputField::key) == out.output_fields.end())
    out.output_fields.push_back(field);
}

void add_text(ProgramBuilder& builder, std::string_view text, program::Rule& out) {
  auto added = builder.add_output(text);
  if (!added) return;  // check_append_output has had it
  std::ranges::move(added->parts, std::back_inserter(out.output));
  for (const program::OutputField& field : added->fields) add_field(field, out);
}

// What the entry adds to a rule it matches.
void append(ProgramBuilder& builder, const AppendOutput& entry, const lang::Rule& rule, const Options& options,
            program::Rule& out) {
  if (!entry.extra_output.empty()) add_text(builder, ' ' + entry.extra_output, out);
  if (entry.suggested_output && rule.source == "syscall") {
    add_text(builder, kSuggestedOutput, out);
    for (const auto& [key, value] : options.static_fields) {
      out.output.push_back({.slot = {}, .text = builder.text(std::string(" static_").append(key).append("=").append(value))});
      add_field({.key = builder.text("static." + key), .format = builder.format({{.slot = {}, .text = builder.text(value)}})},
                out);
    }
  }
  for (const std::string& name : entry.extra_fields) {
    auto added = builder.add_output('%' + name);
    if (added && !added->fields.empty()) add_field(added->fields.front(), out);
  }
  for (const auto& [key, format] : entry.extra_formats) {
    auto added = builder.add_output(format);
    if (!added) continue;
    add_field({.key = builder.text(key), .format = builder.format(std::move(added->parts))}, out);
  }
}

bool add_output(ProgramBuilder& builder, const lang::Rule& rule, const Options& options, program::Rule& out,
                lang::Diagnostics& diagnostics) {
  auto output = builder.add_output(rule.output.value());
  if (!output) {
    const Problem& problem = output.error();
    const bool forgiven = rule.skip_if_unknown_filter && problem.kind == Problem::Kind::kUnknownField;
    diagnostics.add(at_output(rule, forgiven ? lang::Severity::kWarning : lang::Severity::kError,
                              forgiven ? "LOAD_UNKNOWN_FILTER" : "LOAD_ERR_COMPILE_OUTPUT", problem.span.begin,
                              problem.message + (forgiven ? "; the rule is skipped (skip-if-unknown-filter)" : ""),
                              problem.hint));
    return false;
  }
  const auto deprecated = [&](std::size_t offset, std::string message, std::string hint) {
    diagnostics.add(
        at_output(rule, lang::Severity::kWarning, "LOAD_DEPRECATED_ITEM", offset, std::move(message), std::move(hint)));
  };
  for (Remark& remark : output->removed) deprecated(remark.span.begin, std::move(remark.message), std::move(remark.hint));
  for (const std::string_view name : kDeprecatedFields) {
    const std::size_t offset = rule.output.value().find(name);
    if (offset != std::string::npos) deprecated(offset, "field " + std::string(name) + " is deprecated", "leave it out");
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
                                          const Options& options, Findings& findings, lang::Diagnostics& diagnostics) {
  program::Rule out;
  // The output first, as upstream: of several problems the first one counts.
  const bool has_output = add_output(builder, *rule.rule, options, out, diagnostics);
  const lang::ExprPtr wider = options.opening_is_opening ? widen_opens(*rule.condition) : nullptr;
  const auto root = add_condition(builder, expanded, rule, wider == nullptr ? *rule.condition : *wider, out, findings);
  if (!root || !has_output) return std::nullopt;
  out.name = rule.rule->name;
  if (options.normal_forms) out.condition = lang::dump(*rule.condition);
  out.priority = static_cast<std::uint8_t>(rule.rule->priority);
  out.source = rule.rule->source;
  out.tags.assign(rule.rule->tags.begin(), rule.rule->tags.end());
  out.enabled = rule.rule->enabled;
  out.action = lang::spelling(rule.rule->action);
  out.mode = rule.rule->mode == lang::Mode::kHost ? "" : lang::spelling(rule.rule->mode);
  out.root = *root;
  out.events = infer_events(*rule.condition);
  out.asked = wider == nullptr ? out.events : infer_events(*wider);
  out.any_event = out.events.count() > kManyEvents;
  if (out.any_event && rule.rule->warn_evttypes) {
    diagnostics.add(
        at_rule(*rule.rule, "LOAD_NO_EVTTYPE", "the rule is asked for nearly every event", "restrict it: evt.type in (…)"));
  }
  // Thousands of rules stay; what their parts have to spare would be as much again.
  out.output.shrink_to_fit();
  out.output_fields.shrink_to_fit();
  out.condition_fields.shrink_to_fit();
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
    if (added->parts.size() != 1 || added->fields.size() != 1 || builder.program().texts[added->fields[0].key] != name)
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
  builder.program().opening_is_opening = options.opening_is_opening;
  Compiled compiled;
  std::size_t clauses = 0;
  Findings findings(diagnostics);
  builder.program().rules.reserve(set.rules.size());
  bool stopped = false;
  expand_each(set, diagnostics, [&](const ExpandedSet& expanded, const ExpandedRule& rule) {
    if (diagnostics.error_count() >= kMaxErrors) {
      if (!std::exchange(stopped, true)) {
        lang::Diagnostic last =
            at_rule(*rule.rule, "LOAD_ERR_COMPILE_CONDITION",
                    "more than " + std::to_string(kMaxErrors) + " errors: the rules from here on are not looked at", {});
        last.severity = lang::Severity::kError;
        diagnostics.add(std::move(last));
      }
      return;
    }
    auto out = compile_rule(builder, expanded, rule, options, findings, diagnostics);
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
