// SPDX-License-Identifier: Apache-2.0
// Names of ports; a table of our own, so that a rule file means the same on every host.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace shrike::event {

std::optional<std::uint16_t> service_port(std::string_view name);
std::string_view service_name(std::uint16_t port);  // empty: it has none

}  // namespace shrike::event
