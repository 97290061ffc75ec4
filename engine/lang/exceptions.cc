// SPDX-License-Identifier: Apache-2.0
// Exceptions: reading, merging, and their compilation into the condition's text (rule-language.md 1.9).
#include <algorithm>

#include "engine/event/field.h"
#include "engine/lang/item_reader.h"
#include "engine/lang/parser.h"

namespace shrike::lang {
namespace {

constexpr std::string_view kListOperators[] = {"in", "pmatch", "intersects"};
constexpr std::string_view kNumberOperators[] = {"<", "<=", ">", ">="};
constexpr std::string_view kStringOperators[] = {"=",         "==",        "!=",         "glob",        "iglob",    "contains",
                                                 "icontains", "bcontains", "startswith", "bstartswith", "endswith", "regex"};
constexpr std::string_view kModifiers[] = {"oneof", "anyof", "allof"};

std::string quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Words with one blank between them.
std::string squeeze(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (!is_blank(c)) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  if (out.ends_with(' ')) out.pop_back();
  return out;
}

template <std::size_t N>
bool one_of(std::string_view word, const std::string_view (&words)[N]) {
  return std::ranges::find(words, word) != std::end(words);
}

bool has_modifier(std::string_view comp) {
  const std::size_t blank = comp.find(' ');
  return blank != std::string_view::npos && one_of(comp.substr(0, blank), kStringOperators) &&
         one_of(comp.substr(blank + 1), kModifiers);
}

bool takes_list(std::string_view comp) { return one_of(comp, kListOperators) || has_modifier(comp); }

bool is_comparison(std::string_view comp) {
  return takes_list(comp) || one_of(comp, kStringOperators) || one_of(comp, kNumberOperators);
}

// Fields that stand in a rule's text are checked with the rule. This is for the exception that has no values yet.
bool is_field(const std::string& text) {
  auto parsed = parse(text + " exists");
  if (!parsed) return false;
  const auto* compare = std::get_if<Compare>(&(*parsed)->node);
  if (compare == nullptr || compare->op != Operator::kExists) return false;
  const auto* field = std::get_if<FieldRef>(&compare->left);
  return field == nullptr || event::resolve_field(field->name, field->argument).has_value();
}

// A scalar or a sequence of them.
bool read_scalar_or_list(ItemReader& reader, const YamlNode& node, std::string_view what, bool& list,
                         std::vector<std::string>& out) {
  list = node.kind == YamlNode::Kind::kSequence;
  if (list) return reader.texts(node, what, out);
  out.emplace_back();
  return reader.text(node, what, out.back());
}

bool read_shape(ItemReader& reader, const ExceptionDraft& draft, bool known_source, Exception& out) {
  if (draft.fields == nullptr) return reader.fail(kBadYaml, *draft.node, "exception " + quoted(draft.name) + " has no fields");
  bool fields_list = false;
  if (!read_scalar_or_list(reader, *draft.fields, "fields", fields_list, out.fields)) return false;
  out.scalar_form = !fields_list;
  if (out.fields.empty()) return reader.fail(kBadYaml, *draft.fields, "\"fields\" must not be empty");
  if (draft.comps == nullptr) {
    out.comps.assign(out.fields.size(), out.scalar_form ? "in" : "=");
  } else {
    bool comps_list = false;
    if (!read_scalar_or_list(reader, *draft.comps, "comps", comps_list, out.comps)) return false;
    if (comps_list != fields_list)
      return reader.fail(kBadRule, *draft.comps, "fields and comps must both be strings, or both lists");
    if (out.comps.size() != out.fields.size())
      return reader.fail(kBadRule, *draft.comps, "fields and comps lists must have equal length");
  }
  for (std::string& comp : out.comps) {
    comp = squeeze(comp);
    if (!is_comparison(comp)) {
      return reader.fail(kBadRule, draft.comps == nullptr ? *draft.node : *draft.comps,
                         quoted(comp) + " is not a supported comparison operator");
    }
    if (out.scalar_form && !takes_list(comp)) {
      return reader.fail(kBadRule, *draft.comps, quoted(comp) + " is not a supported comparison operator for a single field",
                         "in, pmatch, intersects, or with a modifier: " + comp + " anyof");
    }
  }
  for (const std::string& field : out.fields) {
    if (known_source && !is_field(field))
      return reader.fail(kBadRule, *draft.fields, quoted(field) + " is not a supported filter field");
  }
  return true;
}

bool read_group(ItemReader& reader, const YamlNode& node, const Exception& exception, ExceptionGroup& group) {
  group.file = reader.file();
  group.offset = node.offset;
  if (!reader.charge(node)) return false;
  if (exception.scalar_form) {
    if (node.kind != YamlNode::Kind::kScalar)
      return reader.fail(kBadRule, node, "values of a single field are a list of strings", "write: values: [a, b]");
    group.entries.push_back({false, {node.scalar}});
    return true;
  }
  if (node.kind != YamlNode::Kind::kSequence)
    return reader.fail(kBadRule, node, "an element of values is a list with one value per field", "write: values: [[a, b]]");
  if (node.children.size() != exception.fields.size())
    return reader.fail(kBadRule, node, "fields and values lists must have equal length");
  for (const YamlNode* child : node.children) {
    ExceptionValue value;
    value.list = child->kind == YamlNode::Kind::kSequence;
    if (value.list) {
      if (!reader.texts(*child, "values", value.items)) return false;
    } else {
      if (!reader.charge(*child)) return false;
      if (child->kind != YamlNode::Kind::kScalar)
        return reader.fail(kBadYaml, *child, "a value is a string or a list of strings");
      value.items.push_back(child->scalar);
    }
    group.entries.push_back(std::move(value));
  }
  return true;
}

// `known_source`: the rule's; values of a rule that is ignored are not looked at.
bool read_values(ItemReader& reader, const ExceptionDraft& draft, bool known_source, Exception& out) {
  if (draft.values == nullptr) return true;
  if (!reader.sequence(*draft.values, "values")) return false;
  if (!known_source) return true;
  for (const YamlNode* node : draft.values->children) {
    ExceptionGroup group;
    if (!read_group(reader, *node, out, group)) return false;
    out.values.push_back(std::move(group));
  }
  return true;
}

bool define_exception(ItemReader& reader, const ExceptionDraft& draft, bool known_source, std::vector<Exception>& exceptions) {
  Exception exception;
  exception.name = draft.name;
  exception.file = reader.file();
  exception.offset = draft.node->offset;
  if (!read_shape(reader, draft, known_source, exception) || !read_values(reader, draft, known_source, exception)) return false;
  exceptions.push_back(std::move(exception));
  return true;
}

// --- text

bool starts_quoted(std::string_view text) { return text.starts_with('"') || text.starts_with('\''); }

// A value with a blank, or none at all, can't stand bare.
std::string value_text(const std::string& value) {
  const bool needs_quotes = value.empty() || std::ranges::any_of(value, is_blank);
  return needs_quotes && !starts_quoted(value) ? quoted(value) : value;
}

std::string list_text(const std::vector<std::string>& items) {
  std::string out = "(";
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out += ", ";
    out += value_text(items[i]);
  }
  return out + ')';
}

std::string entry_text(const ExceptionValue& value, std::string_view comp) {
  if (value.list) return list_text(value.items);
  const std::string& text = value.items.front();
  if (!takes_list(comp)) return value_text(text);
  if (text.starts_with('(')) return text;
  // A list may be spelled without its parentheses: "a, b".
  const bool several = text.find(',') != std::string::npos;
  return '(' + (several ? text : value_text(text)) + ')';
}

void add_scalar_form(const Exception& exception, SourceText& out) {
  const auto add = [&](std::string text, const ExceptionGroup* group) {
    out.concat(SourceText::generated(std::move(text), group != nullptr ? group->file : exception.file,
                                     group != nullptr ? group->offset : exception.offset));
  };
  add('(' + exception.fields.front() + ' ' + exception.comps.front() + " (", nullptr);
  for (std::size_t i = 0; i < exception.values.size(); ++i) {
    const ExceptionGroup& group = exception.values[i];
    add((i > 0 ? ", " : "") + value_text(group.entries.front().items.front()), &group);
  }
  add("))", nullptr);
}

void add_list_form(const Exception& exception, SourceText& out) {
  for (std::size_t i = 0; i < exception.values.size(); ++i) {
    const ExceptionGroup& group = exception.values[i];
    std::string text = i == 0 ? "((" : " or (";
    for (std::size_t j = 0; j < exception.fields.size(); ++j) {
      if (j > 0) text += " and ";
      text += exception.fields[j] + ' ' + exception.comps[j] + ' ' + entry_text(group.entries[j], exception.comps[j]);
    }
    text += i + 1 == exception.values.size() ? "))" : ")";
    out.concat(SourceText::generated(std::move(text), group.file, group.offset));
  }
}

}  // namespace

