// SPDX-License-Identifier: Apache-2.0
#include "engine/app/config.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <functional>
#include <map>
#include <set>

#include "engine/app/metrics.h"

namespace shrike::app {
namespace {

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  const std::string_view unit(end, text.data() + text.size());
  static constexpr std::pair<std::string_view, unsigned> kUnits[] = {{"", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}};
  const auto found = std::ranges::find(kUnits, unit, &std::pair<std::string_view, unsigned>::first);
  if (found == std::end(kUnits) || number > ~std::uint64_t{0} >> found->second) return std::nullopt;
  return number << found->second;
}

// One file being read: where errors go, and how to name a place.
class Reader {
 public:
  Reader(std::shared_ptr<const lang::SourceFile> file, lang::Diagnostics& diagnostics)
      : file_(std::move(file)), diagnostics_(diagnostics) {}

  void error(const YAML::Mark& mark, std::string message, std::string hint = {}) {
    lang::Diagnostic d{lang::Severity::kError, "CONFIG_ERROR", std::move(message), std::move(hint), {file_->path, 0, 0}, {}, {}};
    if (!mark.is_null()) {
      d.position.line = static_cast<std::size_t>(mark.line) + 1;
      d.position.column = static_cast<std::size_t>(mark.column) + 1;
      d.line = lang::line_at(*file_, d.position.line);
    }
    diagnostics_.add(std::move(d));
  }

  using Keys = std::map<std::string, std::function<void(const YAML::Node&)>>;

  // The one table of keys drives both reading and the complaint about unknown ones.
  void map(const YAML::Node& node, const std::string& where, const Keys& keys) {
    if (!node.IsMap()) return error(node.Mark(), where + " must be a map of keys");
    std::set<std::string> seen;
    for (const auto& entry : node) {
      const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : std::string();
      if (!seen.insert(key).second) error(entry.first.Mark(), "key \"" + key + "\" stands twice", "keep one of the two");
      const auto found = keys.find(key);
      if (found != keys.end()) {
        found->second(entry.second);
        continue;
      }
      std::vector<std::string_view> names;
      for (const auto& [name, reader] : keys) names.push_back(name);
      const std::string_view near = lang::nearest(key, names);
      error(entry.first.Mark(), "unknown key \"" + std::string(key).append("\" in ").append(where),
            near.empty() ? "" : "did you mean " + std::string(near) + "?");
    }
  }

  void boolean(const YAML::Node& node, bool& out) {
    if (!node.IsScalar() || !YAML::convert<bool>::decode(node, out)) error(node.Mark(), "not a boolean", "true or false");
  }

  void text(const YAML::Node& node, std::string& out) {
    if (!node.IsScalar()) return error(node.Mark(), "not a text");
    out = node.Scalar();
  }

  // `- enable: {rule: pattern}`, `- disable: {tag: name}`, in order.
  void switches(const YAML::Node& node, std::vector<lang::RuleSwitch>& out) {
    if (!node.IsSequence()) return error(node.Mark(), "rules must be a list", "write: - disable: {rule: \"Name*\"}");
    for (const YAML::Node& item : node) {
      const auto read = [&](bool enable) {
        return [this, enable, &out](const YAML::Node& selection) {
          const auto add = [&](lang::RuleSwitch::By by) {
            return [&, by](const YAML::Node& value) {
              lang::RuleSwitch& one = out.emplace_back(lang::RuleSwitch{enable, by, {}});
              text(value, one.pattern);
              if (value.IsScalar() && one.pattern.empty()) error(value.Mark(), "an empty name fits no rule");
            };
          };
          map(selection, "enable and disable",
              {{"rule", add(lang::RuleSwitch::By::kName)}, {"tag", add(lang::RuleSwitch::By::kTag)}});
          if (selection.IsMap() && selection.size() != 1)
            error(selection.Mark(), "enable and disable take one of rule and tag", "write an entry for each");
        };
      };
      map(item, "an entry of rules", {{"enable", read(true)}, {"disable", read(false)}});
      if (item.IsMap() && item.size() != 1)
        error(item.Mark(), "an entry of rules is one of enable and disable", "write an entry for each");
    }
  }

  void append_outputs(const YAML::Node& node, std::vector<compile::AppendOutput>& out) {
    out.clear();
    if (node.IsNull()) return;
    if (!node.IsSequence())
      return error(node.Mark(), "append_output must be a list", "write: - extra_output: \"pod=%k8s.pod.name\"");
    for (const YAML::Node& item : node) {
      compile::AppendOutput& entry = out.emplace_back();
      map(item, "an entry of append_output",
          {{"match", [&](const YAML::Node& match) { append_match(match, entry); }},
           {"extra_output", [&](const YAML::Node& value) { text(value, entry.extra_output); }},
           {"extra_fields", [&](const YAML::Node& value) { extra_fields(value, entry); }},
           {"suggested_output", [&](const YAML::Node& value) { boolean(value, entry.suggested_output); }}});
      if (const auto problem = compile::check_append_output(entry)) error(item.Mark(), problem->message, problem->hint);
    }
  }

