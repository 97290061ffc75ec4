// SPDX-License-Identifier: Apache-2.0
#include "engine/app/suite.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <type_traits>

#include "engine/lang/rule_file.h"
#include "engine/lang/yaml_tree.h"

namespace shrike::app {
namespace {

using lang::YamlNode;
using Kind = YamlNode::Kind;

// The number a plain scalar spells, or its text.
void read_number(const std::string& text, Given& given) {
  const auto whole = [&](auto number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    bool fits = error == std::errc() && end == text.data() + text.size();
    if constexpr (std::is_floating_point_v<decltype(number)>) fits = fits && std::isfinite(number);  // "nan" is a text
    if (fits) given.data = number;
    return fits;
  };
  if (!whole(std::uint64_t{}) && !whole(std::int64_t{}) && !whole(double{})) given.data = text;
}

class Reader {
 public:
  Reader(std::shared_ptr<const lang::SourceFile> file, lang::Diagnostics& diagnostics)
      : file_(std::move(file)), diagnostics_(diagnostics) {}

  void suite(const YamlNode& root, Suite& out) {
    bool any_rules = false;
    bool any_cases = false;
    map(root, "a suite",
        {{"rules",
          [&](const YamlNode& node) {
            any_rules = true;
            const std::filesystem::path folder = std::filesystem::path(file_->path).parent_path();
            for (const YamlNode* item : list(node, "rules must be a list of rule files and directories")) {
              std::string path;
              if (text(*item, path)) out.rules.push_back((folder / path).lexically_normal().string());
            }
          }},
         {"matching",
          [&](const YamlNode& node) {
            std::string value;
            if (!text(node, value)) return;
            if (value != "first" && value != "all") return error(node.offset, "matching is neither first nor all");
            out.matching = value == "all" ? match::Matching::kAll : match::Matching::kFirst;
          }},
         {"cases", [&](const YamlNode& node) {
            any_cases = true;
            for (const YamlNode* item : list(node, "cases must be a list")) read_case(*item, out.cases.emplace_back());
          }}});
    if (root.kind == Kind::kMap && !any_rules)
      error(root.offset, "a suite without \"rules\"", "write: rules: [../execution.yaml]; relative to this file");
    if (root.kind == Kind::kMap && !any_cases) error(root.offset, "a suite without \"cases\"");
  }

  void error(std::size_t offset, std::string message, std::string hint = {}) {
    lang::Diagnostic found{
        lang::Severity::kError, "TEST_SUITE", std::move(message), std::move(hint), lang::position_at(*file_, offset), {}, {}};
    found.line = lang::line_at(*file_, found.position.line);
    if (found.line.size() > lang::kMaxShownLine) found.line.clear();
    diagnostics_.add(std::move(found));
  }

 private:
  using Keys = std::map<std::string, std::function<void(const YamlNode&)>>;

  // The one table of keys drives both reading and the complaint about unknown ones.
  void map(const YamlNode& node, const std::string& what, const Keys& keys) {
    if (node.kind != Kind::kMap) return error(node.offset, what + " must be a map of keys");
    for (std::size_t i = 0; i + 1 < node.children.size(); i += 2) {
      const YamlNode& key = *node.children[i];
      const auto found = keys.find(key.scalar);
      if (found != keys.end()) {
        found->second(*node.children[i + 1]);
        continue;
      }
      std::vector<std::string_view> names;
      std::string all;
      for (const auto& [name, reader] : keys) {
        names.push_back(name);
        all += (all.empty() ? "" : ", ") + name;
      }
      const std::string_view near = lang::nearest(key.scalar, names);
      error(key.offset, std::string("unknown key \"").append(key.scalar).append("\" in ").append(what),
            near.empty() ? "it has: " + all : "did you mean " + std::string(near) + "?");
    }
  }

  std::vector<const YamlNode*> list(const YamlNode& node, std::string complaint) {
    if (node.kind == Kind::kSequence) return node.children;
    error(node.offset, std::move(complaint));
    return {};
  }

  bool text(const YamlNode& node, std::string& out) {
    if (node.kind != Kind::kScalar) {
      error(node.offset, "not a text");
      return false;
    }
    out = node.scalar;
    return true;
  }

  bool is_quoted(const YamlNode& node) const {
    const char first = node.offset < file_->text.size() ? file_->text[node.offset] : '\0';
    return first == '"' || first == '\'';
  }

  // A scalar has the type its field has; in quotes it is text.
  Given given(const YamlNode& node, event::Type type) {
    Given out;
    out.offset = node.offset;
    switch (node.kind) {
      case Kind::kNull:
        break;
      case Kind::kSequence: {
        Given::List items;
        for (const YamlNode* item : node.children) items.push_back(given(*item, type));
        out.data = std::move(items);
        break;
      }
      case Kind::kMap: {
        const YamlNode* base64 = node.children.size() == 2 ? node.find("base64") : nullptr;
        auto decoded = base64 == nullptr ? std::nullopt : decode_padded(base64->scalar);
        if (decoded) {
          out.data = Given::Bytes{*std::move(decoded)};
        } else {
          error(node.offset, base64 == nullptr ? "a map inside an event" : "not base64",
                "fields lie side by side: {proc.name: cat}; bytes are {base64: …}");
        }
        break;
      }
      case Kind::kScalar:
        if (is_quoted(node) || type == event::Type::kString || type == event::Type::kBuffer || type == event::Type::kIp ||
            type == event::Type::kNet) {
          out.data = node.scalar;
        } else if (type == event::Type::kBool && (node.scalar == "true" || node.scalar == "false")) {
          out.data = node.scalar == "true";
        } else {
          read_number(node.scalar, out);
        }
        break;
    }
    return out;
  }

