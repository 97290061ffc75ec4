// SPDX-License-Identifier: Apache-2.0
// What the readers of rule files share: scalars out of YAML nodes, diagnostics at them, and the walk over a mapping by a table
// of its keys. Every read returns false after it has reported an error, which ends the file.
#pragma once

#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/lang/diagnostic.h"
#include "engine/lang/rule_file.h"
#include "engine/lang/yaml_tree.h"

namespace shrike::lang {

inline constexpr std::string_view kBadYaml = "LOAD_ERR_YAML_VALIDATE";
inline constexpr std::string_view kBadRule = "LOAD_ERR_VALIDATE";

class ItemReader {
 public:
  ItemReader(std::shared_ptr<const SourceFile> file, RuleSet& set, Diagnostics& diagnostics);

  RuleSet& set() { return set_; }
  const std::shared_ptr<const SourceFile>& file() const { return file_; }
  Position position(const YamlNode& node) const { return position_at(*file_, node.offset); }

  // The item that diagnostics name from here on.
  void begin_item(std::string name) { item_ = std::move(name); }

  bool fail(std::string_view code, const YamlNode& at, std::string message, std::string hint = {});
  // An error of the rule set as a whole that is to be shown here; its message comes later.
  Diagnostic diagnostic(const YamlNode& at) const { return diagnostic(Severity::kError, kBadRule, at, {}, {}); }
  void warn(std::string_view code, const YamlNode& at, std::string message, std::string hint = {});

  // `what` names the value in messages: the key it belongs to.
  bool scalar(const YamlNode& node, std::string_view what, std::string& out);  // may be empty
  bool text(const YamlNode& node, std::string_view what, std::string& out);    // may not
  bool source_text(const YamlNode& node, std::string_view what, SourceText& out);
  bool boolean(const YamlNode& node, std::string_view what, bool& out);
  bool number(const YamlNode& node, std::string_view what, std::uint32_t& out);
  bool sequence(const YamlNode& node, std::string_view what);
  bool texts(const YamlNode& node, std::string_view what, std::vector<std::string>& out);  // a sequence of scalars

  // Keeps aliases from standing for more than memory holds: counts what is read, not what is spelled.
  bool charge(const YamlNode& node);

 private:
  Diagnostic diagnostic(Severity severity, std::string_view code, const YamlNode& at, std::string message,
                        std::string hint) const;

  std::shared_ptr<const SourceFile> file_;
  RuleSet& set_;
  Diagnostics& diagnostics_;
  std::string item_;
  std::size_t warnings_ = 0;
  std::size_t nodes_read_ = 0;
  std::size_t bytes_read_ = 0;
};

// One key of an item: the table drives reading and tells known keys from unknown ones.
template <class Draft>
struct Key {
  std::string_view name;
  bool (*read)(ItemReader& reader, const YamlNode& value, Draft& draft);
};

void warn_unknown_key(ItemReader& reader, const YamlNode& key, const std::vector<std::string_view>& known);

// Reads the item's keys in the table's order, so that the same mistakes give the same first error however the file is sorted.
// `unknown` says what a key outside the table is worth.
template <class Draft, class Row, std::size_t N, class Unknown>
bool read_keys(ItemReader& reader, const YamlNode& item, const Row (&table)[N], Draft& draft, Unknown unknown) {
  for (std::size_t i = 0; i + 1 < item.children.size(); i += 2) {
    const YamlNode& key = *item.children[i];
    bool known = false;
    for (const Row& row : table) known = known || row.name == key.scalar;
    if (!known && !unknown(key)) return false;
  }
  for (const Row& row : table) {
    const YamlNode* value = item.find(row.name);
    if (value != nullptr && !row.read(reader, *value, draft)) return false;
  }
  return true;
}

template <class Row, std::size_t N>
std::vector<std::string_view> key_names(const Row (&table)[N]) {
  std::vector<std::string_view> names;
  for (const Row& row : table) names.push_back(row.name);
  return names;
}

// `override:` of an item: what each of its keys does to what is there.
struct Override {
  const YamlNode* key = nullptr;
  bool append = false;
};
bool read_override(ItemReader& reader, const YamlNode& node, std::vector<Override>& out);

// One reader per kind of item.
bool read_engine_version(ItemReader& reader, const YamlNode& item);
bool read_plugin_versions(ItemReader& reader, const YamlNode& item);
bool read_list(ItemReader& reader, const YamlNode& item);
bool read_macro(ItemReader& reader, const YamlNode& item);
bool read_rule(ItemReader& reader, const YamlNode& item);

// The exceptions of a rule. Reading them gives drafts; what may stand in one depends on whether the rule has one of that name.
struct ExceptionDraft {
  std::string name;
  const YamlNode* node = nullptr;
  const YamlNode* fields = nullptr;
  const YamlNode* comps = nullptr;
  const YamlNode* values = nullptr;
};
bool read_exceptions(ItemReader& reader, const YamlNode& node, std::vector<ExceptionDraft>& out);
bool define_exceptions(ItemReader& reader, const std::vector<ExceptionDraft>& drafts, bool known_source,
                       std::vector<Exception>& out);
bool append_exceptions(ItemReader& reader, const std::vector<ExceptionDraft>& drafts, bool known_source,
                       std::vector<Exception>& exceptions);

}  // namespace shrike::lang
