// SPDX-License-Identifier: Apache-2.0
#include "engine/app/config.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>

#include "engine/app/config_keys.h"
#include "engine/app/config_tree.h"
#include "engine/app/metrics.h"
#include "engine/base/handle.h"

namespace shrike::app {
namespace {

namespace fs = std::filesystem;
using Kind = ConfigNode::Kind;
using outputs::Encoding;

constexpr std::size_t kMaxErrors = 200;  // more are not told apart
constexpr std::size_t kMaxSecretBytes = 64U << 10U;
constexpr std::size_t kMaxSinks = 256;
constexpr std::size_t kMaxSinkName = 63;
constexpr std::uint64_t kMaxPort = 65'535;
constexpr std::uint16_t kSyslogTlsPort = 6514;  // RFC 5425

std::optional<std::uint64_t> parse_number(std::string_view text, std::string_view& unit) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  unit = std::string_view(end, text.data() + text.size());
  return number;
}

using Units = std::span<const std::pair<std::string_view, std::uint64_t>>;

// "30s"; a zero needs no unit.
std::optional<std::uint64_t> parse_quantity(std::string_view text, Units units) {
  std::string_view unit;
  const auto number = parse_number(text, unit);
  if (!number) return std::nullopt;
  if (*number == 0 && unit.empty()) return 0;
  const auto found = std::ranges::find(units, unit, &std::pair<std::string_view, std::uint64_t>::first);
  if (found == units.end() || *number > ~std::uint64_t{0} / found->second) return std::nullopt;
  return *number * found->second;
}

constexpr std::pair<std::string_view, std::uint64_t> kSizes[] = {
    {"", 1}, {"KiB", 1U << 10U}, {"MiB", 1U << 20U}, {"GiB", 1U << 30U}};
constexpr std::pair<std::string_view, std::uint64_t> kDurations[] = {
    {"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};

std::optional<bool> parse_bool(std::string_view text) {
  for (const std::string_view word : {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "Y"}) {
    if (text == word) return true;
  }
  for (const std::string_view word : {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n", "N"}) {
    if (text == word) return false;
  }
  return std::nullopt;
}

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7F; });
}

// What is wrong with an URL, or nothing.
std::string_view url_flaw(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos || (url.substr(0, scheme) != "http" && url.substr(0, scheme) != "https"))
    return "not an http:// or https:// URL";
  if (std::ranges::any_of(
          url, [](unsigned char c) { return c <= 0x20 || c == 0x7F || c == '"' || c == '<' || c == '>' || c == '\\'; }))
    return "an URL with characters that must be written %XX";
  std::string_view host = url.substr(scheme + 3);
  host = host.substr(0, host.find_first_of("/?#"));
  if (host.contains('@')) return "an URL with credentials in it";
  if (url.contains('#')) return "an URL with a fragment";
  std::string_view port;
  if (host.starts_with('[')) {
    const std::size_t end = host.find(']');
    if (end == std::string_view::npos) return "an URL whose [address] is not closed";
    port = host.substr(end + 1);
    host = host.substr(1, end - 1);
    if (!port.empty() && !port.starts_with(':')) return "an URL with text behind its [address]";
  } else if (const std::size_t colon = host.find(':'); colon != std::string_view::npos) {
    port = host.substr(colon);
    host = host.substr(0, colon);
  }
  if (host.empty()) return "an URL without a host";
  if (port.empty()) return {};
  std::string_view rest;
  const auto number = parse_number(port.substr(1), rest);
  return !number || !rest.empty() || *number == 0 || *number > kMaxPort ? "an URL whose port is no number from 1 to 65535" : "";
}

bool is_sink_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxSinkName && name.front() != '-' &&
         std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

