// SPDX-License-Identifier: Apache-2.0
// Base64 with the standard alphabet (RFC 4648 section 4).
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace shrike {

std::string encode_base64(std::string_view bytes);

// Room for what decode_base64 may write.
inline std::size_t decoded_size_max(std::string_view text) { return text.size() * 3 / 4; }

// Writes the bytes and returns their number; nothing if it is no base64. `out` has decoded_size_max(text) bytes. Padding may be
// left out, whole.
std::optional<std::size_t> decode_base64(std::string_view text, std::span<char> out);

}  // namespace shrike
