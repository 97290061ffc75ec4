// SPDX-License-Identifier: Apache-2.0
#include "tests/support/alert_json.h"

#include <nlohmann/json.hpp>

#include "engine/base/base64.h"

namespace shrike::test {
namespace {

using nlohmann::json;

std::string text_of(const json& value) {
  if (!value.is_object()) return value.get<std::string>();
  const auto encoded = value.at("base64").get<std::string>();
  std::string bytes(decoded_size_max(encoded), '\0');
  bytes.resize(decode_base64(encoded, bytes).value());
  return bytes;
}

act::FieldValue value_of(const json& value) {
  if (value.is_null()) return std::monostate{};
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number_unsigned()) return value.get<std::uint64_t>();
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (value.is_number()) return value.get<double>();
  if (!value.is_array()) return text_of(value);
  std::vector<std::string> texts;
  for (const json& item : value) texts.push_back(text_of(item));
  return texts;
}

std::vector<std::pair<std::string, act::FieldValue>> fields_of(const json& object) {
  std::vector<std::pair<std::string, act::FieldValue>> fields;
  for (const auto& [name, value] : object.items()) fields.emplace_back(name, value_of(value));
  return fields;
}

}  // namespace

act::Alert parse_alert(std::string_view line) {
  const json object = json::parse(line);
  const auto text = [&](const char* key) { return object.contains(key) ? text_of(object[key]) : std::string(); };
  act::Alert alert;
  alert.time_ns = object.value("time_ns", std::uint64_t{0});
  alert.priority = object.value("priority", std::uint8_t{7});
  alert.rule = text("rule");
  alert.source = text("source");
  alert.message = text("message");
  for (const json& tag : object.value("tags", json::array())) alert.tags.push_back(text_of(tag));
  alert.fields = fields_of(object.value("fields", json::object()));
  alert.facts = fields_of(object.value("facts", json::object()));
  alert.hostname = text("hostname");
  alert.id = text("id");
  alert.verdict = text("verdict");
  alert.hook = text("hook");
  alert.error_number = object.value("errno", 0);
  alert.generation = object.value("generation", std::uint32_t{0});
  return alert;
}

outputs::HostFacts alert_host() {
  return {.name = "node1",
          .machine_id = "93f0d3405e9b46dda896d1978a2e73b0",
          .boot_id = "b2c1e7d0-3c7e-4b1d-9e8e-0f6f5a4f2f10",
          .kernel = "6.1.0-18-amd64"};
}

}  // namespace shrike::test
