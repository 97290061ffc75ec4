// SPDX-License-Identifier: Apache-2.0
// Lists and macros (rule-language.md 1.4, 1.5, 1.8).
#include <algorithm>

#include "engine/lang/item_reader.h"

namespace shrike::lang {
namespace {

struct ListDraft {
  std::string name;
  std::vector<std::string> items;
  bool append = false;
  std::vector<Override> overrides;
};
constexpr Key<ListDraft> kListKeys[] = {
    {"list", [](ItemReader& reader, const YamlNode& value, ListDraft& draft) { return reader.text(value, "list", draft.name); }},
    {"items",
     [](ItemReader& reader, const YamlNode& value, ListDraft& draft) { return reader.texts(value, "items", draft.items); }},
    {"append",
     [](ItemReader& reader, const YamlNode& value, ListDraft& draft) { return reader.boolean(value, "append", draft.append); }},
    {"override",
     [](ItemReader& reader, const YamlNode& value, ListDraft& draft) { return read_override(reader, value, draft.overrides); }},
};

struct MacroDraft {
  std::string name;
  SourceText condition;
  bool append = false;
  std::vector<Override> overrides;
};
constexpr Key<MacroDraft> kMacroKeys[] = {
    {"macro",
     [](ItemReader& reader, const YamlNode& value, MacroDraft& draft) { return reader.text(value, "macro", draft.name); }},
    {"condition", [](ItemReader& reader, const YamlNode& value,
                     MacroDraft& draft) { return reader.source_text(value, "condition", draft.condition); }},
    {"append",
     [](ItemReader& reader, const YamlNode& value, MacroDraft& draft) { return reader.boolean(value, "append", draft.append); }},
    {"override",
     [](ItemReader& reader, const YamlNode& value, MacroDraft& draft) { return read_override(reader, value, draft.overrides); }},
};

bool valid_list_name(std::string_view name) { return name.find_first_of("()\"'=, \t\r\n\v\f") == std::string_view::npos; }

bool valid_macro_name(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return letter(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '_'; });
}

// A list and a macro have one key that append and override may name: `property`.
bool check_change(ItemReader& reader, const YamlNode& item, std::string_view property, const std::vector<Override>& overrides,
                  bool& append) {
  for (const Override& entry : overrides) {
    if (entry.key->scalar != property) {
      return reader.fail(kBadYaml, *entry.key, "key \"" + entry.key->scalar + "\" can't be overridden",
                         "only " + std::string(property) + " can");
    }
  }
  if (append && !overrides.empty()) {
    return reader.fail(kBadYaml, *overrides.front().key, "both append and override are given", "keep override");
  }
  if (item.find(property) == nullptr) return reader.fail(kBadYaml, item, "key \"" + std::string(property) + "\" is missing");
  if (append) {
    reader.warn("LOAD_DEPRECATED_ITEM", *item.find("append"), "append: true is deprecated",
                "write: override: {" + std::string(property) + ": append}");
  }
  append = append || (!overrides.empty() && overrides.front().append);
  return true;
}

}  // namespace

bool read_list(ItemReader& reader, const YamlNode& item) {
  const YamlNode& name = *item.find("list");
  ListDraft draft;
  if (!read_keys(reader, item, kListKeys, draft, [&](const YamlNode& key) {
        warn_unknown_key(reader, key, key_names(kListKeys));
        return true;
      })) {
    return false;
  }
  if (!valid_list_name(draft.name)) {
    reader.warn("LOAD_INVALID_LIST_NAME", name, "a list of this name can't be used",
                "no blanks, quotes, parentheses, = or commas");
  }
  bool append = draft.append;
  if (!check_change(reader, item, "items", draft.overrides, append)) return false;
  RuleSet& set = reader.set();
  const std::size_t order = set.next_order++;
  List* known = set.find_list(draft.name);
  if (append) {
    if (known == nullptr)
      return reader.fail(kBadRule, name, "append to a list that does not exist: " + draft.name, "define the list first");
    known->items.insert(known->items.end(), draft.items.begin(), draft.items.end());
    known->last_order = order;
    return true;
  }
  if (known == nullptr) {
    set.lists.push_back({draft.name, std::move(draft.items), order, order, reader.position(name), reader.file()});
    return true;
  }
  known->items = std::move(draft.items);
  known->last_order = order;
  known->position = reader.position(name);
  known->file = reader.file();
  return true;
}

bool read_macro(ItemReader& reader, const YamlNode& item) {
  const YamlNode& name = *item.find("macro");
  MacroDraft draft;
  if (!read_keys(reader, item, kMacroKeys, draft, [&](const YamlNode& key) {
        warn_unknown_key(reader, key, key_names(kMacroKeys));
        return true;
      })) {
    return false;
  }
  if (!valid_macro_name(draft.name)) {
    reader.warn("LOAD_INVALID_MACRO_NAME", name, "a macro of this name can't be used", "a letter, then letters, digits and _");
  }
  bool append = draft.append;
  if (!check_change(reader, item, "condition", draft.overrides, append)) return false;
  RuleSet& set = reader.set();
  const std::size_t order = set.next_order++;
  Macro* known = set.find_macro(draft.name);
  if (append) {
    if (known == nullptr)
      return reader.fail(kBadRule, name, "append to a macro that does not exist: " + draft.name, "define the macro first");
    known->condition.append(draft.condition);
    known->last_order = order;
    return true;
  }
  if (known == nullptr) {
    set.macros.push_back({draft.name, std::move(draft.condition), order, order, reader.position(name), reader.file()});
    return true;
  }
  known->condition = std::move(draft.condition);
  known->last_order = order;
  known->position = reader.position(name);
  known->file = reader.file();
  return true;
}

}  // namespace shrike::lang