// The file's content without the line end it has behind it. Errors say what is wrong, never what is in it.
Result<std::string> read_secret(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat status{};
  if (!fd || fstat(fd.get(), &status) != 0) return std::unexpected(system_error("open " + path, errno));
  if (!S_ISREG(status.st_mode)) return fail(Code::kInvalid, path + " is no regular file");
  if ((status.st_mode & (S_IROTH | S_IWOTH)) != 0) return fail(Code::kInvalid, path + " is open to everyone: chmod o-rw");
  std::string text(kMaxSecretBytes + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = read(fd.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(system_error("read " + path, errno));
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > kMaxSecretBytes) return fail(Code::kLimit, path + " is longer than 64 KiB");
  text.resize(size);
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  if (text.empty()) return fail(Code::kInvalid, path + " is empty");
  if (has_control(text)) return fail(Code::kInvalid, path + " has more than one line, or control characters");
  return text;
}

class Reader {
 public:
  Reader(const ReadOptions& options, lang::Diagnostics& diagnostics) : options_(options), diagnostics_(diagnostics) {}

  void read(const ConfigNode& root, Config& config) {
    keys(root, "the configuration", {config_keys()}, &config);
    check_shorthands(root, config);
    for (SinkConfig& sink : config.outputs) finish(sink, config);
  }

 private:
  void error(const ConfigNode& node, std::string message, std::string hint = {}, bool show_line = true) {
    if (errors_ > kMaxErrors) return;
    if (++errors_ > kMaxErrors) {
      message = "there are more errors";
      hint = "the first " + std::to_string(kMaxErrors) + " are shown";
    }
    lang::Diagnostic found = config_error(node, std::move(message), std::move(hint));
    if (!show_line) found.line.clear();
    diagnostics_.add(std::move(found));
  }

  void warn(const ConfigNode& node, std::string message, std::string hint) {
    lang::Diagnostic found = config_error(node, std::move(message), std::move(hint));
    found.severity = lang::Severity::kWarning;
    diagnostics_.add(std::move(found));
  }

  // --- by the table

  using Tables = std::vector<std::span<const Key>>;

  void unknown(const ConfigNode& key, const std::string& where, const std::vector<std::string_view>& names) {
    const std::string_view near = lang::nearest(key.scalar, names);
    error(key, std::string("unknown key \"").append(key.scalar).append("\" in ").append(where),
          near.empty() ? "" : "did you mean " + std::string(near) + "?",
          !is_secret_name(near));  // `pasword: …`: without its line
  }

  void keys(const ConfigNode& node, const std::string& where, const Tables& tables, void* object) {
    if (node.kind == Kind::kNull) return;
    if (node.kind != Kind::kMap) return error(node, where + " must be a map of keys");
    for (std::size_t i = 0; i + 1 < node.children.size(); i += 2) {
      const ConfigNode& key = node.children[i];
      bool from_file = false;
      const Key* found = find(tables, key.scalar, from_file);
      if (found == nullptr) {
        unknown(key, where, names(tables));
      } else if (from_file) {
        if (node.find(found->name) != nullptr)
          error(key, std::string("both ").append(found->name).append(" and ").append(key.scalar), "keep one of the two");
        secret_file(node.children[i + 1], *found, object);
      } else {
        value(node.children[i + 1], *found, object);
      }
    }
    for (const auto& table : tables) {
      for (const Key& key : table) {
        const bool given = node.find(key.name) != nullptr ||
                           (key.type == KeyType::kSecret && node.find(std::string(key.name) + "_file") != nullptr);
        if (key.required && !given) error(node, where + " has no " + std::string(key.name));
      }
    }
  }

  static const Key* find(const Tables& tables, std::string_view name, bool& from_file) {
    for (const auto& table : tables) {
      for (const Key& key : table) {
        from_file = key.type == KeyType::kSecret && name == std::string(key.name) + "_file";
        if (key.name == name || from_file) return &key;
      }
    }
    return nullptr;
  }

  // Static: what nearest() hands back is a piece of one of them.
  std::vector<std::string_view> names(const Tables& tables) {
    std::vector<std::string_view> all;
    for (const auto& table : tables) {
      for (const Key& key : table) {
        all.push_back(key.name);
        if (key.type == KeyType::kSecret) all.push_back(*file_names_.insert(std::string(key.name) + "_file").first);
      }
    }
    return all;
  }

  void value(const ConfigNode& node, const Key& key, void* object) {
    if (node.broken) return;
    switch (key.type) {
      case KeyType::kSection:
        return keys(node, std::string(key.name), {key.keys}, object);
      case KeyType::kSwitches:
        return switches(node, static_cast<Config*>(object)->rules);
      case KeyType::kAppendOutput:
        return append_outputs(node, static_cast<Config*>(object)->append_output);
      case KeyType::kOutputs:
        return outputs(node, *static_cast<Config*>(object));
      case KeyType::kTexts:
      case KeyType::kPaths:
        return texts(node, key, object);
      case KeyType::kPairs:
        return pairs(node, key, object);
      default:
        break;
    }
    if (key.access.store == nullptr) return;  // read before
    if (node.kind != Kind::kScalar) return wrong(node, key);
    Value read;
    if (scalar(node, key, read)) key.access.store(object, read);
  }

  void wrong(const ConfigNode& node, const Key& key) {
    static const std::map<KeyType, std::string_view> kWhat = {{KeyType::kBool, "a boolean"},
                                                              {KeyType::kNumber, "a number in its range"},
                                                              {KeyType::kSize, "a size"},
                                                              {KeyType::kDuration, "a duration"},
                                                              {KeyType::kWord, "one of its words"},
                                                              {KeyType::kPriority, "a priority"},
                                                              {KeyType::kFile, "an absolute path"},
                                                              {KeyType::kPath, "an absolute path"},
                                                              {KeyType::kDirectory, "an absolute path"}};
    const auto what = kWhat.find(key.type);
    std::string message = "not " + std::string(!key.what.empty() ? key.what : what == kWhat.end() ? "a text" : what->second);
    if (key.type == KeyType::kWord) message = "not a " + std::string(key.name);
    const bool bounded = what != kWhat.end() && !message.ends_with("path");
    std::string hint = bounded ? describe(key) : "";
    if (key.type == KeyType::kSize || key.type == KeyType::kRing)
      hint = describe(key) + ", or in bytes " + std::to_string(key.least) + " to " + std::to_string(key.most);
    if (key.type == KeyType::kWord && node.kind == Kind::kScalar) {
      const std::string_view near = lang::nearest(node.scalar, {key.words.begin(), key.words.end()});
      if (!near.empty()) hint = "did you mean " + std::string(near) + "? It can be " + hint;
    }
    error(node, std::move(message), std::move(hint));
  }

  bool scalar(const ConfigNode& node, const Key& key, Value& out) {
    const std::string& text = node.scalar;
    const auto number = [&](std::optional<std::uint64_t> given) {
      if (!given || *given < key.least || *given > key.most) {
        wrong(node, key);
        return false;
      }
      out.number = *given;
      return true;
    };
    switch (key.type) {
      case KeyType::kBool: {
        const auto given = parse_bool(text);
        if (!given) wrong(node, key);
        out.number = given.value_or(false) ? 1 : 0;
        return given.has_value();
      }
      case KeyType::kNumber: {
        std::string_view rest;
        const auto given = parse_number(text, rest);
        return number(rest.empty() ? given : std::nullopt);
      }
      case KeyType::kSize:
        return number(parse_quantity(text, kSizes));
      case KeyType::kRing: {
        if (!number(parse_quantity(text, kSizes))) return false;
        out.number = std::bit_ceil(out.number);
        return true;
      }
      case KeyType::kDuration:
        return duration(node, key, number, out);
      case KeyType::kPriority: {
        const auto given = lang::parse_priority(text);
        if (!given) wrong(node, key);
        out.number = static_cast<std::uint64_t>(given.value_or(lang::Priority::kDebug));
        return given.has_value();
      }
      case KeyType::kWord: {
        const auto word = std::ranges::find(key.words, text);
        if (word == key.words.end()) {
          wrong(node, key);
          return false;
        }
        out.number = static_cast<std::uint64_t>(word - key.words.begin());
        out.text = text;
        return true;
      }
      default:
        return plain(node, key, out);
    }
  }

  bool duration(const ConfigNode& node, const Key& key, const auto& number, Value& out) {
    if (!number(parse_quantity(node.scalar, kDurations))) return false;
    if (out.number % key.access.step == 0) return true;
    error(node, "not a duration in whole seconds", "write " + spell_duration((out.number / 1'000 + 1) * 1'000));
    return false;
  }

  bool plain(const ConfigNode& node, const Key& key, Value& out) {
    const std::string& text = node.scalar;
    if (key.type != KeyType::kTemplate && has_control(text)) {
      error(node, "a line end or a control character in " + std::string(key.name));
      return false;
    }
    if (key.type == KeyType::kUrl && !text.empty()) {
      if (const std::string_view flaw = url_flaw(text); !flaw.empty()) {
        error(node, std::string(flaw), flaw.ends_with("credentials in it") ? "user and password have keys of their own" : "");
        return false;
      }
    }
    if (key.type == KeyType::kListen && !text.empty() && !parse_listen(text)) {
      error(node, "not an address and a port", "127.0.0.1:9376, or [::1]:9376");
      return false;
    }
    const bool path = key.type == KeyType::kFile || key.type == KeyType::kPath || key.type == KeyType::kDirectory;
    if (path && !text.empty() && !text.starts_with('/')) {
      wrong(node, key);
      return false;
    }
    if (key.required && text.empty()) {
      error(node, std::string(key.name) + " is empty");
      return false;
    }
    if (key.type == KeyType::kSecret && !text.empty()) secret_in_file(node, key);
    if (path && !text.empty() && options_.check_host) check_path(node, key.type);
    out.text = text;
    return true;
  }

  // A secret written into a file that all can read.
  void secret_in_file(const ConfigNode& node, const Key& key) {
    struct stat status{};
    if (node.from_variable || node.file == nullptr || stat(node.file->path.c_str(), &status) != 0) return;
    if ((status.st_mode & S_IROTH) != 0)
      warn(node, std::string(key.name) + " stands in a file that everyone can read",
           "chmod o-r, or " + std::string(key.name) + "_file: /path");
  }

  void secret_file(const ConfigNode& node, const Key& key, void* object) {
    if (node.kind != Kind::kScalar || !node.scalar.starts_with('/')) return error(node, "not an absolute path");
    auto text = read_secret(node.scalar);
    if (!text) return error(node, text.error().message);
    key.access.store(object, Value{.number = kNoWord, .text = *std::move(text)});
  }

  void check_path(const ConfigNode& node, KeyType type) {
    const std::string& path = node.scalar;
    std::error_code failure;
    if (type == KeyType::kFile) {
      const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
      if (!fd) return error(node, system_error(path, errno).message);
      if (!fs::is_regular_file(path, failure)) error(node, path + " is no regular file");
      return;
    }
    // To be made: the nearest thing that is there must be a directory one can write to.
    fs::path there = type == KeyType::kPath ? fs::path(path).parent_path() : fs::path(path);
    while (!fs::exists(there, failure) && !failure && there.has_relative_path()) there = there.parent_path();
    if (type == KeyType::kPath && there != fs::path(path).parent_path())
      return error(node, "no directory " + fs::path(path).parent_path().string());
    if (!fs::is_directory(there, failure)) return error(node, there.string() + " is no directory");
    if (access(there.c_str(), W_OK) != 0) error(node, system_error("write to " + there.string(), errno).message);
  }

  void texts(const ConfigNode& node, const Key& key, void* object) {
    Value read;
    if (node.kind != Kind::kNull && node.kind != Kind::kSequence)
      return error(node, std::string(key.name) + " must be a list of " + (key.type == KeyType::kPaths ? "paths" : "texts"),
                   "write: " + std::string(key.name) + ": [" + (node.kind == Kind::kScalar ? node.scalar : "…") + "]");
    for (const ConfigNode& item : node.children) {
      if (!text(item, read.list.emplace_back())) continue;
      if (item.scalar.empty()) error(item, "an empty text in " + std::string(key.name));
      std::error_code failure;
      if (key.type == KeyType::kPaths && options_.check_host && !fs::exists(item.scalar, failure))
        error(item, "no such file or directory: " + item.scalar);
    }
    if (key.required && read.list.empty()) error(node, std::string(key.name) + " is empty");
    key.access.store(object, read);
  }

  void pairs(const ConfigNode& node, const Key& key, void* object) {
    Value read;
    if (node.kind != Kind::kNull && node.kind != Kind::kMap)
      return error(node, std::string(key.name) + " must be a map of texts", "write: {name: value}");
    for (std::size_t i = 0; i + 1 < node.children.size(); i += 2) {
      auto& [name, value] = read.pairs.emplace_back();
      name = node.children[i].scalar;
      if (!text(node.children[i + 1], value)) continue;
      if (key.name == "static_fields") continue;  // as ever: whatever stands there goes into alerts
      if (name.empty() || has_control(name) || has_control(value))
        error(node.children[i], "a line end or a control character in " + std::string(key.name));
    }
    key.access.store(object, read);
  }

  bool text(const ConfigNode& node, std::string& out) {
    if (node.broken) return false;
    if (node.kind != Kind::kScalar) {
      error(node, "not a text");
      return false;
    }
    out = node.scalar;
    return true;
  }

  // --- lists with a shape of their own

  using Keys = std::map<std::string, std::function<void(const ConfigNode&)>>;

  void map(const ConfigNode& node, const std::string& where, const Keys& known) {
    if (node.kind != Kind::kMap) return error(node, where + " must be a map of keys");
    for (std::size_t i = 0; i + 1 < node.children.size(); i += 2) {
      const ConfigNode& key = node.children[i];
      if (const auto found = known.find(key.scalar); found != known.end()) {
        found->second(node.children[i + 1]);
        continue;
      }
      std::vector<std::string_view> names;
      for (const auto& [name, reader] : known) names.push_back(name);
      unknown(key, where, names);
    }
  }

  // `- enable: {rule: pattern}`, `- disable: {tag: name}`, in order.
  void switches(const ConfigNode& node, std::vector<lang::RuleSwitch>& out) {
    if (node.kind == Kind::kNull) return;
    if (node.kind != Kind::kSequence) return error(node, "rules must be a list", "write: - disable: {rule: \"Name*\"}");
    for (const ConfigNode& item : node.children) {
      const auto read = [&](bool enable) {
        return [this, enable, &out](const ConfigNode& selection) {
          const auto add = [&](lang::RuleSwitch::By by) {
            return [&, by](const ConfigNode& value) {
              lang::RuleSwitch& one = out.emplace_back(lang::RuleSwitch{enable, by, {}});
              if (text(value, one.pattern) && one.pattern.empty()) error(value, "an empty name fits no rule");
            };
          };
          map(selection, "enable and disable",
              {{"rule", add(lang::RuleSwitch::By::kName)}, {"tag", add(lang::RuleSwitch::By::kTag)}});
          if (selection.kind == Kind::kMap && selection.children.size() != 2)
            error(selection, "enable and disable take one of rule and tag", "write an entry for each");
        };
      };
      map(item, "an entry of rules", {{"enable", read(true)}, {"disable", read(false)}});
      if (item.kind == Kind::kMap && item.children.size() != 2)
        error(item, "an entry of rules is one of enable and disable", "write an entry for each");
    }
  }

  void append_outputs(const ConfigNode& node, std::vector<compile::AppendOutput>& out) {
    out.clear();
    if (node.kind == Kind::kNull) return;
    if (node.kind != Kind::kSequence)
      return error(node, "append_output must be a list", "write: - extra_output: \"pod=%k8s.pod.name\"");
    for (const ConfigNode& item : node.children) {
      compile::AppendOutput& entry = out.emplace_back();
      map(item, "an entry of append_output",
          {{"match", [&](const ConfigNode& match) { append_match(match, entry); }},
           {"extra_output", [&](const ConfigNode& value) { text(value, entry.extra_output); }},
           {"extra_fields", [&](const ConfigNode& value) { extra_fields(value, entry); }},
           {"suggested_output", [&](const ConfigNode& value) {
              const auto given = value.kind == Kind::kScalar ? parse_bool(value.scalar) : std::nullopt;
              if (!given) error(value, "not a boolean", "true or false");
              entry.suggested_output = given.value_or(false);
            }}});
      if (const auto problem = compile::check_append_output(entry)) error(item, problem->message, problem->hint);
    }
  }

  void append_match(const ConfigNode& node, compile::AppendOutput& entry) {
    map(node, "match",
        {{"source", [&](const ConfigNode& value) { text(value, entry.source); }},
         {"rule", [&](const ConfigNode& value) { text(value, entry.rule); }},
         {"tags", [&](const ConfigNode& tags) {
            if (tags.kind != Kind::kSequence) return error(tags, "tags must be a list");
            for (const ConfigNode& tag : tags.children) text(tag, entry.tags.emplace_back());
          }}});
  }

  void extra_fields(const ConfigNode& node, compile::AppendOutput& entry) {
    if (node.kind != Kind::kSequence) return error(node, "extra_fields must be a list", "write: - evt.hostname");
    for (const ConfigNode& item : node.children) {
      if (item.kind != Kind::kMap) {
        text(item, entry.extra_fields.emplace_back());
        continue;
      }
      for (std::size_t i = 0; i + 1 < item.children.size(); i += 2) {
        auto& [key, format] = entry.extra_formats.emplace_back();
        key = item.children[i].scalar;
        text(item.children[i + 1], format);
      }
    }
  }

  // --- sinks

  static std::optional<SinkType> parse_type(std::string_view text) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(SinkType::kCount); ++i) {
      if (spelling(static_cast<SinkType>(i)) == text) return static_cast<SinkType>(i);
    }
    return std::nullopt;
  }

  void outputs(const ConfigNode& node, Config& config) {
    if (node.kind == Kind::kNull) return;
    if (node.kind != Kind::kSequence)
      return error(node, "outputs must be a list of sinks", "write: - {name: siem, type: syslog}");
    if (node.children.size() > kMaxSinks)
      return error(node.children[kMaxSinks], "more than " + std::to_string(kMaxSinks) + " sinks");
    for (const ConfigNode& item : node.children) output(item, config);
  }

  void output(const ConfigNode& item, Config& config) {
    if (item.kind != Kind::kMap)
      return error(item, "an entry of outputs must be a map of keys", "write: - {name: siem, type: syslog}");
    const ConfigNode* name = item.find("name");
    const ConfigNode* type = item.find("type");
    SinkConfig sink;
    sink.position = config_error(item, {}).position;
    if (name == nullptr) {
      error(item, "an output has no name");
    } else if (text(*name, sink.sink.name) && !is_sink_name(sink.sink.name)) {
      error(*name, "not a name of an output", "a to z, 0 to 9 and -, at most " + std::to_string(kMaxSinkName));
    }
    const auto twice = std::ranges::find(config.outputs, sink.sink.name, [](const SinkConfig& one) { return one.sink.name; });
    if (name != nullptr && twice != config.outputs.end()) {
      error(*name, "two outputs of the name \"" + sink.sink.name + '"',
            "the other one: " + twice->position.file + ':' + std::to_string(twice->position.line) + ':' +
                std::to_string(twice->position.column));
    }
    const auto parsed = type == nullptr || type->kind != Kind::kScalar ? std::nullopt : parse_type(type->scalar);
    if (type != nullptr && type->broken) return;
    if (!parsed) return unknown_type(item, type);
    sink.type = *parsed;
    const std::string where = "output \"" + sink.sink.name + "\" (" + std::string(spelling(sink.type)) + ')';
    Tables tables{common_sink_keys()};
    for (const auto& own : own_sink_keys(sink.type)) tables.push_back(own);
    keys(item, where, tables, &sink);
    if (sink.syslog.tls.enabled && item.find("port") == nullptr) sink.syslog.port = kSyslogTlsPort;
    check(item, where, sink);
    config.outputs.push_back(std::move(sink));
  }

  void unknown_type(const ConfigNode& item, const ConfigNode* type) {
    std::vector<std::string_view> all;
    std::string list;
    for (std::size_t i = 0; i < static_cast<std::size_t>(SinkType::kCount); ++i) {
      all.push_back(spelling(static_cast<SinkType>(i)));
      (list += i == 0 ? "" : ", ") += all.back();
    }
    if (type == nullptr) return error(item, "an output has no type", list);
    const std::string_view near = type->kind == Kind::kScalar ? lang::nearest(type->scalar, all) : std::string_view();
    error(*type, "not a type of an output", near.empty() ? list : "did you mean " + std::string(near) + "?");
  }

  // What one key's table can't say.
  void check(const ConfigNode& item, const std::string& where, const SinkConfig& sink) {
    const auto at = [&](std::string_view key) -> const ConfigNode& {
      const ConfigNode* found = item.find(key);
      return found == nullptr ? item : *found;
    };
    if (sink.encoding && std::ranges::count(encodings_for(sink.type), *sink.encoding) == 0) {
      std::string list;
      for (const Encoding one : encodings_for(sink.type)) (list += list.empty() ? "" : ", ") += spelling(one);
      error(at("encoding"), where + " can't be written as " + std::string(spelling(*sink.encoding)), list);
    }
    if (sink.sink.retry.base > sink.sink.retry.cap) error(at("retry"), "retry.base is longer than retry.cap");
    if (sink.sink.spool.segment_bytes > sink.sink.spool.max_bytes)
      error(at("spool"), "spool.segment_bytes is more than spool.max_bytes");
    switch (sink.type) {
      case SinkType::kSyslog:
        return check_syslog(item, where, sink, at);
      case SinkType::kKafka:
        return check_kafka(item, where, sink, at);
      case SinkType::kFile:
      case SinkType::kStdout:
      case SinkType::kJournald:
      case SinkType::kProgram:
      case SinkType::kCount:
        return;
      default:
        return check_http(item, sink, at);
    }
  }

  void check_tls(const ConfigNode& node, const outputs::TlsOptions& tls) {
    if (tls.cert_file.empty() != tls.key_file.empty()) error(node, "one of cert_file and key_file without the other");
  }

  void check_syslog(const ConfigNode& item, const std::string& where, const SinkConfig& sink, const auto& at) {
    const outputs::SyslogOptions& syslog = sink.syslog;
    const bool local = syslog.transport == outputs::SyslogTransport::kUnix;
    if (!local && syslog.host.empty()) error(item, where + " has no host", "or transport: unix");
    if (local) {
      for (const char* key : {"host", "port"}) {
        if (item.find(key) != nullptr) error(at(key), std::string(key) + " is of transport udp and tcp", "write: transport: tcp");
      }
    }
    if (syslog.tls.enabled && syslog.transport != outputs::SyslogTransport::kTcp)
      error(at("tls"), "TLS goes over transport tcp", "write: transport: tcp");
    if (syslog.tls.enabled && syslog.framing == outputs::SyslogFraming::kLine)
      error(at("framing"), "over TLS messages are octet-counted (RFC 5425)");
    if (sink.encoding == Encoding::kRfc5424 && (local || syslog.format != outputs::SyslogFormat::kRfc5424))
      error(at("encoding"), "structured data needs the header of RFC 5424",
            "over udp and tcp, with format: rfc5424; else encoding: text");
    check_tls(at("tls"), syslog.tls);
  }

  void check_kafka(const ConfigNode& item, const std::string& where, const SinkConfig& sink, const auto& at) {
    const outputs::KafkaOptions& kafka = sink.kafka;
    const bool sasl = kafka.security_protocol.starts_with("sasl_");
    const bool tls = kafka.security_protocol.ends_with("ssl");
    if (sasl && (kafka.sasl_mechanism.empty() || kafka.sasl_username.empty() || kafka.sasl_password.empty()))
      error(item, where + ": " + kafka.security_protocol + " needs sasl_mechanism, sasl_username and sasl_password");
    if (!sasl && (!kafka.sasl_mechanism.empty() || !kafka.sasl_username.empty() || !kafka.sasl_password.empty()))
      error(item, where + ": sasl_… without security_protocol: sasl_ssl or sasl_plaintext");
    if (!tls && item.find("tls") != nullptr) error(at("tls"), "tls is of security_protocol ssl and sasl_ssl");
    check_tls(at("tls"), kafka.tls);
  }

  void check_http(const ConfigNode& item, const SinkConfig& sink, const auto& at) {
    const outputs::HttpOptions& http = sink.http;
    if (!http.user.empty() && !http.bearer.empty()) error(item, "both a user and a bearer_token", "keep one of the two");
    if (http.user.empty() && !http.password.empty()) error(item, "a password without a user");
    if (!http.url.starts_with("https:") && item.find("tls") != nullptr) error(at("tls"), "tls is of an https:// URL");
    for (const auto& [name, value] : http.headers) {
      if (!std::ranges::all_of(name, [](unsigned char c) {
            return std::isalnum(c) != 0 || std::string_view("!#$%&'*+-.^_`|~").contains(static_cast<char>(c));
          }))
        error(at("headers"), "\"" + name + "\" is no name of a header");
    }
    if (!http.signing_secret.empty() && !http.signing_secret.starts_with("whsec_"))
      error(item, "signing_secret does not begin with whsec_", "whsec_ and the key in base64, as the receiver gives it");
    check_tls(at("tls"), http.tls);
  }

  void check_shorthands(const ConfigNode& root, const Config& config) {
    const auto at = [&](std::string_view key) -> const ConfigNode& { return *root.find(key); };
    if (config.file_enabled && config.file_name.empty()) error(at("file_output"), "file_output is enabled and has no filename");
    if (config.program_enabled && config.program.empty())
      error(at("program_output"), "program_output is enabled and has no program");
    const HttpShorthand& http = config.http;
    if (http.enabled && http.url.empty()) error(at("http_output"), "http_output is enabled and has no url");
    if (http.mtls && (http.client_cert.empty() || http.client_key.empty()))
      error(at("http_output"), "http_output.mtls needs client_cert and client_key");
  }

  static void finish(SinkConfig& sink, const Config& config) {
    if (has_spool(sink)) sink.sink.spool.directory = config.spool_directory + '/' + sink.sink.name;
  }

  const ReadOptions& options_;
  lang::Diagnostics& diagnostics_;
  std::size_t errors_ = 0;
  std::set<std::string, std::less<>> file_names_;
};