  void read_event(const YamlNode& node, SuiteCase& out) {
    if (node.kind != Kind::kMap)
      return error(node.offset, "an event is a map of fields", "write: {evt.type: execve, proc.name: bash}");
    std::vector<Member>& members = out.events.emplace_back();
    for (std::size_t i = 0; i + 1 < node.children.size(); i += 2) {
      const YamlNode& key = *node.children[i];
      auto use = field_of_key(key.scalar, key.offset);  // what is wrong with it fill() says, below
      const event::Type type = key.scalar == "evt.time" ? event::Type::kTime : use ? use->field->type : event::Type::kString;
      members.push_back({key.scalar, key.offset, given(*node.children[i + 1], type)});
    }
    event::RecordedEvent scratch;
    if (auto filled = fill(scratch, members); !filled) {
      Flaw& flaw = filled.error();
      error(flaw.offset, std::move(flaw.message), std::move(flaw.hint));
    }
  }

  void verdict(const YamlNode& node, std::optional<std::string>& out) {
    std::string value;
    if (!text(node, value)) return;
    if (value == "block") value = "blocked";
    if (value == "kill") value = "killed";
    if (value != "alert" && value != "blocked" && value != "killed" && value != "would_block" && value != "would_kill")
      return error(node.offset, "not a verdict", "alert, block, kill; of rules in mode monitor would_block, would_kill");
    out = std::move(value);
  }

  void expected_value(const YamlNode& node, ExpectedValue& out) {
    if (node.kind == Kind::kMap) return error(node.offset, "a field of an alert is no map");
    if (node.kind == Kind::kScalar) out = node.scalar;
    if (node.kind != Kind::kSequence) return;
    std::vector<std::string> items;
    for (const YamlNode* item : node.children) text(*item, items.emplace_back());
    out = std::move(items);
  }

  void alert(const YamlNode& node, ExpectedAlert& out) {
    out.position = lang::position_at(*file_, node.offset);
    map(node, "an alert",
        {{"rule", [&](const YamlNode& value) { text(value, out.rule); }},
         {"verdict", [&](const YamlNode& value) { verdict(value, out.verdict); }},
         {"output_fields", [&](const YamlNode& value) {
            if (value.kind != Kind::kMap) return error(value.offset, "output_fields must be a map of fields");
            for (std::size_t i = 0; i + 1 < value.children.size(); i += 2) {
              auto& [key, expected] = out.fields.emplace_back();
              key = value.children[i]->scalar;
              expected_value(*value.children[i + 1], expected);
            }
          }}});
    if (node.kind == Kind::kMap && out.rule.empty()) error(node.offset, "an alert without its \"rule\"");
  }

  void read_case(const YamlNode& node, SuiteCase& out) {
    out.position = lang::position_at(*file_, node.offset);
    map(node, "a case",
        {{"name", [&](const YamlNode& value) { text(value, out.name); }},
         {"event", [&](const YamlNode& value) { read_event(value, out); }},
         {"events",
          [&](const YamlNode& value) {
            for (const YamlNode* item : list(value, "events must be a list of events")) read_event(*item, out);
          }},
         {"alerts",
          [&](const YamlNode& value) {
            out.alerts.emplace();
            for (const YamlNode* item : list(value, "alerts must be a list; [] if there should be none"))
              alert(*item, out.alerts->emplace_back());
          }},
         {"verdict", [&](const YamlNode& value) { verdict(value, out.verdict); }}});
    if (node.kind != Kind::kMap) return;
    if (out.name.empty()) error(node.offset, "a case without a \"name\"");
    if (node.find("event") != nullptr && node.find("events") != nullptr)
      error(node.find("events")->offset, "a case with both \"event\" and \"events\"", "keep one of the two");
    if (node.find("event") == nullptr && out.events.empty())
      error(node.offset, "a case without an event", "write: event: {evt.type: execve, proc.name: bash}");
    if (node.find("alerts") == nullptr && node.find("verdict") == nullptr)
      error(node.offset, "a case that expects nothing", "write: alerts: [] if there should be none");
  }

  std::shared_ptr<const lang::SourceFile> file_;
  lang::Diagnostics& diagnostics_;
};

}  // namespace

Suite read_suite(const std::string& path, lang::Diagnostics& diagnostics) {
  Suite suite;
  suite.file = path;
  auto file = lang::load_source(path);
  if (!file) {
    diagnostics.add({lang::Severity::kError, "TEST_SUITE", file.error().message, {}, {path, 0, 0}, {}, {}});
    return suite;
  }
  Reader reader(*file, diagnostics);
  const auto tree = lang::parse_yaml(**file);
  if (!tree) {
    reader.error(tree.error().offset, tree.error().message, tree.error().hint);
  } else if (tree->documents.empty()) {
    reader.error(0, "an empty suite");
  } else if (tree->documents.size() > 1) {
    reader.error(tree->documents[1]->offset, "a second YAML document", "a suite is one document");
  } else {
    reader.suite(*tree->documents[0], suite);
  }
  return suite;
}

}  // namespace shrike::app
