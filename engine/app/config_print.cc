// SPDX-License-Identifier: Apache-2.0
#include "engine/app/config_print.h"

#include <algorithm>
#include <array>
#include <functional>

#include "engine/app/config_keys.h"
#include "outputs/format.h"

namespace shrike::app {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::string_view kHidden = "***";
constexpr std::size_t kWidth = 130;

// A proxy may have credentials in it: http://***@proxy.example:3128
std::string without_credentials(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::size_t begin = scheme == std::string::npos ? 0 : scheme + 3;
  const std::size_t end = url.substr(begin, url.find('/', begin) - begin).rfind('@');
  return end == std::string::npos ? url : url.substr(0, begin) + std::string(kHidden) + url.substr(begin + end);
}

ordered_json value_of(const Key& key, const void* object);

ordered_json section(std::span<const Key> keys, const void* object) {
  ordered_json all = ordered_json::object();
  for (const Key& key : keys) {
    if (key.access.load != nullptr || key.type == KeyType::kSection) all[std::string(key.name)] = value_of(key, object);
  }
  return all;
}

ordered_json switches(const Config& config) {
  ordered_json all = ordered_json::array();
  for (const lang::RuleSwitch& one : config.rules)
    all.push_back({{one.enable ? "enable" : "disable", {{one.by == lang::RuleSwitch::By::kTag ? "tag" : "rule", one.pattern}}}});
  return all;
}

ordered_json append_output(const Config& config) {
  ordered_json all = ordered_json::array();
  for (const compile::AppendOutput& one : config.append_output) {
    ordered_json entry = ordered_json::object(), match = ordered_json::object(), fields = ordered_json::array();
    if (!one.source.empty()) match["source"] = one.source;
    if (!one.rule.empty()) match["rule"] = one.rule;
    if (!one.tags.empty()) match["tags"] = one.tags;
    for (const std::string& field : one.extra_fields) fields.push_back(field);
    for (const auto& [name, format] : one.extra_formats) fields.push_back({{name, format}});
    if (!match.empty()) entry["match"] = std::move(match);
    if (!one.extra_output.empty()) entry["extra_output"] = one.extra_output;
    if (!fields.empty()) entry["extra_fields"] = std::move(fields);
    if (one.suggested_output) entry["suggested_output"] = true;
    all.push_back(std::move(entry));
  }
  return all;
}

ordered_json sink(const SinkConfig& config) {
  ordered_json all = {{"name", config.sink.name}, {"type", spelling(config.type)}};
  all.update(section(common_sink_keys(), &config));
  all["encoding"] = spelling(encoding_of(config, false));
  if (!config.encoding && encoding_of(config, false) != encoding_of(config, true)) all.erase("encoding");  // json_output says
  all["spool"]["enabled"] = has_spool(config);
  for (const auto& keys : own_sink_keys(config.type)) all.update(section(keys, &config));
  if (config.type == SinkType::kKafka && !config.kafka.security_protocol.ends_with("ssl")) all.erase("tls");
  if (all.contains("url") && !config.http.url.starts_with("https:")) all.erase("tls");
  if (config.type == SinkType::kSyslog && config.syslog.transport == outputs::SyslogTransport::kUnix) {
    for (const char* key : {"host", "port"}) all.erase(key);
  }
  return all;
}

ordered_json sinks(const Config& config) {
  ordered_json all = ordered_json::array();
  for (const SinkConfig& one : config.outputs) all.push_back(sink(one));
  return all;
}

ordered_json value_of(const Key& key, const void* object) {
  if (key.type == KeyType::kSection) return section(key.keys, object);
  const auto& config = *static_cast<const Config*>(object);
  if (key.type == KeyType::kSwitches) return switches(config);
  if (key.type == KeyType::kAppendOutput) return append_output(config);
  if (key.type == KeyType::kOutputs) return sinks(config);
  const Value value = key.access.load(object);
  switch (key.type) {
    case KeyType::kBool:
      return value.number != 0;
    case KeyType::kNumber:
      return value.number;
    case KeyType::kSize:
    case KeyType::kRing:
      return spell_size(value.number);
    case KeyType::kDuration:
      return spell_duration(value.number);
    case KeyType::kWord:
    case KeyType::kPriority:
      return value.number < key.words.size() ? std::string(key.words[value.number]) : value.text;
    case KeyType::kSecret:
      return value.text.empty() ? std::string_view() : kHidden;
    case KeyType::kTexts:
    case KeyType::kPaths:
      return value.list;
    case KeyType::kPairs: {
      ordered_json all = ordered_json::object();
      const bool alerts = key.name == "static_fields";
      for (const auto& [name, text] : value.pairs) all[name] = !alerts && is_secret_name(name) ? std::string(kHidden) : text;
      return all;
    }
    default:
      return key.name == "proxy" ? without_credentials(value.text) : value.text;
  }
}

ordered_json top(const Config& config) {
  ordered_json all = ordered_json::object();
  for (const Key& key : config_keys()) all[std::string(key.name)] = value_of(key, &config);
  return all;
}

// Without quotes YAML takes it for this text and nothing else.
bool is_plain(std::string_view text) {
  static constexpr std::array<std::string_view, 12> kWords = {"true", "false", "yes", "no",   "on", "off",
                                                              "null", "y",     "n",   ".nan", "~",  ".inf"};
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || c == '/' || c == '_'; };
  const auto rest = [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '-'; };
  if (text.empty() || !std::ranges::all_of(lower, rest)) return false;
  if (std::ranges::find(kWords, lower) != kWords.end()) return false;
  if (letter(lower[0])) return true;
  // 30s, 8MiB: digits and a unit.
  const std::size_t unit = lower.find_first_not_of("0123456789");
  return unit != 0 && unit != std::string::npos && lower != "0x" && std::ranges::all_of(lower.substr(unit), letter) &&
         lower.substr(unit) != "e";
}