const char* process_environment(const char* name) {
  return std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody changes the environment
}

outputs::HttpKind http_kind(SinkType type) {
  switch (type) {
    case SinkType::kSplunk:
      return outputs::HttpKind::kSplunk;
    case SinkType::kElasticsearch:
      return outputs::HttpKind::kElasticsearch;
    case SinkType::kLoki:
      return outputs::HttpKind::kLoki;
    case SinkType::kOtlp:
      return outputs::HttpKind::kOtlp;
    case SinkType::kAlertmanager:
      return outputs::HttpKind::kAlertmanager;
    case SinkType::kCloudEvents:
      return outputs::HttpKind::kCloudEvents;
    default:
      return outputs::HttpKind::kWebhook;
  }
}

}  // namespace

std::optional<Mode> parse_mode(std::string_view text) {
  if (text == "detect") return Mode::kDetect;
  if (text == "monitor") return Mode::kMonitor;
  if (text == "enforce") return Mode::kEnforce;
  return std::nullopt;
}

std::string_view spelling(SinkType type) {
  static constexpr std::array<std::string_view, static_cast<std::size_t>(SinkType::kCount)> kNames = {
      "file",          "stdout", "syslog", "journald",     "kafka",       "webhook", "splunk",
      "elasticsearch", "loki",   "otlp",   "alertmanager", "cloudevents", "program"};
  return kNames[static_cast<std::size_t>(type)];
}

