// SPDX-License-Identifier: Apache-2.0
// Container runtimes of tests: none.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/enrich/container_files.h"

namespace shrike::test {

class NoContainerFiles final : public enrich::ContainerReader {
 public:
  std::optional<enrich::ContainerPlace> identify(const std::vector<std::string_view>&, std::size_t, std::string_view) override {
    return std::nullopt;
  }
  std::optional<enrich::ContainerPlace> identify_bundle(const std::string&, const std::string&, std::string_view) override {
    return std::nullopt;
  }
  std::optional<enrich::ContainerReading> read(const enrich::ContainerPlace&) override { return std::nullopt; }
};

}  // namespace shrike::test
