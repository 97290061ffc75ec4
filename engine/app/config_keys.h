// SPDX-License-Identifier: Apache-2.0
// Every key of the configuration as data. The table drives reading, the JSON schema, `config show`, docs/configuration.md and
// deploy/shrike.yaml; the defaults are those of the structs.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/app/config.h"

namespace shrike::app {

enum class KeyType : std::uint8_t {
  kBool,
  kNumber,
  kSize,      // bytes, or with KiB, MiB, GiB
  kRing,      // a size, rounded up to a power of two
  kDuration,  // with ms, s, m, h, d
  kWord,      // one of Key::words
  kPriority,  // of the eight, in any case
  kText,
  kTemplate,      // a text that may have line ends
  kSecret,        // a text; NAME_file names the file it stands in instead
  kListen,        // an address and a port
  kUrl,           // http or https, without credentials
  kFile,          // the absolute path of a file that is there and can be read
  kPath,          // the absolute path of what is made if need be
  kDirectory,     // the same, a directory
  kTexts,         // a list
  kPaths,         // a list of files and directories that are there
  kPairs,         // a map of texts
  kSection,       // a map of Key::keys
  kSwitches,      // rules:
  kAppendOutput,  // append_output:
  kOutputs,       // outputs:
};

inline constexpr std::uint64_t kNoWord = ~std::uint64_t{0};

// What a key says, between YAML and the typed place it is kept at.
struct Value {
  std::uint64_t number = 0;  // bool, number, bytes, milliseconds; of a word its index, or kNoWord
  std::string text{};        // of a word too
  std::vector<std::string> list{};
  std::vector<std::pair<std::string, std::string>> pairs{};
  bool unset = false;  // the place is an optional, and empty
};

struct Access {
  void (*store)(void* object, const Value& value) = nullptr;
  Value (*load)(const void* object) = nullptr;
  std::uint64_t step = 1;  // of a duration: the ms its place counts in
};

struct Key {
  std::string_view name;
  KeyType type = KeyType::kText;
  std::string_view meaning;
  Access access{};
  std::uint64_t least = 0, most = 0;          // of a number, a size; of a duration in ms
  std::span<const std::string_view> words{};  // of kWord
  std::span<const Key> keys{};                // of kSection
  std::string_view what{};                    // "a percentage"; else the type's name
  std::string_view if_unset{};                // an optional's default, in words
  bool required = false;
};

// Of the file: places are in a Config.
std::span<const Key> config_keys();
// Of an entry of outputs: places are in a SinkConfig. name and type have none: they are read before.
std::span<const Key> common_sink_keys();
std::vector<std::span<const Key>> own_sink_keys(SinkType type);
// Of those two that several types share.
std::span<const Key> http_sink_keys();
std::span<const Key> http_authentication_keys();
// By its name a key, header or setting that carries a secret.
bool is_secret_name(std::string_view name);

// "number, 1 to 100", "true or false": for people.
std::string describe(const Key& key);
// A duration or a size as one writes it: "30s", "8MiB".
std::string spell_duration(std::uint64_t ms);
std::string spell_size(std::uint64_t bytes);

}  // namespace shrike::app