bool read_exceptions(ItemReader& reader, const YamlNode& node, std::vector<ExceptionDraft>& out) {
  if (node.kind == YamlNode::Kind::kNull) return true;
  if (!reader.sequence(node, "exceptions")) return false;
  for (const YamlNode* element : node.children) {
    if (!reader.charge(*element)) return false;
    if (element->kind != YamlNode::Kind::kMap)
      return reader.fail(kBadYaml, *element, "an exception is a mapping", "write: - name: …");
    ExceptionDraft draft;
    draft.node = element;
    const YamlNode* name = element->find("name");
    if (name == nullptr) return reader.fail(kBadYaml, *element, "an exception has no name");
    if (!reader.text(*name, "name", draft.name)) return false;
    draft.fields = element->find("fields");
    draft.comps = element->find("comps");
    draft.values = element->find("values");
    if (std::ranges::find(out, draft.name, &ExceptionDraft::name) != out.end()) {
      reader.warn("LOAD_EXCEPTION_NAME_NOT_UNIQUE", *element, "a second exception of the name " + quoted(draft.name));
    }
    out.push_back(draft);
  }
  return true;
}

bool define_exceptions(ItemReader& reader, const std::vector<ExceptionDraft>& drafts, bool known_source,
                       std::vector<Exception>& out) {
  return std::ranges::all_of(drafts,
                             [&](const ExceptionDraft& draft) { return define_exception(reader, draft, known_source, out); });
}

