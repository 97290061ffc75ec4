// SPDX-License-Identifier: Apache-2.0
#include "engine/program/program.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

namespace shrike::program {
namespace {

bool is_alive(const Rule& rule) { return rule.enabled && rule.availability.state != Availability::State::kInactive; }
bool is_asked(const Rule& rule) { return is_alive(rule) && !rule.decided_in_kernel; }

void dump_node(const Program& program, std::uint32_t at, std::size_t depth, std::string& out) {
  const Node& node = program.nodes[at];
  out.append(2 * depth, ' ');
  switch (node.kind) {
    case Node::Kind::kCheck:
      out += 'p' + std::to_string(node.first) + ' ' + program.predicates[node.first].text + '\n';
      return;
    case Node::Kind::kAnd:
      out += "and\n";
      break;
    case Node::Kind::kOr:
      out += "or\n";
      break;
    case Node::Kind::kNot:
      out += "not\n";
      break;
  }
  for (std::uint32_t i = 0; i < node.count; ++i) dump_node(program, program.children[node.first + i], depth + 1, out);
}

// With or without an index or key in brackets.
bool is_field(std::string_view text, std::string_view field) {
  return text.starts_with(field) && (text.size() == field.size() || text[field.size()] == '[');
}

void append_arguments(const Program& program, const std::vector<CallArgument>& all, std::string& out) {
  out += '(';
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i > 0) out += ',';
    if (const auto* slot = std::get_if<std::uint32_t>(&all[i].node)) {
      out += program.slot_text(*slot);
    } else if (const auto* constant = std::get_if<std::string>(&all[i].node)) {
      out += '"' + *constant + '"';
    } else {
      append_arguments(program, std::get<std::vector<CallArgument>>(all[i].node), out);
    }
  }
  out += ')';
}

}  // namespace

std::string value_text(const Slot& slot, const event::Value& value) {
  return slot.call ? event::list_text(value) : event::field_text(slot.use, value);
}

std::string_view priority_name(std::uint8_t priority) {
  static constexpr std::string_view kNames[] = {"Emergency", "Alert",  "Critical",      "Error",
                                                "Warning",   "Notice", "Informational", "Debug"};
  return kNames[std::min<std::size_t>(priority, 7)];
}

void Program::index_rules() {
  // Most types have the same rules, those that name no type: thousands of them, were each type to have its own list.
  std::map<std::vector<std::uint32_t>, std::uint32_t> known;
  std::vector<std::uint32_t> list;
  by_event.assign(event::event_types().size(), 0);
  for (std::size_t type = 0; type < by_event.size(); ++type) {
    list.clear();
    for (std::uint32_t r = 0; r < rules.size(); ++r) {
      if ((type == 0 || rules[r].asked.test(type)) && is_asked(rules[r])) list.push_back(r);
    }
    by_event[type] = known.try_emplace(list, static_cast<std::uint32_t>(known.size())).first->second;
  }
  rule_lists.assign(known.size(), {});
  while (!known.empty()) {
    auto last = known.extract(std::prev(known.end()));
    rule_lists[last.mapped()] = std::move(last.key());
  }
}

event::EventSet Program::wanted_events() const {
  event::EventSet wanted;
  for (const Rule& rule : rules) {
    if (is_asked(rule)) wanted |= rule.asked;
  }
  return wanted;
}

event::EventSet Program::named_events() const {
  event::EventSet named;
  for (const Rule& rule : rules) {
    if (is_asked(rule) && !rule.any_event) named |= rule.events;
  }
  return named;
}

bool Program::wants_failed_exec() const {
  return std::ranges::any_of(rules, [](const Rule& rule) { return is_asked(rule) && rule.wants_failed_exec; });
}

bool Program::wants_open_results() const {
  return std::ranges::any_of(rules, [](const Rule& rule) { return is_asked(rule) && rule.wants_open_result; });
}

namespace {

// The paths a check names, other than by a part of them. A pattern of pmatch without a glob names all that begins with it.
void add_paths(const Predicate& predicate, std::set<std::string>& to) {
  if (predicate.op == Op::kContains || predicate.op == Op::kIcontains || predicate.op == Op::kBcontains ||
      predicate.op == Op::kEndswith)
    return;
  const auto add = [&](std::string_view path) {
    if (path.size() > 1 && path.starts_with('/') && !path.ends_with('/')) to.emplace(path);
  };
  if (const auto* texts = std::get_if<Texts>(&predicate.constants)) {
    for (const std::string& text : *texts) add(text);
  }
  if (const auto* patterns = std::get_if<std::vector<PathPattern>>(&predicate.constants)) {
    for (const PathPattern& pattern : *patterns) {
      if (std::ranges::any_of(pattern.components, &PathPattern::Component::glob)) continue;
      std::string path;
      for (const PathPattern::Component& component : pattern.components) path += '/' + component.text;
      add(path);
    }
  }
}

}  // namespace

