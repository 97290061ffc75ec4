// SPDX-License-Identifier: Apache-2.0
// read_rule_file adds one YAML rule file to a RuleSet: required versions, lists, macros, rules, redefinition and the ways
// to change earlier definitions (rule-language.md sections 1.1 to 1.10). Conditions stay text here; engine/compile expands and
// types them.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"
#include "engine/lang/diagnostic.h"
#include "engine/lang/source.h"

namespace shrike::lang {

// What we tell packs that ask (rule-language.md 1.2, 1.3).
inline constexpr std::string_view kEngineVersion = "0.63.0";
inline constexpr std::string_view kContainerPluginVersion = "0.4.0";

inline constexpr std::size_t kMaxFileBytes = 64U << 20U;  // a larger rule file is refused before it is parsed

// 0 the most severe. Output spelling: Emergency Alert Critical Error Warning Notice Informational Debug.
enum class Priority : std::uint8_t { kEmergency, kAlert, kCritical, kError, kWarning, kNotice, kInformational, kDebug };
std::string_view spelling(Priority priority);
std::optional<Priority> parse_priority(std::string_view text);

// Extensions to Falco's keys, design.md section 3. Read and kept; what enforces them comes later.
enum class Action : std::uint8_t { kAlert, kBlock, kKill };
enum class Mode : std::uint8_t { kHost, kMonitor, kEnforce };
std::string_view spelling(Action action);
std::string_view spelling(Mode mode);

struct List {
  std::string name;
  std::vector<std::string> items;  // raw scalar text
  std::size_t first_order = 0;     // position of the first definition among all items of the set
  std::size_t last_order = 0;      // of the latest definition or append
  Position position;               // of the name, in the latest definition
  std::shared_ptr<const SourceFile> file;
};

struct Macro {
  std::string name;
  SourceText condition;
  std::size_t first_order = 0;
  std::size_t last_order = 0;
  Position position;
  std::shared_ptr<const SourceFile> file;
};

// One entry of a group: a scalar, or a list of them.
struct ExceptionValue {
  bool list = false;
  std::vector<std::string> items;
};

// What one element of `values` says: an entry per field.
struct ExceptionGroup {
  std::vector<ExceptionValue> entries;
  std::shared_ptr<const SourceFile> file;
  std::size_t offset = 0;  // of the element
};

struct Exception {
  std::string name;
  std::vector<std::string> fields;
  std::vector<std::string> comps;
  bool scalar_form = false;  // `fields` was a scalar: one field, one list operator, values in one list
  std::vector<ExceptionGroup> values;
  std::shared_ptr<const SourceFile> file;
  std::size_t offset = 0;  // of the exception
};

struct Rule {
  std::string name;
  std::string desc;
  SourceText condition;  // after append and override, without the exceptions
  SourceText output;
  std::vector<Exception> exceptions;
  Priority priority = Priority::kDebug;
  std::string source = "syscall";
  bool unknown_source = false;  // warned about; the rule is known for later append and override, but not compiled
  bool enabled = true;
  bool capture = false;
  std::uint32_t capture_duration_ms = 0;
  bool warn_evttypes = true;
  bool skip_if_unknown_filter = false;
  std::set<std::string> tags;
  Action action = Action::kAlert;
  Mode mode = Mode::kHost;
  std::size_t first_order = 0;
  std::size_t last_order = 0;
  Position position;  // of the name
  std::shared_ptr<const SourceFile> file;
  Position action_position;  // of the value of `action`, if given
};

struct PluginVersion {
  std::string name;
  std::string version;  // x.y.z
};
// One entry of required_plugin_versions: any of them will do.
struct PluginRequirement {
  std::vector<PluginVersion> alternatives;
  Diagnostic at;  // where it stands, for check_plugins
};

// Everything read so far; in order of first definition.
struct RuleSet {
  std::vector<List> lists;
  std::vector<Macro> macros;
  std::deque<Rule> rules;  // there may be many, and they are large
  std::vector<PluginRequirement> plugins;
  std::size_t next_order = 0;

  List* find_list(std::string_view name);
  Macro* find_macro(std::string_view name);
  Rule* find_rule(std::string_view name);

 private:
  // Names of the vectors' items; caught up with a vector when it is asked, so items may be pushed back but not renamed.
  struct Index {
    std::map<std::string, std::size_t, std::less<>> places;
    std::size_t known = 0;
  };
  template <class Items>
  static Items::value_type* find(Items& items, Index& index, std::string_view name);

  Index list_index_;
  Index macro_index_;
  Index rule_index_;
};

// The rule's condition with its exceptions compiled in (rule-language.md 1.9); lists and macros are still names.
// Text of an exception stands at its element of `values`.
SourceText condition_with_exceptions(const Rule& rule);

// Reads the file's bytes. Errors: kSystem with errno, kLimit above kMaxFileBytes, kInvalid if it is no regular file.
Result<std::shared_ptr<const SourceFile>> load_source(const std::string& path);

// Adds what `file` defines to `set`. Reading stops at the first error in the file, as upstream does; `set` may then be
// half changed: the caller keeps a copy if it wants to go on. Codes as in rule-language.md 1.12.
void read_rule_file(const std::shared_ptr<const SourceFile>& file, RuleSet& set, Diagnostics& diagnostics);

// Are the plugins there that the files ask for? Asked once all files are read (rule-language.md 1.3).
void check_plugins(const RuleSet& set, Diagnostics& diagnostics);

}  // namespace shrike::lang
