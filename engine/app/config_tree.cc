// SPDX-License-Identifier: Apache-2.0
#include "engine/app/config_tree.h"

#include <algorithm>
#include <filesystem>
#include <unordered_map>

#include "engine/lang/rule_file.h"
#include "engine/lang/yaml_tree.h"

namespace shrike::app {
namespace {

namespace fs = std::filesystem;
using Kind = ConfigNode::Kind;
using FileHandle = std::shared_ptr<const lang::SourceFile>;

Kind kind_of(const lang::YamlNode& node) {
  switch (node.kind) {
    case lang::YamlNode::Kind::kNull:
      break;
    case lang::YamlNode::Kind::kScalar:
      return Kind::kScalar;
    case lang::YamlNode::Kind::kSequence:
      return Kind::kSequence;
    case lang::YamlNode::Kind::kMap:
      return Kind::kMap;
  }
  return Kind::kNull;
}

class Builder {
 public:
  Builder(const Environment& environment, const std::vector<std::string_view>& ignored, lang::Diagnostics& diagnostics)
      : environment_(environment), ignored_(ignored), diagnostics_(diagnostics) {}

  // The one document of a file; nothing if there is none, or after an error.
  std::optional<ConfigNode> read(const std::string& path) {
    auto file = lang::load_source(path);
    if (!file) {
      diagnostics_.add({lang::Severity::kError, "CONFIG_READ", file.error().message, {}, {path, 0, 0}, {}, {}});
      return std::nullopt;
    }
    const auto tree = lang::parse_yaml(**file);
    if (!tree) {
      ConfigNode place{.file = *file, .offset = tree.error().offset};
      diagnostics_.add(config_error(place, tree.error().message, tree.error().hint));
      return std::nullopt;
    }
    if (tree->documents.size() > 1) {
      ConfigNode place{.file = *file, .offset = tree->documents[1]->offset};
      diagnostics_.add(config_error(place, "a second YAML document", "a configuration is one document"));
      return std::nullopt;
    }
    if (tree->documents.empty() || tree->documents[0]->kind == lang::YamlNode::Kind::kNull) return std::nullopt;
    ConfigNode root;
    if (!copy(*tree->documents[0], *file, true, root)) return std::nullopt;
    if (root.kind != Kind::kMap) {
      diagnostics_.add(config_error(root, "the configuration must be a map of keys"));
      return std::nullopt;
    }
    return root;
  }

 private:
  // Aliases are followed: what they stand for is counted. False after an error that ends the file.
  bool copy(const lang::YamlNode& from, const FileHandle& file, bool top, ConfigNode& to) {
    to.kind = kind_of(from);
    to.file = file;
    to.offset = from.offset;
    bytes_ += from.scalar.size();
    if (++nodes_ > kMaxConfigNodes || bytes_ > kMaxConfigBytes) {
      diagnostics_.add(config_error(to, "the files stand for more than a configuration may hold",
                                    std::to_string(kMaxConfigNodes) + " values and " + std::to_string(kMaxConfigBytes >> 20U) +
                                        " MiB, aliases counted each time"));
      return false;
    }
    to.scalar = from.scalar;
    for (std::size_t i = 0; i < from.children.size(); ++i) {
      const lang::YamlNode& child = *from.children[i];
      const bool key = to.kind == Kind::kMap && i % 2 == 0;
      if (key && top && std::ranges::find(ignored_, std::string_view(child.scalar)) != ignored_.end()) {
        ++i;
        continue;
      }
      ConfigNode& copied = to.children.emplace_back();
      if (!copy(child, file, false, copied) || (!key && !expand(copied))) return false;
    }
    return true;
  }

  bool expand(ConfigNode& node) {
    if (node.kind != Kind::kScalar || !node.scalar.contains("${")) return true;
    std::string text;
    if (const auto problem = expand_variables(node.scalar, environment_, text)) {
      diagnostics_.add(config_error(node, problem->message, problem->hint));
      node.broken = true;
      return true;  // the others may have their own
    }
    node.from_variable = true;
    node.scalar = std::move(text);
    bytes_ += node.scalar.size();
    if (bytes_ <= kMaxConfigBytes) return true;
    diagnostics_.add(config_error(node, "the files stand for more than a configuration may hold"));
    return false;
  }

