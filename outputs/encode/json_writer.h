// SPDX-License-Identifier: Apache-2.0
// JsonWriter writes one JSON object, in the order it is told. Objects and arrays into which nothing comes are not written at all,
// so that an encoder may name what the alert does not have.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/act/alert.h"

namespace shrike::outputs {

class JsonWriter {
 public:
  // Opens the outermost object.
  JsonWriter();

  // `key` is not read in arrays; it must live until end().
  void object(std::string_view key = {}) { open(key, '{', '}'); }
  void array(std::string_view key) { open(key, '[', ']'); }
  void end();

  // Empty texts and absent numbers are left out.
  void text(std::string_view key, std::string_view value);
  void number(std::string_view key, std::optional<std::int64_t> value);
  void flag(std::string_view key, bool value);
  // In an array, be it empty.
  void item(std::string_view value) { value_text({}, value); }
  void item_number(std::int64_t value) { raw({}, std::to_string(value)); }
  // Be it empty.
  void value_text(std::string_view key, std::string_view value);
  // Whatever the field is, typed as JSON has it. Absent is null.
  void value(std::string_view key, const act::FieldValue& value);
  // `json` as it stands.
  void raw(std::string_view key, std::string_view json);

  // Closes the outermost object and hands everything out.
  std::string finish();

 private:
  struct Level {
    std::string_view key;
    char opening = '{';
    char closing = '}';
    bool written = false;  // the opening bracket is
    bool first = true;
  };

  void open(std::string_view key, char opening, char closing);
  void begin_member(std::string_view key);  // comma and key, of what has to be opened first too
  void comma_and_key(Level& in, std::string_view key);

  std::string out_;
  std::vector<Level> levels_;
};

}  // namespace shrike::outputs