bool append_exceptions(ItemReader& reader, const std::vector<ExceptionDraft>& drafts, bool known_source,
                       std::vector<Exception>& exceptions) {
  for (const ExceptionDraft& draft : drafts) {
    const auto known = std::ranges::find(exceptions, draft.name, &Exception::name);
    const bool no_values = draft.values == nullptr || draft.values->children.empty();
    if (no_values) {
      reader.warn("LOAD_APPEND_NO_VALUES", *draft.node, "exception " + quoted(draft.name) + " is appended without values");
    }
    if (known == exceptions.end()) {
      if (draft.fields == nullptr || no_values)
        return reader.fail(kBadRule, *draft.node, "new exception " + quoted(draft.name) + " needs fields and values");
      if (!define_exception(reader, draft, known_source, exceptions)) return false;
      continue;
    }
    if (const YamlNode* shape = draft.fields != nullptr ? draft.fields : draft.comps) {
      return reader.fail(kBadRule, *shape, "can not append exception fields/comps to existing exception, only values");
    }
    if (!read_values(reader, draft, known_source, *known)) return false;
  }
  return true;
}

SourceText condition_with_exceptions(const Rule& rule) {
  SourceText out;
  for (const Exception& exception : rule.exceptions) {
    if (exception.values.empty()) continue;
    if (out.empty()) {
      out.concat(SourceText::generated("(", exception.file, exception.offset));
      out.concat(rule.condition);
      out.concat(SourceText::generated(")", exception.file, exception.offset));
    }
    out.concat(SourceText::generated(" and not ", exception.file, exception.offset));
    if (exception.scalar_form) {
      add_scalar_form(exception, out);
    } else {
      add_list_form(exception, out);
    }
  }
  return out.empty() ? rule.condition : out;
}

}  // namespace shrike::lang
