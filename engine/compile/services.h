// SPDX-License-Identifier: Apache-2.0
// Names of ports that rules use; a table of our own, so that a rule file means the same on every host.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace shrike::compile {

std::optional<std::uint16_t> port_of_service(std::string_view name);

}  // namespace shrike::compile