const std::vector<Encoding>& encodings_for(SinkType type) {
  static const std::vector<Encoding> kLines = {Encoding::kText, Encoding::kFalcoJson, Encoding::kEcs,        Encoding::kOcsf,
                                               Encoding::kCef,  Encoding::kLeef,      Encoding::kCloudEvents};
  static const std::vector<Encoding> kRecords = {Encoding::kFalcoJson, Encoding::kText, Encoding::kEcs,        Encoding::kOcsf,
                                                 Encoding::kCef,       Encoding::kLeef, Encoding::kCloudEvents};
  static const std::vector<Encoding> kSyslog = {Encoding::kRfc5424, Encoding::kText,       Encoding::kFalcoJson,
                                                Encoding::kEcs,     Encoding::kOcsf,       Encoding::kCef,
                                                Encoding::kLeef,    Encoding::kCloudEvents};
  static const std::vector<Encoding> kElasticsearch = {Encoding::kEcs, Encoding::kOcsf, Encoding::kFalcoJson};
  static const std::vector<Encoding> kSplunk = {Encoding::kSplunk}, kLoki = {Encoding::kLoki}, kOtlp = {Encoding::kOtlp},
                                     kAlertmanager = {Encoding::kAlertmanager}, kCloudEvents = {Encoding::kCloudEvents};
  switch (type) {
    case SinkType::kSyslog:
      return kSyslog;
    case SinkType::kKafka:
    case SinkType::kWebhook:
      return kRecords;
    case SinkType::kSplunk:
      return kSplunk;
    case SinkType::kElasticsearch:
      return kElasticsearch;
    case SinkType::kLoki:
      return kLoki;
    case SinkType::kOtlp:
      return kOtlp;
    case SinkType::kAlertmanager:
      return kAlertmanager;
    case SinkType::kCloudEvents:
      return kCloudEvents;
    case SinkType::kFile:
    case SinkType::kStdout:
    case SinkType::kJournald:
    case SinkType::kProgram:
    case SinkType::kCount:
      break;
  }
  return kLines;
}