  void static_fields(const YAML::Node& node, std::vector<std::pair<std::string, std::string>>& out) {
    if (node.IsNull()) return;
    if (!node.IsMap()) return error(node.Mark(), "static_fields must be a map of texts", "write: {site: berlin}");
    for (const auto& entry : node) {
      auto& [key, value] = out.emplace_back();
      text(entry.first, key);
      text(entry.second, value);
    }
  }

  // Empty, or an absolute path.
  void directory(const YAML::Node& node, std::string& out) {
    std::string path;
    text(node, path);
    if (!path.empty() && path.front() != '/') return error(node.Mark(), "not an absolute path");
    out = std::move(path);
  }

  void number(const YAML::Node& node, std::uint64_t& out, std::uint64_t least, std::uint64_t most) {
    std::uint64_t value = 0;
    if (!node.IsScalar() || !YAML::convert<std::uint64_t>::decode(node, value) || value < least || value > most)
      return error(node.Mark(), "not a number in its range", std::to_string(least) + " to " + std::to_string(most));
    out = value;
  }

  void percent(const YAML::Node& node, std::uint32_t& out) {
    std::uint32_t percent = 0;
    if (!node.IsScalar() || !YAML::convert<std::uint32_t>::decode(node, percent) || percent > 100)
      return error(node.Mark(), "not a percentage", "0 to 100, without a sign");
    out = percent;
  }

  void word(const YAML::Node& node, std::string& out, const std::vector<std::string_view>& words) {
    std::string all;
    for (const std::string_view one : words) all.append(all.empty() ? "" : ", ").append(one);
    std::string value;
    text(node, value);
    if (std::ranges::find(words, value) == words.end())
      return error(node.Mark(), "not one of the words that may stand here", all);
    out = std::move(value);
  }

  // Bytes, or with a unit: 8388608, 64KiB, 8MiB, 1GiB.
  void ring(const YAML::Node& node, std::uint64_t& out) {
    static constexpr std::uint64_t kLeast = 64U << 10U;
    static constexpr std::uint64_t kMost = 1U << 30U;
    const auto bytes = node.IsScalar() ? parse_bytes(node.Scalar()) : std::nullopt;
    if (!bytes || *bytes < kLeast || *bytes > kMost)
      return error(node.Mark(), "not a size of a ring", "64KiB to 1GiB, or in bytes 65536 to 1073741824");
    out = std::bit_ceil(*bytes);
  }

 private:
  void append_match(const YAML::Node& node, compile::AppendOutput& entry) {
    map(node, "match",
        {{"source", [&](const YAML::Node& value) { text(value, entry.source); }},
         {"rule", [&](const YAML::Node& value) { text(value, entry.rule); }},
         {"tags", [&](const YAML::Node& tags) {
            if (!tags.IsSequence()) return error(tags.Mark(), "tags must be a list");
            for (const YAML::Node& tag : tags) text(tag, entry.tags.emplace_back());
          }}});
  }

  void extra_fields(const YAML::Node& node, compile::AppendOutput& entry) {
    if (!node.IsSequence()) return error(node.Mark(), "extra_fields must be a list", "write: - evt.hostname");
    for (const YAML::Node& item : node) {
      if (!item.IsMap()) {
        text(item, entry.extra_fields.emplace_back());
        continue;
      }
      for (const auto& named : item) {
        auto& [key, format] = entry.extra_formats.emplace_back();
        text(named.first, key);
        text(named.second, format);
      }
    }
  }