std::set<std::string> Program::named_files() const {
  std::set<std::string> paths;
  const auto is_path = [&](std::uint32_t slot) { return !slots[slot].call && slots[slot].use.field->name == "fd.name"; };
  for (const std::uint32_t at : asked_predicates()) {
    if (is_path(predicates[at].slot)) add_paths(predicates[at], paths);
  }
  return paths;
}

// Those of rules that are asked, each once.
std::vector<std::uint32_t> Program::asked_predicates() const {
  std::vector<bool> seen(predicates.size());
  std::vector<std::uint32_t> found, nodes_left;
  for (const Rule& rule : rules) {
    if (is_asked(rule)) nodes_left.push_back(rule.root);
  }
  while (!nodes_left.empty()) {
    const Node& node = nodes[nodes_left.back()];
    nodes_left.pop_back();
    if (node.kind == Node::Kind::kCheck) {
      if (!seen[node.first]) found.push_back(node.first);
      seen[node.first] = true;
      continue;
    }
    const std::uint32_t count = node.kind == Node::Kind::kNot ? 1 : node.count;
    for (std::uint32_t i = 0; i < count; ++i) nodes_left.push_back(children[node.first + i]);
  }
  return found;
}

std::set<std::string> Program::named_hosts() const {
  std::set<std::string> hosts;
  for (const std::uint32_t at : asked_predicates()) {
    const Predicate& predicate = predicates[at];
    const Slot& slot = slots[predicate.slot];
    if (slot.call || !slot.use.field->name.ends_with("ip.name") ||
        (predicate.op != Op::kEqual && predicate.op != Op::kNotEqual && predicate.op != Op::kIn))
      continue;
    if (const auto* names = std::get_if<Texts>(&predicate.constants)) hosts.insert(names->begin(), names->end());
  }
  return hosts;
}

bool Program::shows_field(const OutputField& output, const FieldTest& test) const {
  if (!output.format) return reads_field(output.slot, test);
  return std::ranges::any_of(formats[*output.format],
                             [&](const OutputPart& part) { return part.slot && reads_field(*part.slot, test); });
}

bool Program::reads_field(std::uint32_t slot, const FieldTest& test) const {
  if (!slots[slot].call) return test(slots[slot].use);
  return reads_field(slots[slot].call->arguments, test);
}

bool Program::reads_field(const std::vector<CallArgument>& arguments, const FieldTest& test) const {
  return std::ranges::any_of(arguments, [&](const CallArgument& argument) {
    if (const auto* slot = std::get_if<std::uint32_t>(&argument.node)) return reads_field(*slot, test);
    const auto* list = std::get_if<std::vector<CallArgument>>(&argument.node);
    return list != nullptr && reads_field(*list, test);
  });
}

bool Program::uses_field(std::string_view field, const event::EventSet& types) const {
  return uses_field([&](const event::FieldUse& use) { return is_field(use.text(), field); }, types);
}

bool Program::uses_field(const FieldTest& test, const event::EventSet& types) const {
  std::vector<std::string> names;  // as Rule::condition_fields has them
  for (const Slot& slot : slots) {
    if (!slot.call && test(slot.use)) names.push_back(slot.use.text());
  }
  return std::ranges::any_of(rules, [&](const Rule& rule) {
    if (!is_alive(rule) || (rule.asked & types).none()) return false;
    const bool asked = is_asked(rule) && std::ranges::find_first_of(rule.condition_fields, names) != rule.condition_fields.end();
    return asked || std::ranges::any_of(rule.output_fields, [&](const OutputField& output) { return shows_field(output, test); });
  });
}

std::string Program::slot_text(std::uint32_t slot) const {
  const auto& [use, call] = slots[slot];
  if (!call) return use.text();
  std::string out(spelling(call->function));
  append_arguments(*this, call->arguments, out);
  return call->option ? out + '[' + *call->option + ']' : out;
}

std::string Program::dump() const {
  std::string out;
  for (const Rule& rule : rules) {
    out += "rule " + rule.name + "\n  events";
    if (rule.any_event) {
      out += " any";
    } else {
      for (std::size_t type = 1; type < event::event_types().size(); ++type) {
        if (rule.events.test(type)) out += ' ' + std::string(event::event_types()[type].name);
      }
    }
    out += '\n';
    dump_node(*this, rule.root, 1, out);
    out += "  output";
    for (const OutputPart& part : rule.output) {
      const std::string width = part.width == 0 ? "" : std::to_string(part.width);
      out += part.slot ? " %" + width + slot_text(*part.slot) : " \"" + texts[part.text] + '"';
    }
    out += '\n';
  }
  return out;
}

}  // namespace shrike::program
