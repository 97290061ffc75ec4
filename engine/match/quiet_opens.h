// SPDX-License-Identifier: Apache-2.0
// QuietOpens remembers opens that left no rule possible. Programs open the same files again and again; what the index looks at is
// the same then, and need not be looked at a second time.
//
// What is kept is a fingerprint of all the index looks at: 64 bits in one of 32768 places, which another 15 bits choose. Its keys
// are drawn when it is made, so that nobody can search for an open that passes as another one.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <sys/stat.h>
#include <variant>
#include <vector>

#include "engine/event/event.h"
#include "engine/event/value.h"
#include "engine/match/rule_index.h"
#include "engine/program/program.h"

namespace shrike::match {

class QuietOpens {
 public:
  // What the index looks at for one type of events.
  struct Inputs {
    bool usable = false;               // all of it is of the open itself or in `slots`
    bool result = false;               // the number of the file descriptor counts, not only whether there is one
    std::uint32_t type = 0;            // of the event: evt.is_open_write is false of a creat
    std::vector<std::uint32_t> slots;  // beside the open: values of these
  };
  static Inputs inputs(const program::Program& program, const RuleIndex& index, event::EventType type);

  struct Fingerprint {
    std::uint64_t first = 0;
    std::uint64_t second = 0;
    std::uint64_t line = 0;  // chosen by the open alone, so that it is on its way while the rest is added
  };

  QuietOpens();

  // Of an open without further names. Values of Inputs::slots are to be added.
  Fingerprint fingerprint(const Inputs& inputs, const event::Open& open) const;
  void add(Fingerprint& fingerprint, const event::Value& value) const {
    const auto* text = std::get_if<std::string_view>(&value.data);
    if (text != nullptr && text->size() < 16 && value.also.count == 0) {
      add(fingerprint, *text);
    } else {
      add_value(fingerprint, value);
    }
  }

  bool knows(const Fingerprint& of) const { return lines_[of.line].places[of.first % kPlaces] == (of.second | 1U); }
  void remember(const Fingerprint& of) { lines_[of.line].places[of.first % kPlaces] = of.second | 1U; }

 private:
  static constexpr unsigned kShift = 64 - 12;
  static constexpr std::size_t kPlaces = 8;
  struct alignas(64) Line {
    std::uint64_t places[kPlaces] = {};  // 0: free
  };
  void add(Fingerprint& to, std::string_view text) const;
  void add_value(Fingerprint& to, const event::Value& value) const;
  void add(Fingerprint& to, std::uint64_t a, std::uint64_t b) const {
    to.first = mix_hash(to.first ^ a, b ^ keys_[0]);
    to.second = mix_hash(to.second ^ b, a ^ keys_[1]);
  }

  std::uint64_t keys_[4];
  std::vector<Line> lines_;
};

// Texts have no length in here, but for how far the last block is filled: whoever adds one says where it ends.
inline void QuietOpens::add(Fingerprint& to, std::string_view text) const {
  const char* at = text.data();
  std::size_t left = text.size();
  for (; left >= 16; left -= 16, at += 16) add(to, load_bytes(at, 8), load_bytes(at + 8, 8));
  const std::size_t low = left < 8 ? left : 8;
  add(to, load_bytes(at, low), load_bytes(at + low, left - low) | static_cast<std::uint64_t>(left) << 56U);
}

inline QuietOpens::Fingerprint QuietOpens::fingerprint(const Inputs& inputs, const event::Open& open) const {
  Fingerprint made{keys_[2], keys_[3], 0};
  const bool failed = open.ret < 0;
  const bool as_path = open.name == open.path;
  const std::uint64_t bits = (open.readable ? 1U : 0U) | (open.writable ? 2U : 0U) | (open.file.created ? 4U : 0U) |
                             (as_path ? 8U : 0U) | (failed ? 16U : 0U) | (open.file.mode & S_IFMT) |
                             static_cast<std::uint64_t>(open.mode) << 32U;
  add(made, open.flags, bits);
  add(made, failed || inputs.result ? static_cast<std::uint64_t>(open.ret) : 0,
      inputs.type | static_cast<std::uint64_t>(open.path.size()) << 32U);
  add(made, open.path);
  if (!as_path || !open.base.empty()) {
    add(made, open.name.size(), open.base.size());
    if (!as_path) add(made, open.name);
    add(made, open.base);
  }
  made.line = made.first >> kShift;
  __builtin_prefetch(&lines_[made.line]);
  return made;
}

}  // namespace shrike::match
