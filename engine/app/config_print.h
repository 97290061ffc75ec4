// SPDX-License-Identifier: Apache-2.0
// The configuration and its keys as text: what is in effect, and what could be.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "engine/app/config.h"

namespace shrike::app {

// Every key with what is in effect; secrets as "***".
nlohmann::ordered_json effective_config(const Config& config);
// As YAML that reads back the same.
std::string to_yaml(const nlohmann::ordered_json& value);

std::string config_keys_text();      // a line per key
std::string config_keys_markdown();  // docs/configuration.md
std::string config_keys_yaml();      // deploy/shrike.yaml: every key with its default
nlohmann::ordered_json config_keys_json();
nlohmann::json config_schema();  // JSON schema, draft-07

}  // namespace shrike::app
