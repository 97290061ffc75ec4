// SPDX-License-Identifier: Apache-2.0
// QuietOpens remembers opens that left no rule possible. Programs open the same files again and again; what the index looks at is
// the same then, and need not be looked at a second time.
//
// What is kept is a fingerprint of all the index looks at: 64 bits in one of 32768 places, which another 15 bits choose. It is a
// universal hash: its keys are drawn when it is made, so that nobody can search for an open that passes as another one.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
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
    bool name = false;                 // the name as passed counts, even if the kernel has a path
    std::uint64_t type = 0;            // its number
    std::vector<std::uint32_t> slots;  // beside the open: values of these
    bool early = false;                // usable, and those are of the process alone
  };
  static Inputs inputs(const program::Program& program, const RuleIndex& index, event::EventType type);

  // Of an open all that is not text; what decides the way to a leaf.
  struct Shape {
    std::uint64_t flags = 0;
    std::uint64_t bits = 0;
    std::uint64_t result = 0;

    bool operator==(const Shape&) const = default;
  };
  static Shape shape(const Inputs& inputs, const event::OpenKey& open) {
    const bool failed = open.ret < 0;
    return {.flags = open.flags,
            .bits = (open.readable ? 1U : 0U) | (open.writable ? 2U : 0U) | (open.created ? 4U : 0U) | (failed ? 8U : 0U) |
                    open.file_type | inputs.type << 16U | static_cast<std::uint64_t>(open.mode) << 32U,
            .result = failed || inputs.result ? static_cast<std::uint64_t>(open.ret) : 0};
  }

  // Grows by what is added. Every sum starts with the lengths of all texts in it, and tells each value's kind.
  class Fingerprint {
   private:
    friend class QuietOpens;
    __extension__ using Wide = unsigned __int128;
    Wide sum_ = 0;
    std::size_t at_ = 0;      // the next key
    std::uint64_t line_ = 0;  // chosen by the open alone, so that it is on its way while the rest is added
  };

  QuietOpens();

  // Of an open without further names. Values of Inputs::slots are to be added. Nothing: its texts are too long.
  std::optional<Fingerprint> fingerprint(const Inputs& inputs, const Shape& shape, const event::OpenKey& open) const;
  // False: it is no value that can be added.
  bool add(Fingerprint& fingerprint, const event::Value& value) const;

  bool knows(const Fingerprint& of) const { return place(of) == tag(of); }
  void remember(const Fingerprint& of) {
    const std::uint64_t value = tag(of);
    lines_[of.line_].places[value >> 61U] = value;
  }

 private:
  static constexpr unsigned kShift = 64 - 12;
  static constexpr std::size_t kPlaces = 8;
  static constexpr std::size_t kKeys = 128;
  static constexpr std::size_t kTextMax = 512;  // of an open's texts together
  static constexpr std::size_t kSlotsMax = 4;   // more than that is not worth it
  static constexpr std::size_t kShort = 16;     // a shorter text is one step
  static_assert(kKeys >= 2 * (2 + kTextMax / 16 + 3));
  struct alignas(64) Line {
    std::uint64_t places[kPlaces] = {};  // 0: free
  };

  std::uint64_t place(const Fingerprint& of) const { return lines_[of.line_].places[tag(of) >> 61U]; }
  std::uint64_t tag(const Fingerprint& of) const { return fold(of.sum_, ends_[0], ends_[1]) | 1U; }
  static std::uint64_t fold(Fingerprint::Wide sum, std::uint64_t a, std::uint64_t b) {
    return mix_hash(static_cast<std::uint64_t>(sum) ^ a, static_cast<std::uint64_t>(sum >> 64U) ^ b);
  }
  // NH: a sum of products of which each has keys of its own. None waits for the one before.
  void add(Fingerprint& to, std::uint64_t a, std::uint64_t b) const {
    to.sum_ += static_cast<Fingerprint::Wide>(a + keys_[to.at_]) * (b + keys_[to.at_ + 1]);
    to.at_ += 2;
  }
  void add(Fingerprint& to, std::string_view text) const;

  std::array<std::uint64_t, kKeys> keys_;
  std::array<std::uint64_t, 4> ends_;
  std::vector<Line> lines_;
};

// Without its length.
inline void QuietOpens::add(Fingerprint& to, std::string_view text) const {
  const char* at = text.data();
  std::size_t left = text.size();
  for (; left >= 16; left -= 16, at += 16) add(to, load_bytes(at, 8), load_bytes(at + 8, 8));
  const std::size_t low = left < 8 ? left : 8;
  if (left > 0) add(to, load_bytes(at, low), load_bytes(at + low, left - low));
}

inline std::optional<QuietOpens::Fingerprint> QuietOpens::fingerprint(const Inputs& inputs, const Shape& shape,
                                                                      const event::OpenKey& open) const {
  // The name tells nothing else if there is a path.
  const bool as_path = !open.path.empty() && (!inputs.name || open.name == open.path);
  const std::size_t name = as_path ? 0 : open.name.size();
  const std::size_t base = as_path ? 0 : open.base.size();
  if (open.path.size() + name + base > kTextMax) return std::nullopt;
  Fingerprint made;
  add(made, shape.flags, shape.bits);
  add(made, shape.result, open.path.size() | name << 16U | base << 32U | (as_path ? std::uint64_t{1} << 48U : 0));
  add(made, open.path);
  if (!as_path) {
    add(made, open.name.substr(0, name));
    add(made, open.base.substr(0, base));
  }
  made.line_ = fold(made.sum_, ends_[2], ends_[3]) >> kShift;
  __builtin_prefetch(&lines_[made.line_]);
  return made;
}

inline bool QuietOpens::add(Fingerprint& to, const event::Value& value) const {
  const auto* text = std::get_if<std::string_view>(&value.data);
  const std::size_t steps = text == nullptr ? 1 : 2 + text->size() / 16;
  if (value.also.count != 0 || to.at_ + 2 * steps > kKeys) return false;
  const auto kind = [](std::uint64_t of) { return (of + kShort) << 56U; };  // beside lengths of short texts
  if (text != nullptr) {
    if (text->size() >= kShort) {
      add(to, text->size(), kind(4));
      add(to, *text);
      return true;
    }
    const std::size_t low = text->size() < 8 ? text->size() : 8;
    add(to, load_bytes(text->begin(), low), load_bytes(text->begin() + low, text->size() - low) | text->size() << 56U);
  } else if (const auto* flag = std::get_if<bool>(&value.data)) {
    add(to, *flag ? 1 : 0, kind(1));
  } else if (const auto* number = std::get_if<std::int64_t>(&value.data)) {
    add(to, static_cast<std::uint64_t>(*number), kind(2));
  } else if (const auto* natural = std::get_if<std::uint64_t>(&value.data)) {
    add(to, *natural, kind(3));
  } else if (value.absent()) {
    add(to, 0, kind(0));
  } else {
    return false;
  }
  return true;
}

}  // namespace shrike::match