  const Environment& environment_;
  const std::vector<std::string_view>& ignored_;
  lang::Diagnostics& diagnostics_;
  std::size_t nodes_ = 0;
  std::size_t bytes_ = 0;
};

// Depth is bounded by the parser's.
void merge(ConfigNode& base, ConfigNode over, bool top) {
  std::unordered_map<std::string, std::size_t> known;
  for (std::size_t i = 0; i + 1 < base.children.size(); i += 2) known.emplace(base.children[i].scalar, i + 1);
  for (std::size_t i = 0; i + 1 < over.children.size(); i += 2) {
    ConfigNode& key = over.children[i];
    ConfigNode& value = over.children[i + 1];
    const auto found = known.find(key.scalar);
    ConfigNode* there = found == known.end() ? nullptr : &base.children[found->second];
    if (there == nullptr) {
      base.children.push_back(std::move(key));
      base.children.push_back(std::move(value));
    } else if (there->kind == Kind::kMap && value.kind == Kind::kMap) {
      merge(*there, std::move(value), false);
    } else if (top && key.scalar == "outputs" && there->kind == Kind::kSequence) {
      if (value.kind == Kind::kNull) continue;
      if (value.kind != Kind::kSequence) {
        *there = std::move(value);  // whoever reads it complains
        continue;
      }
      std::ranges::move(value.children, std::back_inserter(there->children));
    } else {
      *there = std::move(value);
    }
  }
}

// The *.yaml of the directory, in name order; none if there is no such directory.
std::vector<std::string> drop_ins(const fs::path& directory, lang::Diagnostics& diagnostics) {
  std::vector<std::string> files;
  std::error_code error;
  if (!fs::exists(directory, error) && !error) return files;
  fs::directory_iterator entry(directory, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (entry->path().extension() == ".yaml" && !name.starts_with('.')) files.push_back(entry->path().string());
  }
  if (error)
    diagnostics.add({lang::Severity::kError,
                     "CONFIG_READ",
                     "read directory " + directory.string() + ": " + error.message(),
                     {},
                     {directory.string(), 0, 0},
                     {},
                     {}});
  std::ranges::sort(files);
  return files;
}

// A line of which nobody should find a copy in a log.
bool may_tell_secret(std::string line) {
  std::ranges::transform(line, line.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  static constexpr std::string_view kSigns[] = {"pass",       "token",  "secret", "auth",  "cookie",
                                                "credential", "bearer", "key:",   "whsec_"};
  return std::ranges::any_of(kSigns, [&](std::string_view sign) { return line.contains(sign); });
}

bool is_name(std::string_view text) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !text.empty() && letter(text[0]) &&
         std::ranges::all_of(text, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

}  // namespace

const ConfigNode* ConfigNode::find(std::string_view key) const {
  if (kind != Kind::kMap) return nullptr;
  for (std::size_t i = 0; i + 1 < children.size(); i += 2) {
    if (children[i].scalar == key) return &children[i + 1];
  }
  return nullptr;
}

lang::Diagnostic config_error(const ConfigNode& node, std::string message, std::string hint) {
  lang::Diagnostic found{lang::Severity::kError, "CONFIG_ERROR", std::move(message), std::move(hint), {}, {}, {}};
  if (node.file != nullptr) {
    found.position = lang::position_at(*node.file, node.offset);
    found.line = lang::shown_line(*node.file, found.position.line);
    if (may_tell_secret(found.line)) found.line.clear();
  }
  return found;
}

std::optional<ExpandError> expand_variables(std::string_view text, const Environment& environment, std::string& out) {
  out.clear();
  while (!text.empty()) {
    const std::size_t at = text.find('$');
    out += text.substr(0, at);
    if (at == std::string_view::npos) break;
    text.remove_prefix(at);
    if (text.starts_with("$${")) {
      out += "${";
      text.remove_prefix(3);
    } else if (!text.starts_with("${")) {
      out += '$';
      text.remove_prefix(1);
    } else {
      const std::size_t end = text.find('}');
      if (end == std::string_view::npos) return ExpandError{"\"${\" without its \"}\"", "write $${ for the two characters"};
      const std::string_view inside = text.substr(2, end - 2);
      const std::size_t dash = inside.find(":-");
      const std::string name(inside.substr(0, dash));
      if (!is_name(name)) return ExpandError{"\"" + name + "\" is no name of a variable", "write ${NAME} or ${NAME:-default}"};
      const char* value = environment(name.c_str());
      const bool has_default = dash != std::string_view::npos;
      if (value == nullptr && !has_default)
        return ExpandError{"the environment has no " + name, "set it, or write ${" + name + ":-default}"};
      out += value == nullptr || (has_default && *value == '\0') ? inside.substr(dash + 2) : std::string_view(value);
      text.remove_prefix(end + 1);
    }
    if (out.size() > kMaxConfigText)
      return ExpandError{"its variables make it longer than " + std::to_string(kMaxConfigText >> 20U) + " MiB", {}};
  }
  return std::nullopt;
}

ConfigTree read_config_tree(const std::string& path, const Environment& environment, const std::vector<std::string_view>& ignored,
                            lang::Diagnostics& diagnostics) {
  ConfigTree tree{.root = {.kind = Kind::kMap}, .files = {path}};
  Builder builder(environment, ignored, diagnostics);
  if (auto root = builder.read(path)) tree.root = *std::move(root);
  for (std::string& file : drop_ins(fs::path(path).parent_path() / "config.d", diagnostics)) {
    if (auto root = builder.read(file)) merge(tree.root, *std::move(root), true);
    tree.files.push_back(std::move(file));
  }
  return tree;
}

}  // namespace shrike::app