std::string yaml_text(const std::string& text) {
  if (is_plain(text)) return text;
  std::string quoted = ordered_json(text).dump(-1, ' ', false, json::error_handler_t::replace);
  // In a value "${" would be a variable.
  for (std::size_t at = quoted.find("${"); at != std::string::npos; at = quoted.find("${", at + 3)) quoted.insert(at, 1, '$');
  return quoted;
}

std::string yaml_scalar(const ordered_json& value) {
  return value.is_string() ? yaml_text(value.get_ref<const std::string&>()) : value.dump();
}

void yaml(const ordered_json& value, std::size_t indent, std::string& out) {
  const std::string pad(indent, ' ');
  const auto nested = [&](const ordered_json& inner, std::size_t deeper) {
    if (inner.is_structured() && !inner.empty()) {
      out += '\n';
      yaml(inner, deeper, out);
    } else {
      out += ' ' + (inner.is_object() ? "{}" : inner.is_array() ? "[]" : yaml_scalar(inner)) + '\n';
    }
  };
  if (value.is_object()) {
    for (const auto& [name, inner] : value.items()) {
      std::string key = is_plain(name) ? name : ordered_json(name).dump(-1, ' ', false, json::error_handler_t::replace);
      out += pad + key + ':';
      nested(inner, indent + 2);
    }
    return;
  }
  for (const ordered_json& item : value) {
    if (!item.is_structured() || item.empty()) {
      out += pad + "- " + (item.is_object() ? "{}" : item.is_array() ? "[]" : yaml_scalar(item)) + '\n';
      continue;
    }
    std::string block;
    yaml(item, indent + 2, block);
    block.replace(indent, 2, "- ");
    out += block;
  }
}

// --- the keys themselves

std::string default_text(const Key& key, const void* object) {
  if (!key.if_unset.empty()) return std::string(key.if_unset);
  if (key.type == KeyType::kSection || key.required || (key.access.load == nullptr && key.type != KeyType::kAppendOutput))
    return {};
  const ordered_json value = value_of(key, object);
  if (value.is_string()) return value.get<std::string>();
  return value.dump();
}

// Each key that is no section, with the path to it.
void each(std::span<const Key> keys, const std::string& before, const std::function<void(const std::string&, const Key&)>& take) {
  for (const Key& key : keys) {
    const std::string path = before + std::string(key.name);
    if (key.type == KeyType::kSection) {
      each(key.keys, path + '.', take);
    } else {
      take(path, key);
    }
  }
}

struct Group {
  std::string title;
  std::string remark;
  std::vector<std::span<const Key>> tables;
  std::optional<SinkType> type;
};

std::string list_of(const std::vector<outputs::Encoding>& encodings) {
  std::string all;
  for (const outputs::Encoding one : encodings) (all += all.empty() ? "" : ", ") += spelling(one);
  return all;
}

