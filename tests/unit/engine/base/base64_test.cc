// SPDX-License-Identifier: Apache-2.0
#include "engine/base/base64.h"

#include <gtest/gtest.h>

namespace shrike {
namespace {

std::optional<std::string> decoded(std::string_view text) {
  std::string out(decoded_size_max(text), '?');
  const auto size = decode_base64(text, out);
  if (!size) return std::nullopt;
  return out.substr(0, *size);
}

// The vectors of RFC 4648 section 10, and back; without padding, too.
TEST(Base64, Vectors) {
  for (const auto& [bytes, text] :
       {std::pair("", ""), std::pair("f", "Zg=="), std::pair("fo", "Zm8="), std::pair("foo", "Zm9v"),
        std::pair("foob", "Zm9vYg=="), std::pair("fooba", "Zm9vYmE="), std::pair("foobar", "Zm9vYmFy")}) {
    EXPECT_EQ(encode_base64(bytes), text);
    EXPECT_EQ(decoded(text), bytes) << text;
    const std::string_view padded = text;
    EXPECT_EQ(decoded(padded.substr(0, padded.find('='))), bytes) << text;
  }
}

TEST(Base64, EveryByteComesBack) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  for (std::size_t from = 0; from < 3; ++from) EXPECT_EQ(decoded(encode_base64(bytes.substr(from))), bytes.substr(from));
}

TEST(Base64, WhatIsNone) {
  for (const std::string_view text :
       {"Z", "Zg=", "Zm8==", "Z===", "=", "====", "Zg==Zg==", "Zm9v!", "Zm 9v", "Zm9v\n", "Zm-_", "Zm9vY"})
    EXPECT_FALSE(decoded(text)) << text;
}

}  // namespace
}  // namespace shrike
