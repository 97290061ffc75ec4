// SPDX-License-Identifier: Apache-2.0
#include "engine/lang/rule_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "engine/lang/item_reader.h"
#include "engine/lang/yaml_tree.h"

namespace shrike::lang {
namespace {

constexpr std::array<std::string_view, 8> kPriorities = {"Emergency", "Alert",  "Critical",      "Error",
                                                         "Warning",   "Notice", "Informational", "Debug"};

// What an item is: the first of these keys that it has.
struct Kind {
  std::string_view name;  // of the key
  bool (*read)(ItemReader&, const YamlNode&);
};
constexpr Kind kKinds[] = {{"required_engine_version", read_engine_version},
                           {"required_plugin_versions", read_plugin_versions},
                           {"list", read_list},
                           {"macro", read_macro},
                           {"rule", read_rule}};

bool read_item(ItemReader& reader, const YamlNode& item) {
  reader.begin_item({});
  if (item.kind == YamlNode::Kind::kNull) return true;
  if (item.kind != YamlNode::Kind::kMap) {
    return reader.fail(kBadYaml, item, "unexpected element type: every item of a rule file is a mapping", "write: - rule: …");
  }
  for (const Kind& kind : kKinds) {
    const YamlNode* name = item.find(kind.name);
    if (name == nullptr) continue;
    reader.begin_item(name->scalar);
    return kind.read(reader, item);
  }
  std::string hint = "an item has one of the keys rule, macro, list";
  if (!item.children.empty()) {
    const std::string_view near = nearest(item.children.front()->scalar, key_names(kKinds));
    if (!near.empty()) hint = "did you mean " + std::string(near) + '?';
  }
  reader.warn("LOAD_UNKNOWN_ITEM", item, "unknown item, ignored", std::move(hint));
  return true;
}

// A document that is no sequence.
bool read_document(ItemReader& reader, const YamlNode& document) {
  if (document.kind == YamlNode::Kind::kNull) return true;
  if (document.kind == YamlNode::Kind::kScalar)
    return reader.fail(kBadYaml, document, "a rule file is a YAML sequence of mappings, this is a text");
  return reader.fail(kBadYaml, document, "rules content is not a YAML array of objects",
                     "each item starts with a dash: - rule: …");
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

std::string_view spelling(Priority priority) { return kPriorities[static_cast<std::size_t>(priority)]; }

std::optional<Priority> parse_priority(std::string_view text) {
  const auto same = [&](std::string_view name) {
    return std::ranges::equal(text, name, [](char a, char b) {
      return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == (b >= 'A' && b <= 'Z' ? b - 'A' + 'a' : b);
    });
  };
  if (same("info")) return Priority::kInformational;
  for (std::size_t i = 0; i < kPriorities.size(); ++i) {
    if (same(kPriorities[i])) return static_cast<Priority>(i);
  }
  return std::nullopt;
}

std::string_view spelling(Action action) {
  switch (action) {
    case Action::kAlert:
      return "alert";
    case Action::kBlock:
      return "block";
    case Action::kKill:
      return "kill";
  }
  return {};
}

std::string_view spelling(Mode mode) {
  switch (mode) {
    case Mode::kHost:
      return "host";
    case Mode::kMonitor:
      return "monitor";
    case Mode::kEnforce:
      return "enforce";
  }
  return {};
}

template <class Items>
Items::value_type* RuleSet::find(Items& items, Index& index, std::string_view name) {
  for (; index.known < items.size(); ++index.known) index.places.emplace(items[index.known].name, index.known);
  const auto found = index.places.find(name);
  return found == index.places.end() ? nullptr : &items[found->second];
}

List* RuleSet::find_list(std::string_view name) { return find(lists, list_index_, name); }
Macro* RuleSet::find_macro(std::string_view name) { return find(macros, macro_index_, name); }
Rule* RuleSet::find_rule(std::string_view name) { return find(rules, rule_index_, name); }

Result<std::shared_ptr<const SourceFile>> load_source(const std::string& path) {
  // O_NONBLOCK: a FIFO is refused below instead of waited for.
  const Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (fd.get() < 0) return std::unexpected(system_error("open " + path, errno));
  struct stat status{};
  if (fstat(fd.get(), &status) != 0) return std::unexpected(system_error("stat " + path, errno));
  if (!S_ISREG(status.st_mode)) return fail(Code::kInvalid, path + " is no regular file");
  const auto too_large = [&] {
    return fail(Code::kLimit, path + " is larger than " + std::to_string(kMaxFileBytes >> 20U) + " MiB");
  };
  if (std::cmp_greater(status.st_size, kMaxFileBytes)) return too_large();
  auto file = std::make_shared<SourceFile>(SourceFile{path, {}});
  file->text.reserve(static_cast<std::size_t>(status.st_size) + 1);
  std::vector<char> buffer(std::size_t{1} << 16U);
  while (true) {
    const ssize_t count = read(fd.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::unexpected(system_error("read " + path, errno));
    if (count == 0) break;
    file->text.append(buffer.data(), static_cast<std::size_t>(count));
    if (file->text.size() > kMaxFileBytes) return too_large();
  }
  return file;
}

void read_rule_file(const std::shared_ptr<const SourceFile>& file, RuleSet& set, Diagnostics& diagnostics) {
  if (file->text.size() > kMaxFileBytes) {
    diagnostics.add({Severity::kError,
                     "LOAD_ERR_FILE_READ",
                     "the file is larger than " + std::to_string(kMaxFileBytes >> 20U) + " MiB",
                     {},
                     {file->path, 0, 0},
                     {},
                     {}});
    return;
  }
  Diagnostics found;
  ItemReader reader(file, set, found);
  bool good = true;
  const auto broken = read_yaml(*file, [&](const YamlPiece& piece) {
    if (!good) return;
    good = piece.item ? reader.charge(piece.node) && read_item(reader, piece.node) : read_document(reader, piece.node);
  });
  if (broken) {
    // A file that is not YAML says nothing else.
    found = {};
    YamlNode place;
    place.offset = broken->offset;
    reader.begin_item({});
    reader.fail(broken->syntax ? "LOAD_ERR_YAML_PARSE" : kBadYaml, place, broken->message, broken->hint);
  }
  for (const Diagnostic& one : found.all()) diagnostics.add(one);
}

}  // namespace shrike::lang
