// SPDX-License-Identifier: Apache-2.0
// Rules: definition, the old toggle form, append and override (rule-language.md 1.6, 1.8).
#include <algorithm>
#include <optional>

#include "engine/lang/item_reader.h"

namespace shrike::lang {
namespace {

struct RuleDraft {
  std::string name;
  SourceText condition;
  SourceText output;
  std::string desc;
  Priority priority = Priority::kDebug;
  std::optional<std::string> source;
  bool enabled = true;
  bool capture = false;
  std::uint32_t capture_duration = 0;
  bool warn_evttypes = true;
  bool skip_if_unknown_filter = false;
  std::vector<std::string> tags;
  std::vector<ExceptionDraft> exceptions;
  Action action = Action::kAlert;
  Position action_position;
  Mode mode = Mode::kHost;
  bool append = false;
  std::vector<Override> overrides;
};

std::string quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

bool read_priority(ItemReader& reader, const YamlNode& value, RuleDraft& draft) {
  std::string text;
  if (!reader.text(value, "priority", text)) return false;
  const auto priority = parse_priority(text);
  if (!priority) {
    return reader.fail(kBadYaml, value, "invalid priority " + quoted(text),
                       "EMERGENCY, ALERT, CRITICAL, ERROR, WARNING, NOTICE, INFO or DEBUG");
  }
  draft.priority = *priority;
  return true;
}

// Nothing at all is read as not given; whether that will do is for the form of the item to say.
bool read_source(ItemReader& reader, const YamlNode& value, RuleDraft& draft) {
  if (value.kind == YamlNode::Kind::kNull) return true;
  std::string text;
  if (!reader.scalar(value, "source", text)) return false;
  if (!text.empty()) draft.source = std::move(text);
  return true;
}

template <class Value, std::size_t N>
bool read_word(ItemReader& reader, const YamlNode& value, std::string_view key, const Value (&words)[N], Value& out) {
  std::string text;
  if (!reader.text(value, key, text)) return false;
  std::string all;
  for (const Value word : words) {
    if (spelling(word) == text) {
      out = word;
      return true;
    }
    all += (all.empty() ? "" : ", ") + std::string(spelling(word));
  }
  return reader.fail(kBadYaml, value, "invalid " + std::string(key) + ' ' + quoted(text), "one of " + all);
}

bool read_action(ItemReader& reader, const YamlNode& value, RuleDraft& draft) {
  static constexpr Action kActions[] = {Action::kAlert, Action::kBlock, Action::kKill};
  draft.action_position = reader.position(value);
  return read_word(reader, value, "action", kActions, draft.action);
}

bool read_mode(ItemReader& reader, const YamlNode& value, RuleDraft& draft) {
  static constexpr Mode kModes[] = {Mode::kMonitor, Mode::kEnforce};
  return read_word(reader, value, "mode", kModes, draft.mode);
}

bool append_tags(ItemReader&, const RuleDraft& draft, Rule& rule) {
  rule.tags.insert(draft.tags.begin(), draft.tags.end());
  return true;
}

bool replace_tags(ItemReader& reader, const RuleDraft& draft, Rule& rule) {
  rule.tags.clear();
  return append_tags(reader, draft, rule);
}

bool append_exceptions_to(ItemReader& reader, const RuleDraft& draft, Rule& rule) {
  return append_exceptions(reader, draft.exceptions, !rule.unknown_source, rule.exceptions);
}

bool replace_exceptions(ItemReader& reader, const RuleDraft& draft, Rule& rule) {
  std::vector<Exception> exceptions;
  if (!define_exceptions(reader, draft.exceptions, !rule.unknown_source, exceptions)) return false;
  rule.exceptions = std::move(exceptions);
  return true;
}

bool append_desc(ItemReader&, const RuleDraft& draft, Rule& rule) {
  rule.desc += ' ' + draft.desc;
  return true;
}

template <auto from, auto to>
bool replace(ItemReader&, const RuleDraft& draft, Rule& rule) {
  rule.*to = draft.*from;
  return true;
}

template <auto from, auto to>
bool append_text(ItemReader&, const RuleDraft& draft, Rule& rule) {
  (rule.*to).append(draft.*from);
  return true;
}

bool replace_action(ItemReader&, const RuleDraft& draft, Rule& rule) {
  rule.action = draft.action;
  rule.action_position = draft.action_position;
  return true;
}

// What a key is, how it is read, and what override may do with it (null: that is refused).
struct RuleKey {
  using Change = bool (*)(ItemReader&, const RuleDraft&, Rule&);
  std::string_view name;
  bool (*read)(ItemReader&, const YamlNode&, RuleDraft&);
  Change append = nullptr;
  Change replace = nullptr;
};
using R = ItemReader;
using N = YamlNode;
using D = RuleDraft;
constexpr RuleKey kRuleKeys[] = {
    {"rule", [](R& r, const N& v, D& d) { return r.text(v, "rule", d.name); }},
    {"desc", [](R& r, const N& v, D& d) { return r.text(v, "desc", d.desc); }, append_desc, replace<&D::desc, &Rule::desc>},
    {"condition", [](R& r, const N& v, D& d) { return r.source_text(v, "condition", d.condition); },
     append_text<&D::condition, &Rule::condition>, replace<&D::condition, &Rule::condition>},
    {"output", [](R& r, const N& v, D& d) { return r.source_text(v, "output", d.output); },
     append_text<&D::output, &Rule::output>, replace<&D::output, &Rule::output>},
    {"priority", read_priority, nullptr, replace<&D::priority, &Rule::priority>},
    {"source", read_source},
    {"enabled", [](R& r, const N& v, D& d) { return r.boolean(v, "enabled", d.enabled); }, nullptr,
     replace<&D::enabled, &Rule::enabled>},
    {"capture", [](R& r, const N& v, D& d) { return r.boolean(v, "capture", d.capture); }, nullptr,
     replace<&D::capture, &Rule::capture>},
    {"capture_duration", [](R& r, const N& v, D& d) { return r.number(v, "capture_duration", d.capture_duration); }, nullptr,
     replace<&D::capture_duration, &Rule::capture_duration_ms>},
    {"warn_evttypes", [](R& r, const N& v, D& d) { return r.boolean(v, "warn_evttypes", d.warn_evttypes); }, nullptr,
     replace<&D::warn_evttypes, &Rule::warn_evttypes>},
    {"skip-if-unknown-filter",
     [](R& r, const N& v, D& d) { return r.boolean(v, "skip-if-unknown-filter", d.skip_if_unknown_filter); }, nullptr,
     replace<&D::skip_if_unknown_filter, &Rule::skip_if_unknown_filter>},
    {"tags", [](R& r, const N& v, D& d) { return r.texts(v, "tags", d.tags); }, append_tags, replace_tags},
    {"exceptions", [](R& r, const N& v, D& d) { return read_exceptions(r, v, d.exceptions); }, append_exceptions_to,
     replace_exceptions},
    {"action", read_action, nullptr, replace_action},
    {"mode", read_mode, nullptr, replace<&D::mode, &Rule::mode>},
    {"append", [](R& r, const N& v, D& d) { return r.boolean(v, "append", d.append); }},
    {"override", [](R& r, const N& v, D& d) { return read_override(r, v, d.overrides); }},
};

constexpr std::string_view kDefining[] = {"condition", "output", "desc", "priority"};
constexpr std::string_view kForm[] = {"rule", "append", "override"};  // read first: they say what else counts
constexpr std::string_view kEnforcing[] = {"action", "mode"};

bool says_form(std::string_view key) { return std::ranges::find(kForm, key) != std::end(kForm); }

const RuleKey* find_key(std::string_view name) {
  const auto found = std::ranges::find(kRuleKeys, name, &RuleKey::name);
  return found == std::end(kRuleKeys) ? nullptr : &*found;
}

// A rule that was to block and only alerts, for a letter, is worse than a file that does not load.
bool refuse_unknown_key(ItemReader& reader, const YamlNode& key) {
  std::string low = key.scalar;
  std::ranges::transform(low, low.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  for (const std::string_view meant : kEnforcing) {
    if (edit_distance(low, meant, 2) <= 2) {
      return reader.fail(kBadYaml, key, "unknown key " + quoted(key.scalar), "did you mean " + std::string(meant) + '?');
    }
  }
  warn_unknown_key(reader, key, key_names(kRuleKeys));
  return true;
}

// Forms that change a rule without override have no say in what it enforces.
bool refuse_enforcing_keys(ItemReader& reader, const YamlNode& item, std::string_view form) {
  for (const std::string_view key : kEnforcing) {
    if (const YamlNode* value = item.find(key)) {
      return reader.fail(kBadRule, *value, quoted(key) + " has no effect " + std::string(form),
                         "write: override: {" + std::string(key) + ": replace}");
    }
  }
  return true;
}

bool check_source(ItemReader& reader, const YamlNode& item, const RuleDraft& draft, const Rule& rule) {
  if (!draft.source || *draft.source == rule.source) return true;
  return reader.fail(kBadRule, *item.find("source"),
                     "the rule has source " + quoted(rule.source) + ", not " + quoted(*draft.source));
}

// Reads the keys of an item that its form asks for; what else it says is ignored, right or wrong.
template <class Wanted>
bool read_some(ItemReader& reader, const YamlNode& item, RuleDraft& draft, Wanted wanted) {
  return std::ranges::all_of(kRuleKeys, [&](const RuleKey& key) {
    const YamlNode* value = wanted(key.name) ? item.find(key.name) : nullptr;
    return value == nullptr || key.read(reader, *value, draft);
  });
}

bool append_rule(ItemReader& reader, const YamlNode& item, RuleDraft& draft) {
  reader.warn("LOAD_DEPRECATED_ITEM", *item.find("append"), "append: true is deprecated", "write: override: {condition: append}");
  if (item.find("condition") == nullptr && item.find("exceptions") == nullptr) {
    return reader.fail(kBadRule, item, "an appended rule needs a condition or exceptions");
  }
  if (!refuse_enforcing_keys(reader, item, "with append: true")) return false;
  const auto wanted = [](std::string_view key) { return key == "condition" || key == "exceptions" || key == "source"; };
  if (!read_some(reader, item, draft, wanted)) return false;
  Rule* rule = reader.set().find_rule(draft.name);
  if (rule == nullptr) {
    return reader.fail(kBadRule, *item.find("rule"), "append to a rule that does not exist: " + draft.name,
                       "define the rule first");
  }
  if (!check_source(reader, item, draft, *rule)) return false;
  if (item.find("condition") != nullptr) rule->condition.append(draft.condition);
  rule->last_order = reader.set().next_order++;
  return append_exceptions_to(reader, draft, *rule);
}

// May the keys be changed so, and does the item give them?
bool check_override(ItemReader& reader, const YamlNode& item, const RuleDraft& draft) {
  for (const Override& entry : draft.overrides) {
    const std::string& name = entry.key->scalar;
    const RuleKey* key = find_key(name);
    if (key == nullptr || key->replace == nullptr)
      return reader.fail(kBadYaml, *entry.key, "key " + quoted(name) + " can't be overridden");
    if (entry.append && key->append == nullptr) {
      return reader.fail(kBadYaml, *entry.key, "key " + quoted(name) + " cannot be appended to", "use replace instead");
    }
  }
  if (draft.append) return reader.fail(kBadYaml, *item.find("append"), "both append and override are given", "keep override");
  for (const Override& entry : draft.overrides) {
    const std::string& name = entry.key->scalar;
    if (item.find(name) == nullptr) {
      return reader.fail(kBadYaml, *entry.key, "override names " + quoted(name) + ", but the item does not give it",
                         "give the key, or drop it here");
    }
  }
  return true;
}

// A key that is given and not listed would be dropped without a word.
bool check_listed(ItemReader& reader, const YamlNode& item, const RuleDraft& draft) {
  for (std::size_t i = 0; i + 1 < item.children.size(); i += 2) {
    const YamlNode& given = *item.children[i];
    const RuleKey* key = find_key(given.scalar);
    if (key == nullptr || key->replace == nullptr) continue;
    const bool listed =
        std::ranges::any_of(draft.overrides, [&](const Override& entry) { return entry.key->scalar == given.scalar; });
    if (!listed) {
      return reader.fail(kBadYaml, given, "unexpected key " + quoted(given.scalar) + ": override does not name it",
                         "write: override: {" + given.scalar + ": replace}");
    }
  }
  return true;
}

bool override_rule(ItemReader& reader, const YamlNode& item, RuleDraft& draft) {
  if (!check_override(reader, item, draft)) return false;
  const auto wanted = [&](std::string_view name) {
    return name == "source" ||
           std::ranges::any_of(draft.overrides, [&](const Override& entry) { return entry.key->scalar == name; });
  };
  if (!read_some(reader, item, draft, wanted)) return false;
  Rule* rule = reader.set().find_rule(draft.name);
  if (rule == nullptr) {
    return reader.fail(kBadRule, *item.find("rule"), "override of a rule that does not exist: " + draft.name,
                       "define the rule first");
  }
  if (!check_source(reader, item, draft, *rule) || !check_listed(reader, item, draft)) return false;
  for (const bool append : {true, false}) {
    for (const Override& entry : draft.overrides) {
      const RuleKey* key = find_key(entry.key->scalar);
      if (entry.append == append && !(append ? key->append : key->replace)(reader, draft, *rule)) return false;
    }
  }
  rule->last_order = reader.set().next_order++;
  return true;
}

bool toggle_rule(ItemReader& reader, const YamlNode& item, RuleDraft& draft) {
  if (item.find("enabled") == nullptr) {
    return reader.fail(kBadYaml, item, "a rule needs condition, output, desc and priority",
                       "to switch an existing rule: enabled: false, override: {enabled: replace}");
  }
  if (!refuse_enforcing_keys(reader, item, "on a rule that is only switched")) return false;
  if (!read_some(reader, item, draft, [](std::string_view key) { return key == "enabled"; })) return false;
  reader.warn("LOAD_DEPRECATED_ITEM", *item.find("enabled"), "enabled alone is deprecated",
              "write: override: {enabled: replace}");
  Rule* rule = reader.set().find_rule(draft.name);
  if (rule == nullptr) {
    return reader.fail(kBadRule, *item.find("rule"), "the rule to switch does not exist: " + draft.name, "define the rule first");
  }
  rule->enabled = draft.enabled;
  return true;
}

bool define_rule(ItemReader& reader, const YamlNode& item, RuleDraft& draft) {
  for (const std::string_view key : kDefining) {
    if (item.find(key) == nullptr)
      return reader.fail(kBadYaml, item, "key " + quoted(key) + " is missing",
                         "a rule needs condition, output, desc and priority");
  }
  if (!read_some(reader, item, draft, [](std::string_view key) { return !says_form(key); })) return false;
  if (const YamlNode* source = item.find("source"); source != nullptr && !draft.source)
    return reader.fail(kBadYaml, *source, "\"source\" must not be empty");
  Rule* known = reader.set().find_rule(draft.name);
  const YamlNode& name = *item.find("rule");
  Rule rule;
  rule.source = draft.source.value_or("syscall");
  if (known != nullptr && known->source != rule.source) {
    return reader.fail(
        kBadRule, name,
        "rule re-defined with a different source: " + quoted(rule.source) + " instead of " + quoted(known->source));
  }
  rule.unknown_source = rule.source != "syscall";
  if (rule.unknown_source)
    reader.warn("LOAD_UNKNOWN_SOURCE", *item.find("source"), "unknown source " + quoted(rule.source) + ", the rule is ignored");
  rule.name = std::move(draft.name);
  rule.desc = std::move(draft.desc);
  rule.condition = std::move(draft.condition);
  rule.output = draft.output.trimmed();
  rule.priority = draft.priority;
  rule.enabled = draft.enabled;
  rule.capture = draft.capture;
  rule.capture_duration_ms = draft.capture_duration;
  rule.warn_evttypes = draft.warn_evttypes;
  rule.skip_if_unknown_filter = draft.skip_if_unknown_filter;
  rule.tags.insert(draft.tags.begin(), draft.tags.end());
  rule.action = draft.action;
  rule.action_position = draft.action_position;
  rule.mode = draft.mode;
  rule.position = reader.position(name);
  rule.file = reader.file();
  if (!define_exceptions(reader, draft.exceptions, !rule.unknown_source, rule.exceptions)) return false;
  rule.last_order = reader.set().next_order++;
  rule.first_order = known == nullptr ? rule.last_order : known->first_order;
  if (known != nullptr) {
    *known = std::move(rule);
  } else {
    reader.set().rules.push_back(std::move(rule));
  }
  return true;
}

}  // namespace

bool read_rule(ItemReader& reader, const YamlNode& item) {
  RuleDraft draft;
  for (std::size_t i = 0; i + 1 < item.children.size(); i += 2) {
    const YamlNode& key = *item.children[i];
    if (find_key(key.scalar) == nullptr && !refuse_unknown_key(reader, key)) return false;
  }
  if (!read_some(reader, item, draft, says_form)) return false;
  if (!draft.overrides.empty()) return override_rule(reader, item, draft);
  if (draft.append) return append_rule(reader, item, draft);
  const bool defines = std::ranges::any_of(kDefining, [&](std::string_view key) { return item.find(key) != nullptr; });
  return defines ? define_rule(reader, item, draft) : toggle_rule(reader, item, draft);
}

}  // namespace shrike::lang