  std::shared_ptr<const lang::SourceFile> file_;
  lang::Diagnostics& diagnostics_;
};

void read(const YAML::Node& root, Reader& reader, Config& config) {
  const auto boolean = [&](bool& out) { return [&](const YAML::Node& node) { reader.boolean(node, out); }; };
  const auto ring = [&](std::uint64_t& out) { return [&](const YAML::Node& node) { reader.ring(node, out); }; };
  reader.map(
      root, "the configuration",
      {
          {"rules_files",
           [&](const YAML::Node& node) {
             if (!node.IsSequence()) return reader.error(node.Mark(), "rules_files must be a list of paths");
             for (const YAML::Node& item : node) {
               reader.text(item, config.rules_files.emplace_back());
             }
           }},
          {"rules", [&](const YAML::Node& node) { reader.switches(node, config.rules); }},
          {"resolve_hosts", [&](const YAML::Node& node) { reader.boolean(node, config.resolve_hosts); }},
          {"opening_is_opening", [&](const YAML::Node& node) { reader.boolean(node, config.opening_is_opening); }},
          {"rule_matching",
           [&](const YAML::Node& node) {
             std::string value;
             reader.text(node, value);
             if (value != "first" && value != "all") return reader.error(node.Mark(), "rule_matching is neither first nor all");
             config.match_all = value == "all";
           }},
          {"priority",
           [&](const YAML::Node& node) {
             std::string value;
             reader.text(node, value);
             const auto priority = lang::parse_priority(value);
             if (!priority)
               return reader.error(node.Mark(), "not a priority",
                                   "emergency, alert, critical, error, warning, notice, info or debug");
             config.priority = *priority;
           }},
          {"mode",
           [&](const YAML::Node& node) {
             std::string value;
             reader.text(node, value);
             const auto mode = parse_mode(value);
             if (!mode) return reader.error(node.Mark(), "not a mode", "detect, monitor or enforce");
             config.mode = *mode;
           }},
          {"enforcement",
           [&](const YAML::Node& node) {
             reader.map(node, "enforcement",
                        {{"cgroup", [&](const YAML::Node& path) { reader.directory(path, config.enforcement_cgroup); }}});
           }},
          {"append_output", [&](const YAML::Node& node) { reader.append_outputs(node, config.append_output); }},
          {"static_fields", [&](const YAML::Node& node) { reader.static_fields(node, config.static_fields); }},
          {"json_output", boolean(config.json_output)},
          {"json_include_output_property", boolean(config.json_include_output)},
          {"json_include_message_property", boolean(config.json_include_message)},
          {"json_include_output_fields_property", boolean(config.json_include_output_fields)},
          {"json_include_tags_property", boolean(config.json_include_tags)},
          {"time_format_iso_8601", boolean(config.time_format_iso_8601)},
          {"buffer_format_base64", boolean(config.buffer_format_base64)},
          {"stdout_output",
           [&](const YAML::Node& node) { reader.map(node, "stdout_output", {{"enabled", boolean(config.stdout_enabled)}}); }},
          {"file_output",
           [&](const YAML::Node& node) {
             reader.map(node, "file_output",
                        {{"enabled", boolean(config.file_enabled)},
                         {"filename", [&](const YAML::Node& name) { reader.text(name, config.file_name); }}});
             if (config.file_enabled && config.file_name.empty())
               reader.error(node.Mark(), "file_output is enabled and has no filename");
           }},
          {"capture",
           [&](const YAML::Node& node) {
             reader.map(
                 node, "capture",
                 {{"events_ring_bytes", ring(config.events_ring_bytes)},
                  {"processes_ring_bytes", ring(config.processes_ring_bytes)},
                  {"verdicts_ring_bytes", ring(config.verdicts_ring_bytes)},
                  {"quota_above_percent", [&](const YAML::Node& value) { reader.percent(value, config.quota_above_percent); }}});
           }},
          {"process_table",
           [&](const YAML::Node& node) {
             const auto number = [&](std::uint64_t& out, std::uint64_t least, std::uint64_t most) {
               return [&reader, &out, least, most](const YAML::Node& value) { reader.number(value, out, least, most); };
             };
             reader.map(node, "process_table",
                        {{"max_processes", number(config.max_processes, 1U << 10U, 1U << 22U)},
                         {"max_image_bytes", number(config.max_image_bytes, 1U << 20U, std::uint64_t{1} << 36U)}});
           }},
          {"control_socket", [&](const YAML::Node& node) { reader.directory(node, config.control_socket); }},
          {"metrics",
           [&](const YAML::Node& node) {
             const auto listen = [&](const YAML::Node& value) {
               reader.text(value, config.metrics_listen);
               if (value.IsScalar() && !config.metrics_listen.empty() && !parse_listen(config.metrics_listen))
                 reader.error(value.Mark(), "not an address and a port", "127.0.0.1:9376, or [::1]:9376");
             };
             reader.map(node, "metrics", {{"listen", listen}});
           }},
          {"log_format", [&](const YAML::Node& node) { reader.word(node, config.log_format, {"text", "logfmt", "json"}); }},
          {"log_level",
           [&](const YAML::Node& node) { reader.word(node, config.log_level, {"debug", "info", "warning", "error"}); }},
      });
}

}  // namespace

std::optional<Mode> parse_mode(std::string_view text) {
  if (text == "detect") return Mode::kDetect;
  if (text == "monitor") return Mode::kMonitor;
  if (text == "enforce") return Mode::kEnforce;
  return std::nullopt;
}

outputs::FormatOptions format_options(const Config& config, const std::optional<std::string>& format) {
  const bool json = format ? *format == "json" : config.json_output;
  return {.format = json ? outputs::Format::kJson : outputs::Format::kText,
          .iso_time = config.time_format_iso_8601,
          .include_output = config.json_include_output,
          .include_message = config.json_include_message,
          .include_fields = config.json_include_output_fields,
          .include_tags = config.json_include_tags};
}

Config read_config(const std::string& path, lang::Diagnostics& diagnostics) {
  Config config;
  auto file = lang::load_source(path);
  if (!file) {
    diagnostics.add({lang::Severity::kError, "CONFIG_READ", file.error().message, {}, {path, 0, 0}, {}, {}});
    return config;
  }
  Reader reader(*file, diagnostics);
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll((*file)->text);
    if (documents.size() > 1) reader.error(documents[1].Mark(), "a second YAML document", "a configuration is one document");
    if (!documents.empty() && !documents[0].IsNull()) read(documents[0], reader, config);
  } catch (const YAML::Exception& problem) {
    reader.error(problem.mark, "not valid YAML: " + problem.msg);
  }
  return config;
}

}  // namespace shrike::app
