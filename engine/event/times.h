// SPDX-License-Identifier: Apache-2.0
// Times as alerts print them. Epoch ns in, text out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace shrike::event {

// Local "HH:MM:SS.nnnnnnnnn".
std::string local_time_text(std::uint64_t epoch_ns);

// UTC "YYYY-MM-DDTHH:MM:SS.nnnnnnnnn" and the zone as given ("Z", "+0000").
std::string iso_time_text(std::uint64_t epoch_ns, std::string_view zone);

}  // namespace shrike::event