std::string encodings_remark(SinkType type) {
  const auto& all = encodings_for(type);
  SinkConfig plain;
  plain.type = type;
  if (all.size() == 1) return "Encoding: " + std::string(spelling(all[0])) + ".";
  std::string first(spelling(encoding_of(plain, false)));
  if (encoding_of(plain, true) != encoding_of(plain, false)) first += ", or json with json_output";
  if (type == SinkType::kSyslog) first = "rfc5424 over udp and tcp with format: rfc5424, else text";
  return "Encodings: " + list_of(all) + "; by default " + first + ".";
}

std::vector<Group> groups() {
  std::vector<Group> all{{"The file", "", {config_keys()}, std::nullopt},
                         {"Every entry of outputs", "", {common_sink_keys()}, std::nullopt},
                         {"Types over HTTP",
                          "webhook, splunk, elasticsearch, loki, otlp, alertmanager, cloudevents:",
                          {http_sink_keys()},
                          std::nullopt},
                         {"Types over HTTP, all but splunk", "", {http_authentication_keys()}, std::nullopt}};
  for (std::size_t i = 0; i < static_cast<std::size_t>(SinkType::kCount); ++i) {
    const auto type = static_cast<SinkType>(i);
    Group group{"type: " + std::string(spelling(type)), encodings_remark(type), own_sink_keys(type), type};
    const auto shared = [](std::span<const Key> keys) {
      return keys.data() == http_sink_keys().data() || keys.data() == http_authentication_keys().data();
    };
    if (std::erase_if(group.tables, shared) != 0) group.remark += " Over HTTP, see above.";
    all.push_back(std::move(group));
  }
  return all;
}

void each(const Group& group, const std::function<void(const std::string&, const Key&, const std::string&)>& take) {
  const Config config;
  const SinkConfig sink;
  const void* object = &sink;
  if (group.title == "The file") object = &config;
  for (const auto& table : group.tables)
    each(table, "", [&](const std::string& path, const Key& key) { take(path, key, default_text(key, object)); });
}

std::string cell(std::string_view text) {
  std::string all;
  for (const char c : text) (all += c == '|' ? "\\" : "") += c;
  return all;
}

// "# " and the text, in lines.
std::string comment(std::string text, std::size_t indent) {
  const std::string pad(indent, ' ');
  std::string all;
  while (text.size() + indent + 2 > kWidth) {
    std::size_t cut = text.rfind(' ', kWidth - indent - 2);
    if (cut == std::string::npos) cut = text.find(' ');
    if (cut == std::string::npos) break;
    all += pad + "# " + text.substr(0, cut) + '\n';
    text.erase(0, cut + 1);
  }
  return all + pad + "# " + text + '\n';
}

void keys_yaml(std::span<const Key> keys, std::size_t indent, const Config& config, std::string& out) {
  for (const Key& key : keys) {
    std::string text(key.meaning);
    const auto said = [&](std::string_view word) { return key.meaning.contains(word); };
    const bool ranged = key.words.empty() ? key.most != 0 : !std::ranges::all_of(key.words, said);
    if (ranged) text += "; " + describe(key);
    if (indent == 0) out += '\n';
    out += comment(std::move(text), indent);
    if (key.type == KeyType::kSection) {
      out += std::string(indent, ' ') + std::string(key.name) + ":\n";
      keys_yaml(key.keys, indent + 2, config, out);
    } else {
      yaml({{std::string(key.name), value_of(key, &config)}}, indent, out);
    }
  }
}

// --- JSON schema

json schema_of(const Key& key);

// Where the schema keeps the keys that several types share, or nothing.
std::string definition_of(std::span<const Key> table) {
  if (table.data() == common_sink_keys().data()) return "output";
  if (table.data() == http_sink_keys().data()) return "http";
  if (table.data() == http_authentication_keys().data()) return "authentication";
  return {};
}

