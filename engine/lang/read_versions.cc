// SPDX-License-Identifier: Apache-2.0
// required_engine_version and required_plugin_versions (rule-language.md 1.2, 1.3).
#include <algorithm>
#include <array>
#include <charconv>
#include <compare>
#include <optional>
#include <set>

#include "engine/lang/item_reader.h"

namespace shrike::lang {
namespace {

struct Version {
  std::array<std::uint32_t, 3> parts{};
  auto operator<=>(const Version&) const = default;

  // Same major, and not older.
  bool satisfies(const Version& required) const { return parts[0] == required.parts[0] && *this >= required; }
};

// "x.y.z"; what follows is not looked at.
std::optional<Version> parse_version(std::string_view text) {
  Version version;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (std::size_t i = 0; i < version.parts.size(); ++i) {
    if (i > 0) {
      if (at == end || *at != '.') return std::nullopt;
      ++at;
    }
    const auto [next, error] = std::from_chars(at, end, version.parts[i]);
    if (error != std::errc()) return std::nullopt;
    at = next;
  }
  return version;
}

// A bare number N means 0.N.0.
std::optional<Version> parse_engine_version(std::string_view text) {
  Version version;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version.parts[1]);
  if (error == std::errc() && end == text.data() + text.size()) return version;
  return parse_version(text);
}

bool read_plugin(ItemReader& reader, const YamlNode& entry, PluginVersion& out) {
  if (entry.kind != YamlNode::Kind::kMap)
    return reader.fail(kBadYaml, entry, "an entry of \"required_plugin_versions\" is no mapping");
  const YamlNode* name = entry.find("name");
  const YamlNode* version = entry.find("version");
  if (name == nullptr) return reader.fail(kBadYaml, entry, "key \"name\" is missing");
  if (version == nullptr) return reader.fail(kBadYaml, entry, "key \"version\" is missing");
  if (!reader.text(*name, "name", out.name) || !reader.text(*version, "version", out.version)) return false;
  return parse_version(out.version).has_value() ||
         reader.fail(kBadRule, *version, '"' + out.version + "\" is no version", "write: 0.4.0");
}

bool read_requirement(ItemReader& reader, const YamlNode& entry, PluginRequirement& out) {
  if (!reader.charge(entry) || !read_plugin(reader, entry, out.alternatives.emplace_back())) return false;
  const YamlNode* alternatives = entry.find("alternatives");
  if (alternatives == nullptr) return true;
  if (!reader.sequence(*alternatives, "alternatives")) return false;
  std::set<std::string> names = {out.alternatives.front().name};
  for (const YamlNode* element : alternatives->children) {
    PluginVersion& alternative = out.alternatives.emplace_back();
    if (!reader.charge(*element) || !read_plugin(reader, *element, alternative)) return false;
    if (!names.insert(alternative.name).second) {
      return reader.fail(kBadRule, *element, "plugin \"" + alternative.name + "\" stands twice among its alternatives");
    }
  }
  return true;
}

void warn_other_keys(ItemReader& reader, const YamlNode& item, std::string_view known) {
  for (std::size_t i = 0; i + 1 < item.children.size(); i += 2) {
    if (item.children[i]->scalar != known) warn_unknown_key(reader, *item.children[i], {known});
  }
}

}  // namespace

bool read_engine_version(ItemReader& reader, const YamlNode& item) {
  const YamlNode& value = *item.find("required_engine_version");
  warn_other_keys(reader, item, "required_engine_version");
  std::string text;
  if (!reader.text(value, "required_engine_version", text)) return false;
  const auto required = parse_engine_version(text);
  if (!required) return reader.fail(kBadYaml, value, '"' + text + "\" is no engine version", "write: 0.57.0");
  if (parse_version(kEngineVersion)->satisfies(*required)) return true;
  return reader.fail(kBadRule, value,
                     "rules require engine version " + text + ", this engine has " + std::string(kEngineVersion));
}

bool read_plugin_versions(ItemReader& reader, const YamlNode& item) {
  const YamlNode& value = *item.find("required_plugin_versions");
  warn_other_keys(reader, item, "required_plugin_versions");
  if (!reader.sequence(value, "required_plugin_versions")) return false;
  for (const YamlNode* entry : value.children) {
    PluginRequirement requirement;
    if (!read_requirement(reader, *entry, requirement)) return false;
    requirement.at = reader.diagnostic(*entry);
    reader.set().plugins.push_back(std::move(requirement));
  }
  return true;
}

// The one plugin we stand for is `container`: the first alternative of that name decides.
void check_plugins(const RuleSet& set, Diagnostics& diagnostics) {
  for (const PluginRequirement& requirement : set.plugins) {
    std::string all;
    for (const PluginVersion& one : requirement.alternatives) all += (all.empty() ? "" : ", ") + one.name + ' ' + one.version;
    Diagnostic found = requirement.at;
    const auto container = std::ranges::find(requirement.alternatives, "container", &PluginVersion::name);
    if (container == requirement.alternatives.end()) {
      found.message = "plugin requirement not satisfied, must load one of: " + all;
      found.hint = "container " + std::string(kContainerPluginVersion) + " is the one plugin built in";
    } else if (parse_version(kContainerPluginVersion)->satisfies(*parse_version(container->version))) {
      continue;
    } else {
      found.message = "plugin container " + container->version + " is required, this engine stands for " +
                      std::string(kContainerPluginVersion);
    }
    diagnostics.add(std::move(found));
  }
}

}  // namespace shrike::lang