Encoding encoding_of(const SinkConfig& sink, bool json) {
  if (sink.encoding) return *sink.encoding;
  switch (sink.type) {
    case SinkType::kFile:
    case SinkType::kStdout:
    case SinkType::kProgram:
      return json ? Encoding::kFalcoJson : Encoding::kText;
    case SinkType::kSyslog:
      return sink.syslog.transport != outputs::SyslogTransport::kUnix && sink.syslog.format == outputs::SyslogFormat::kRfc5424
                 ? Encoding::kRfc5424
                 : Encoding::kText;
    default:
      return encodings_for(sink.type).front();
  }
}

bool has_spool(const SinkConfig& sink) {
  return sink.spool.value_or(sink.type != SinkType::kStdout && sink.type != SinkType::kFile);
}

std::vector<SinkConfig> all_sinks(const Config& config) {
  std::vector<SinkConfig> all;
  const auto add = [&](std::string name, SinkType type) -> SinkConfig& {
    SinkConfig& sink = all.emplace_back();
    sink.sink.name = std::move(name);
    sink.type = type;
    if (has_spool(sink)) sink.sink.spool.directory = config.spool_directory + '/' + sink.sink.name;
    return sink;
  };
  if (config.stdout_enabled) add("stdout_output", SinkType::kStdout);
  if (config.file_enabled) add("file_output", SinkType::kFile).file.path = config.file_name;
  if (config.syslog_enabled) add("syslog_output", SinkType::kSyslog);
  if (config.http.enabled) {
    SinkConfig& sink = add("http_output", SinkType::kWebhook);
    sink.encoding = config.json_output ? Encoding::kFalcoJson : Encoding::kText;
    sink.http.url = config.http.url;
    if (!config.http.user_agent.empty()) sink.http.headers.emplace_back("User-Agent", config.http.user_agent);
    sink.http.gzip = config.http.compress_uploads;
    sink.http.tls.ca_file = config.http.ca_cert;
    sink.http.tls.insecure = config.http.insecure;
    if (config.http.mtls) {
      sink.http.tls.cert_file = config.http.client_cert;
      sink.http.tls.key_file = config.http.client_key;
    }
  }
  if (config.program_enabled) add("program_output", SinkType::kProgram).program.command = {"/bin/sh", "-c", config.program};
  all.insert(all.end(), config.outputs.begin(), config.outputs.end());
  for (SinkConfig& sink : all) {
    sink.http.kind = http_kind(sink.type);
    sink.http.tls.enabled = sink.http.url.starts_with("https:");
    sink.kafka.tls.enabled = sink.kafka.security_protocol.ends_with("ssl");
  }
  return all;
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

Config read_config(const std::string& path, lang::Diagnostics& diagnostics, const ReadOptions& options) {
  static const std::vector<std::string_view> kWhereAlertsGo = {"outputs",       "stdout_output", "file_output",
                                                               "syslog_output", "http_output",   "program_output"};
  const ConfigTree tree = read_config_tree(path, options.environment ? options.environment : process_environment,
                                           options.outputs ? std::vector<std::string_view>() : kWhereAlertsGo, diagnostics);
  Config config;
  config.files = tree.files;
  Reader(options, diagnostics).read(tree.root, config);
  return config;
}

Config read_config(const std::string& path, lang::Diagnostics& diagnostics) {
  return read_config(path, diagnostics, ReadOptions());
}

}  // namespace shrike::app