json object_schema(const std::vector<std::span<const Key>>& tables, bool refer = true) {
  json properties = json::object(), required = json::array();
  for (const auto& table : tables) {
    const std::string shared = refer ? definition_of(table) : "";
    for (const Key& key : table) {
      const std::string name(key.name);
      properties[name] = shared.empty()
                             ? schema_of(key)
                             : json{{"$ref", std::string("#/definitions/").append(shared).append("/properties/").append(name)}};
      if (key.type == KeyType::kSecret) {
        properties[name + "_file"] = {{"type", "string"},
                                      {"pattern", "^/"},
                                      {"description", "path of a file with the " + name + ", not readable by everyone"}};
      } else if (key.required) {
        required.push_back(name);
      }
    }
  }
  json all = {{"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
  if (!required.empty()) all["required"] = std::move(required);
  return all;
}

json outputs_schema() {
  json kinds = json::array();
  for (std::size_t i = 0; i < static_cast<std::size_t>(SinkType::kCount); ++i) {
    const auto type = static_cast<SinkType>(i);
    std::vector<std::span<const Key>> tables{common_sink_keys()};
    for (const auto& own : own_sink_keys(type)) tables.push_back(own);
    json one = object_schema(tables);
    one["properties"]["type"] = {{"const", spelling(type)}};
    one["properties"]["name"] = {{"type", "string"}, {"pattern", "^[a-z0-9][a-z0-9-]{0,62}$|\\$\\{"}};
    json encodings = json::array();
    for (const outputs::Encoding encoding : encodings_for(type)) encodings.push_back(spelling(encoding));
    one["properties"]["encoding"] = {{"enum", std::move(encodings)}};
    one["required"].push_back("name");
    one["required"].push_back("type");
    kinds.push_back(std::move(one));
  }
  return {{"type", {"array", "null"}}, {"items", {{"oneOf", std::move(kinds)}}}};
}

json append_output_schema() {
  const json text = {{"type", "string"}};
  const auto object = [](json properties) {
    return json{{"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
  };
  json field = {{"anyOf", {text, {{"type", "object"}, {"additionalProperties", text}}}}};
  json match = object({{"source", text}, {"rule", text}, {"tags", {{"type", "array"}, {"items", text}}}});
  json item = object({{"match", std::move(match)},
                      {"extra_output", text},
                      {"extra_fields", {{"type", "array"}, {"items", std::move(field)}}},
                      {"suggested_output", {{"type", "boolean"}}}});
  return {{"type", {"array", "null"}}, {"items", std::move(item)}};
}

json switches_schema() {
  const json text = {{"type", "string"}, {"minLength", 1}};
  const json selection = {{"type", "object"},
                          {"properties", {{"rule", text}, {"tag", text}}},
                          {"additionalProperties", false},
                          {"minProperties", 1},
                          {"maxProperties", 1}};
  json item = {{"type", "object"},
               {"properties", {{"enable", selection}, {"disable", selection}}},
               {"additionalProperties", false},
               {"minProperties", 1},
               {"maxProperties", 1}};
  return {{"type", {"array", "null"}}, {"items", std::move(item)}};
}

// What a value may be; a variable may stand for any scalar.
json schema_of(const Key& key) {
  const json variable = {{"type", "string"}, {"pattern", "\\$\\{"}};
  const json scalar = {{"type", {"string", "number", "boolean"}}};
  json one;
  switch (key.type) {
    case KeyType::kBool:
      one = {{"anyOf", {{{"type", "boolean"}}, variable}}};
      break;
    case KeyType::kNumber:
      one = {{"anyOf", {{{"type", "integer"}, {"minimum", key.least}, {"maximum", key.most}}, variable}}};
      break;
    case KeyType::kSize:
    case KeyType::kRing:
      one = {{"anyOf",
              {{{"type", "integer"}, {"minimum", key.least}, {"maximum", key.most}},
               {{"type", "string"}, {"pattern", "^[0-9]+(KiB|MiB|GiB)?$"}},
               variable}}};
      break;
    case KeyType::kDuration:
      one = {{"anyOf", {{{"const", 0}}, {{"type", "string"}, {"pattern", "^[0-9]+(ms|s|m|h|d)$"}}, variable}}};
      break;
    case KeyType::kWord:
      one = {{"anyOf", {{{"enum", key.words}}, variable}}};
      break;
    case KeyType::kPriority:
      one = {{"type", "string"}};
      break;
    case KeyType::kUrl:
      one = {{"type", "string"}, {"pattern", "^(https?://.*)?$|\\$\\{"}};
      break;
    case KeyType::kFile:
    case KeyType::kPath:
    case KeyType::kDirectory:
      one = {{"type", "string"}, {"pattern", "^(/.*)?$|\\$\\{"}};
      break;
    case KeyType::kText:
    case KeyType::kTemplate:
    case KeyType::kSecret:
    case KeyType::kListen:
      one = scalar;
      break;
    case KeyType::kTexts:
    case KeyType::kPaths:
      one = {{"type", {"array", "null"}}, {"items", scalar}};
      break;
    case KeyType::kPairs:
      one = {{"type", {"object", "null"}}, {"additionalProperties", scalar}};
      break;
    case KeyType::kSection:
      one = object_schema({key.keys});
      one["type"] = {"object", "null"};
      break;
    case KeyType::kSwitches:
      one = switches_schema();
      break;
    case KeyType::kAppendOutput:
      one = append_output_schema();
      break;
    case KeyType::kOutputs:
      one = outputs_schema();
      break;
  }
  one["description"] = key.meaning;
  return one;
}

}  // namespace

ordered_json effective_config(const Config& config) { return top(config); }

std::string to_yaml(const ordered_json& value) {
  std::string out;
  yaml(value, 0, out);
  return out;
}

std::string config_keys_text() {
  std::string out;
  for (const Group& group : groups()) {
    out += (out.empty() ? "" : "\n") + group.title + '\n';
    each(group, [&](const std::string& path, const Key& key, const std::string& fallback) {
      out += "  " + path + (fallback.empty() ? "" : " [" + fallback + ']') + ": " + std::string(key.meaning) + '\n';
    });
  }
  return out;
}

ordered_json config_keys_json() {
  ordered_json all = ordered_json::array();
  for (const Group& group : groups()) {
    each(group, [&](const std::string& path, const Key& key, const std::string& fallback) {
      const std::string before = group.title == "The file" ? ""
                                 : group.type              ? "outputs[" + std::string(spelling(*group.type)) + "]."
                                                           : "outputs[].";
      all.push_back({{"key", before + path},
                     {"values", describe(key)},
                     {"default", fallback},
                     {"required", key.required},
                     {"meaning", key.meaning}});
    });
  }
  return all;
}

std::string config_keys_markdown() {
  std::string out =
      "<!-- SPDX-License-Identifier: Apache-2.0 -->\n"
      "# Configuration: every key\n\n"
      "Generated: `shrike config keys --format markdown`. How files, `config.d`, variables and secrets come together stands in\n"
      "[outputs.md](outputs.md).\n\n"
      "Sizes are bytes or have a unit: `64KiB`, `8MiB`, `1GiB`. Durations have one: `500ms`, `30s`, `5m`, `2h`, `7d`. A secret "
      "can be given\n"
      "as `NAME_file: /path` instead of `NAME: text`.\n";
  for (const Group& group : groups()) {
    out += "\n## " + group.title + "\n\n";
    if (!group.remark.empty()) out += group.remark + "\n";
    if (group.tables.empty()) {
      out += "\nNo keys of its own.\n";
      continue;
    }
    out += group.remark.empty() ? "" : "\n";
    out += "| key | values | default | meaning |\n| --- | --- | --- | --- |\n";
    each(group, [&](const std::string& path, const Key& key, const std::string& fallback) {
      const bool words = !key.if_unset.empty();
      const std::string shown = key.required ? "required" : fallback.empty() ? "" : words ? fallback : '`' + fallback + '`';
      out += "| `" + path + "` | " + cell(describe(key)) + " | " + cell(shown) + " | " + cell(key.meaning) + " |\n";
    });
  }
  return out;
}

std::string config_keys_yaml() {
  std::string out =
      "# SPDX-License-Identifier: Apache-2.0\n"
      "# Shrike's configuration, every key with its default: shrike run --config /etc/shrike/shrike.yaml\n"
      "# Generated: `shrike config keys --format yaml`. An unknown key is an error. SIGHUP reads the rules again, not this "
      "file.\n"
      "# *.yaml of the directory config.d beside this file are read after it, in name order: maps merge, outputs: adds, all else "
      "replaces.\n"
      "# ${NAME} and ${NAME:-default} in values stand for the environment's. The keys of outputs: docs/configuration.md\n";
  keys_yaml(config_keys(), 0, Config(), out);
  return out;
}

json config_schema() {
  json all = object_schema({config_keys()});
  all["type"] = {"object", "null"};
  all["$schema"] = "http://json-schema.org/draft-07/schema#";
  all["title"] = "Shrike configuration";
  for (const auto& table : {common_sink_keys(), http_sink_keys(), http_authentication_keys()})
    all["definitions"][definition_of(table)] = object_schema({table}, false);
  return all;
}

}  // namespace shrike::app
